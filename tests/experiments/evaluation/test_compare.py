import numpy as np
import pandas as pd
import pytest
from conftest import DATASETS, make_ground_truth

from experiments.evaluation.compare import Method, Target, evaluate_methods, summarise
from experiments.evaluation.statistics import paired_bootstrap, truth_ceiling
from ptmrec.config.sections import REGIMES
from ptmrec.evaluation.metrics import METRICS, all_metrics

GENERATOR = np.random.default_rng(3)
TRUTH, _ = make_ground_truth(GENERATOR.random((4, 12)))
TARGETS = [Target("blind", name, regime, np.zeros((2, 3, 4))) for name in DATASETS for regime in REGIMES]


def true_row(target):
    return TRUTH.row(target.regime, target.dataset)


def noisy(target, size):
    """Answers that depend on the target only, so that every call repeats them."""
    generator = np.random.default_rng(sum(map(ord, target.dataset + target.regime)))
    return true_row(target) + 0.3 * generator.normal(size=(*size, 12))


METHODS = [
    Method("perfect", true_row),
    Method("reversed", lambda target: -true_row(target)),
    Method("draws", lambda target: noisy(target, (5,))),
    Method("seeds", lambda target: noisy(target, (3, 5))),
]


@pytest.fixture(scope="module")
def frame():
    return evaluate_methods(TARGETS, TRUTH, METHODS)


def test_one_row_per_target_and_method_with_every_metric_and_the_ceiling(frame):
    assert len(frame) == len(TARGETS) * len(METHODS)
    assert set(METRICS) <= set(frame.columns)
    row = frame[(frame["dataset"] == "b") & (frame["regime"] == "fine_tuning") & (frame["method"] == "perfect")].iloc[0]
    assert row["tau_w"] == pytest.approx(1.0)
    assert row["ceiling"] == truth_ceiling(TRUTH, "fine_tuning", "b")
    assert frame.loc[frame["method"] == "reversed", "tau_w"].max() < -0.9


def test_metrics_of_several_answers_are_means_over_them(frame):
    target = TARGETS[3]
    row = frame[(frame["dataset"] == target.dataset) & (frame["regime"] == target.regime)].set_index("method")
    draws = [all_metrics(true_row(target), scores) for scores in noisy(target, (5,))]
    for name in METRICS:
        assert row.loc["draws", name] == pytest.approx(np.mean([draw[name] for draw in draws]))
    by_seed = [
        np.mean([all_metrics(true_row(target), scores)["tau_w"] for scores in seed]) for seed in noisy(target, (3, 5))
    ]
    assert row.loc["seeds", "tau_w"] == pytest.approx(np.mean(by_seed))
    assert row.loc["seeds", "tau_w_sd"] == pytest.approx(np.std(by_seed, ddof=1))
    assert np.isnan(row.loc["draws", "tau_w_sd"])


def test_summary_pairs_targets_and_takes_the_difference_to_ours(frame):
    summary = summarise(frame, "draws", draws=500).set_index(["regime", "method"])
    part = frame[frame["regime"] == "low_data"].pivot(index="dataset", columns="method", values="tau_w")
    row = summary.loc[("low_data", "reversed")]
    interval = paired_bootstrap(part["draws"].to_numpy(), part["reversed"].to_numpy(), 500)
    assert (row["gain"], row["gain_low"], row["gain_high"]) == pytest.approx(interval)
    assert row["tau_w"] == pytest.approx(part["reversed"].mean())
    assert summary.loc[("low_data", "draws"), ["gain", "gain_low", "gain_high"]].tolist() == [0, 0, 0]
    points = frame[frame["regime"] == "low_data"].pivot(index="dataset", columns="method", values="regret1")
    saved = paired_bootstrap(points["reversed"].to_numpy(), points["draws"].to_numpy(), 500)
    assert (row["saved"], row["saved_low"], row["saved_high"]) == pytest.approx(saved)
    assert row["regret1"] == pytest.approx(points["reversed"].mean())
    assert row["regret1_low"] <= row["regret1"] <= row["regret1_high"]
    assert (summary["targets"] == 4).all()


def test_the_order_of_rows_does_not_reach_the_summary(frame):
    shuffled = frame.sample(frac=1, random_state=0)
    keys = ["group", "regime", "method"]
    first, second = (summarise(f, "draws", draws=200).sort_values(keys, ignore_index=True) for f in (frame, shuffled))
    drawn = [name for name in first if name.endswith(("_low", "_high"))]
    pd.testing.assert_frame_equal(first.drop(columns=drawn), second.drop(columns=drawn))


def test_shuffled_truth_leaves_nothing_to_find():
    """A permutation test: scores that were perfect know nothing of a truth that was shuffled."""
    taus = []
    for seed in range(40):
        order = np.random.default_rng(seed).permutation(12)
        shuffled = [Method("was perfect", lambda target, order=order: true_row(target)[order])]
        taus += evaluate_methods(TARGETS, TRUTH, shuffled)["tau_w"].tolist()
    assert abs(np.mean(taus)) < 0.1
