import numpy as np
import pytest
from conftest import DATASETS, make_ground_truth

from experiments.evaluation.baselines import BASELINES, Evidence, build_baselines
from experiments.evaluation.compare import Target
from ptmrec.core.errors import ConfigError

GENERATOR = np.random.default_rng(1)
TRUTH, CARDS = make_ground_truth(GENERATOR.random((4, 12)))
TOKENS = {name: GENERATOR.normal(size=(2, 3, 8)) for name in DATASETS}
NAMES = ("knn", "logme", "hscore", "leep", "nce", "nleep", "transrate", "parc")
ESTIMATES = {name: {model: dict.fromkeys(NAMES, GENERATOR.random()) for model in CARDS} for name in DATASETS}
EVIDENCE = Evidence(CARDS, TRUTH, TOKENS, ESTIMATES, neighbours=2)


@pytest.mark.parametrize("name", BASELINES)
def test_every_baseline_scores_every_candidate(name):
    (method,) = build_baselines([name], EVIDENCE)
    scores = method.rank(Target("blind", "b", "low_data", TOKENS["b"]))
    assert method.name == name
    assert scores.shape == (12,)
    assert np.isfinite(scores).all()


@pytest.mark.parametrize("name", BASELINES)
def test_no_baseline_reads_the_targets_own_measurements(name):
    """Whatever was measured on the target, the answer is the same."""
    other, _ = make_ground_truth(np.vstack([TRUTH.accuracy["low_data"][:1], GENERATOR.random((3, 12))]))
    target = Target("known", "a", "low_data", TOKENS["a"])
    changed = Evidence(CARDS, TRUTH, TOKENS, ESTIMATES, 2)
    poisoned = TRUTH.accuracy["low_data"].copy()
    poisoned[0] = other.accuracy["low_data"][1]
    truth = type(TRUTH)(TRUTH.datasets, TRUTH.models, {**TRUTH.accuracy, "low_data": poisoned}, TRUTH.repeats)
    (method,) = build_baselines([name], changed)
    (again,) = build_baselines([name], Evidence(CARDS, truth, TOKENS, ESTIMATES, 2))
    np.testing.assert_array_equal(method.rank(target), again.rank(target))


def test_the_order_of_rows_is_that_of_the_names_and_unknown_ones_are_named():
    names = ["LogME", "mean rank"]
    assert [method.name for method in build_baselines(names, EVIDENCE)] == names
    with pytest.raises(ConfigError, match="'luck' is unknown; known: parameter count, source accuracy, mean rank"):
        build_baselines(["luck"], EVIDENCE)
