import numpy as np
import pandas as pd

from experiments.evaluation.published.goals import GOALS, against_goals
from experiments.evaluation.published.pooled import ONE_FOR_ALL, POOLED
from experiments.evaluation.published.protocols import BEST_OTHER


def summary(rows):
    frame = pd.DataFrame(rows, columns=["benchmark", "protocol", "metric", "method", "value", "gain"])
    return frame.assign(targets=3, low=0.1, high=0.9, gain_low=-0.1, gain_high=0.2)


def test_ours_stands_beside_the_best_rule_the_ceiling_and_the_goal():
    place = ("openclip", "blind data")
    rows = [
        (*place, "tau_w", "ours", 0.76, 0),
        (*place, "tau_w", "mean rank", 0.7, 0.06),
        (*place, "tau_w", "parameters", 0.5, 0.26),
        (*place, "tau_w", BEST_OTHER, 0.8, -0.04),
        ("openclip", POOLED, "tau_w", ONE_FOR_ALL, 0.71, 0.05),
        (*place, "regret1_caps", "ours", 0.03, 0),
        (*place, "regret1_caps", "mean rank", 0.05, -0.02),
        (*place, "regret1_caps", "parameters", 0.08, -0.05),
    ]
    table = against_goals(summary(rows)).set_index("metric")
    first = table.loc["tau_w"]
    assert (first["rule"], first["gain"], first["ceiling"], first["pooled"], first["goal"]) == (
        *("mean rank", 0.06, 0.8, 0.71, 0.75),
    )
    assert first["met"]
    second = table.loc["regret1_caps"]
    assert (second["rule"], second["goal"], second["met"]) == ("mean rank", 0.025, False)
    assert np.isnan(second["ceiling"]) and np.isnan(second["pooled"])
    assert len(table) == 2


def test_goals_are_named_once():
    assert len({(goal.benchmark, goal.protocol, goal.metric) for goal in GOALS}) == len(GOALS) == 14
