import warnings
from itertools import permutations

import numpy as np
import pytest
from scipy import stats

from ptmrec.evaluation.metrics import all_metrics, hit_at, ndcg_at, top1_regret, weighted_tau

GENERATOR = np.random.default_rng(3)


def test_weighted_tau_is_model_spiders_convention():
    true, scores = GENERATOR.random(12), GENERATOR.random(12)
    assert weighted_tau(true, scores) == stats.weightedtau(true, scores, rank=None).statistic
    assert weighted_tau(true, scores) != weighted_tau(scores, true)


def test_all_against_scipy():
    true, scores = GENERATOR.random(15), GENERATOR.integers(0, 5, 15).astype(float)
    metrics = all_metrics(true, scores)
    assert metrics["tau_w_default"] == stats.weightedtau(true, scores).statistic
    assert metrics["kendall"] == stats.kendalltau(true, scores).statistic
    assert metrics["spearman"] == pytest.approx(stats.spearmanr(true, scores).statistic)
    assert metrics["ndcg5"] == ndcg_at(true, scores, 5) != ndcg_at(true, scores, 6)
    assert metrics["hit5"] == hit_at(true, scores, 5)
    assert all_metrics(np.arange(6.0), np.zeros(6))["hit5"] == pytest.approx(5 / 6)


def test_two_of_three_models_may_tie():
    found = all_metrics(np.array([0.1, 0.2, 0.3]), np.array([1.0, 1.0, 2.0]))
    assert found["kendall"] == pytest.approx(2 / np.sqrt(3 * 2))


def test_two_models_are_enough():
    for sign in (1, -1):
        metrics = all_metrics(np.array([0.1, 0.2]), sign * np.array([1.0, 2.0]))
        assert metrics["tau_w"] == metrics["kendall"] == sign and metrics["spearman"] == pytest.approx(sign)


def tie_orders(scores):
    """Every order of the models that the scores allow."""
    return [
        order
        for order in permutations(range(len(scores)))
        if all(scores[a] >= scores[b] for a, b in zip(order, order[1:], strict=False))
    ]


@pytest.mark.parametrize("k", [1, 2, 3, 10])
@pytest.mark.parametrize("scores", [[3, 2, 1, 0, 5], [1, 1, 0, 0, 0], [2, 2, 2, 2, 2]])
def test_ties_are_expectations_over_all_orders(scores, k):
    true = np.array([0.4, 0.9, 0.1, 0.9, 0.2])
    orders = tie_orders(scores)
    hits = [any(true[i] == true.max() for i in order[:k]) for order in orders]
    assert hit_at(true, np.array(scores), k) == pytest.approx(np.mean(hits))
    gains = (true - true.min()) / np.ptp(true)
    discounts = 1 / np.log2(np.arange(2, len(true) + 2))
    discounts[k:] = 0
    ideal = np.sort(gains)[::-1] @ discounts
    assert ndcg_at(true, scores, k) == pytest.approx(
        np.mean([gains[list(order)] @ discounts for order in orders]) / ideal
    )
    regrets = [100 * (true.max() - true[order[0]]) for order in orders]
    assert top1_regret(true, np.array(scores)) == pytest.approx(np.mean(regrets))


@pytest.mark.parametrize("metric", [hit_at, ndcg_at])
def test_at_least_one_place(metric):
    with pytest.raises(ValueError, match="k"):
        metric(np.array([0.1, 0.2]), np.array([1.0, 2.0]), 0)


def test_perfect_and_reversed():
    true = np.linspace(0, 1, 8)
    best, worst = all_metrics(true, true), all_metrics(true, -true)
    expected = dict.fromkeys(best, 1.0) | {"regret1": 0.0}
    assert best == pytest.approx(expected)
    assert worst["tau_w"] == pytest.approx(-1)
    assert worst["regret1"] == 100
    assert worst["hit5"] == 0


def test_missing_measurements_are_left_out():
    true, scores = np.array([0.1, np.nan, 0.3, 0.2]), np.array([1.0, np.nan, 3.0, 2.0])
    assert all_metrics(true, scores) == all_metrics(true[[0, 2, 3]], scores[[0, 2, 3]])


def test_constant_scores_say_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        metrics = all_metrics(GENERATOR.random(6), np.ones(6))
    assert all(metrics[key] == 0 for key in ("tau_w", "tau_w_default", "kendall", "spearman"))


@pytest.mark.parametrize(
    ("true", "scores", "words"),
    [
        ([1, 2], [1, 2, 3], "one length"),
        ([[1, 2]], [[1, 2]], "vectors"),
        ([1, np.nan], [1, 2], "at least two"),
        ([1, 2], [1, np.nan], "finite"),
    ],
)
def test_errors(true, scores, words):
    with pytest.raises(ValueError, match=words):
        all_metrics(np.array(true, float), np.array(scores, float))
