import pandas as pd
import pytest

from experiments.evaluation.published.goals import GOALS, against_goals
from experiments.thesis.macros import Macros, number
from experiments.thesis.published import BENCHMARKS, METRICS, add_published, published_table
from experiments.thesis.results import Results
from ptmrec.config.sections import PathsConfig


@pytest.fixture
def summary(run):
    return pd.read_csv(run.results / "published_summary.csv")


def test_each_goal_has_its_numbers(config, run, summary):
    macros = Macros()
    add_published(macros, Results(config.get(PathsConfig)))
    row = against_goals(summary).set_index(["benchmark", "protocol", "metric"]).loc[("openclip", "blind data", "tau_w")]
    name = "PublishedOpenCLIPBlindDataTauW"
    assert macros.texts[f"{name}Only"] == number(row["value"])
    assert macros.texts[f"{name}Rule"] == number(row["rule_value"])
    assert macros.texts[f"{name}GainOnly"] == number(row["gain"], signed=True)
    assert macros.texts[f"{name}Ceiling"] == number(row["ceiling"])
    assert macros.texts["PublishedGoals"] == number(len(GOALS), 0)
    assert "published_summary.csv" in macros.origins[name]


def test_the_table_has_a_row_per_goal_in_blocks(summary):
    table = published_table(summary)
    assert len(table) == len(GOALS)
    assert set(table["benchmark"]) == set(BENCHMARKS.values())
    row = table[(table["benchmark"] == "LOVM") & table["held out"].str.endswith(METRICS["mae"])].iloc[0]
    expected = against_goals(summary).set_index("metric").loc["mae"]
    assert row["ours"] == f"{expected.value:.2f} [{expected.low:.2f}, {expected.high:.2f}]"
    assert row["goal"] == "0.12"
