import numpy as np
import pandas as pd
import pytest

from experiments.evaluation.compare import Target
from experiments.studies.fusion import LIMITS
from experiments.studies.hardware_choice import (
    FILTER,
    FUSION,
    LARGEST,
    SHADOW,
    SOFT_FUSION,
    SOFT_SHADOW,
    add_committed,
    cost_board,
    make_limit_task,
    outcome,
    picks,
    summarise_choices,
)
from ptmrec.benchmark.splits import KNOWN
from ptmrec.config.parser import ConfigParser
from ptmrec.pipeline.project import Project

COST = np.array([1.0, 2.0, 3.0, 4.0])
FITS = COST <= 3
SCORES = {FILTER: np.array([0.1, 0.6, 0.5, 0.9]), LARGEST: COST}
TARGET = Target("", "toy", "low_data", np.ones((2, 3, 16), np.float32))


class Fixed:
    """A fused ranker that wants the last model, whatever the limit."""

    def scores(self, target, limit, value):
        assert (limit, value) == ("max_latency", 3.0)
        return np.arange(4.0)


def test_hard_methods_keep_the_limit_and_soft_ones_may_not():
    found = {method: pick for method, _, pick in picks(SCORES, [Fixed()], TARGET, "max_latency", COST, FITS)}
    assert found == {FILTER: 1, LARGEST: 2, SOFT_SHADOW: 3, SHADOW: 1, SOFT_FUSION: 3, FUSION: 2}


def test_what_a_pick_is_worth():
    true = np.array([0.5, 0.7, 0.8, 0.9])
    assert outcome(true, FITS, 1) == {
        "accuracy": 0.7,
        "feasible_best": 0.8,
        "regret": pytest.approx(0.1),
        "violations": 0,
    }
    assert outcome(true, FITS, 3)["violations"] == 1


def test_a_pick_that_breaks_the_limit_has_no_regret():
    rows = [
        {"method": method, "target": target, "regime": "low_data", "limit": "max_latency", "value": value, "seed": 0}
        | {"accuracy": 0.5, "feasible_best": 0.6, "regret": regret, "violations": violations}
        for target in ("a", "b", "c")
        for value in (1.0, 2.0)
        for method, regret, violations in ((FILTER, 0.1, 0), (SOFT_SHADOW, -0.3 * value, int(value > 1)))
    ]
    summary = summarise_choices(pd.DataFrame(rows), draws=100).set_index("method")
    assert summary.loc[SOFT_SHADOW, "regret"] == pytest.approx(-0.3) and summary.loc[SOFT_SHADOW, "violations"] == 0.5
    assert summary.loc[FILTER, ["regret", "gain", "violations"]].tolist() == pytest.approx([0.1, 0, 0])
    assert summary.loc[SOFT_SHADOW, "gain"] == pytest.approx(-0.4), "paired by data set"


def test_rows_of_fusion_that_no_run_made_are_the_committed_ones_and_say_so(tmp_path):
    rows = [{"regime": regime, "method": FILTER, "regret": 0.1} for regime in ("low_data", "fine_tuning")]
    earlier = pd.DataFrame([{**row, "method": name} for row in rows for name in (FILTER, SOFT_FUSION, FUSION)])
    earlier.to_csv(tmp_path / "earlier.csv", index=False)
    found = add_committed(pd.DataFrame(rows), tmp_path / "earlier.csv")
    assert found["method"].tolist() == 2 * [FILTER, SOFT_FUSION, FUSION]
    assert found["committed"].tolist() == 2 * [False, True, True]
    assert found["regime"].tolist() == 3 * ["low_data"] + 3 * ["fine_tuning"]
    assert not add_committed(earlier, tmp_path / "earlier.csv")["committed"].any(), "its own run's"


@pytest.mark.slow
def test_candidates_are_known_models_and_targets_blind():
    project = Project(ConfigParser(profile="smoke"))
    bench = make_limit_task(project)
    assert bench.names == project.models(*KNOWN) and set(bench.costs) == set(LIMITS)
    assert all((cost > 0).all() and len(cost) == len(bench.names) for cost in bench.costs.values())
    assert {target.dataset for target in bench.targets} <= set(project.splits.blind)
    board = cost_board(project)
    assert board["expected_accuracy"].between(0, 1).all()
    assert board.loc[board["expected_accuracy"].idxmax(), "on_pareto"]
    assert board.loc[board["latency_high_ms"].idxmin(), "on_pareto"]
