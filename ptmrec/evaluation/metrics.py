"""How well scores rank models, each metric with its convention. Ground truth first, larger is better."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import stats
from sklearn.metrics import ndcg_score


def _pair(true: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    true, scores = np.asarray(true, dtype=np.float64), np.asarray(scores, dtype=np.float64)
    if true.ndim != 1 or true.shape != scores.shape:
        raise ValueError(f"expected two vectors of one length, got shapes {true.shape} and {scores.shape}")
    measured = ~np.isnan(true)
    true, scores = true[measured], scores[measured]
    if not np.isfinite(scores).all():
        raise ValueError("scores of measured models must be finite")
    if len(true) < 2:
        raise ValueError(f"a ranking needs at least two measured models, got {len(true)}")
    return true, scores


def _or_zero(value: float) -> float:
    """A constant vector says nothing about the order; its correlation counts as 0."""
    return float(value) if np.isfinite(value) else 0.0


def weighted_tau(true: np.ndarray, scores: np.ndarray) -> float:
    """tau_w as in Model Spider: ``scipy.stats.weightedtau(true, scores, rank=None)``.

    Args:
        true: ``(N,)`` accuracies, NaN = not measured.
        scores: ``(N,)`` scores, larger is better.

    Raises:
        ValueError: shapes differ, scores are not finite, or fewer than two models are measured.
    """
    true, scores = _pair(true, scores)
    return _or_zero(stats.weightedtau(true, scores, rank=None).statistic)


def weighted_tau_default(true: np.ndarray, scores: np.ndarray) -> float:
    """Scipy's default weighted tau (mean over both rankings); arguments as in :func:`weighted_tau`."""
    return _or_zero(stats.weightedtau(*_pair(true, scores)).statistic)


def kendall_tau_b(true: np.ndarray, scores: np.ndarray) -> float:
    """Kendall's tau-b; arguments as in :func:`weighted_tau`."""
    true, scores = _pair(true, scores)
    method = "asymptotic" if len(true) > 2 else "exact"  # of the p-value, which is left: it divides by n - 2
    return _or_zero(stats.kendalltau(true, scores, method=method).statistic)


def spearman(true: np.ndarray, scores: np.ndarray) -> float:
    """Spearman's rank correlation; arguments as in :func:`weighted_tau`."""
    true, scores = _pair(true, scores)
    if not (np.ptp(true) and np.ptp(scores)):  # of which scipy warns
        return 0.0
    return float(stats.spearmanr(true, scores).statistic)


def ndcg_at(true: np.ndarray, scores: np.ndarray, k: int = 5) -> float:
    """NDCG of the first k, gains being accuracies scaled to 0..1 within the list.

    Ties in the scores share their mean gain (``sklearn.metrics.ndcg_score``). A list of equals gives 1.
    """
    true, scores = _pair(true, scores)
    if np.ptp(true) == 0:
        return 1.0
    return float(ndcg_score([(true - true.min()) / np.ptp(true)], [scores], k=k))


def top1_regret(true: np.ndarray, scores: np.ndarray) -> float:
    """Accuracy points (0 to 100) lost by taking the first recommendation; the mean over ties at the top."""
    true, scores = _pair(true, scores)
    return float(100 * (true.max() - true[scores == scores.max()].mean()))


def hit_at(true: np.ndarray, scores: np.ndarray, k: int = 5) -> float:
    """Chance that a best model is among the first k when ties in the scores are broken at random.

    Raises:
        ValueError: k is below 1, or as in :func:`weighted_tau`.
    """
    true, scores = _pair(true, scores)
    if k < 1:
        raise ValueError(f"k must be at least 1, got {k}")
    best = true == true.max()
    cut = np.sort(scores)[::-1][min(k, len(scores)) - 1]
    if (best & (scores > cut)).any():
        return 1.0
    tied, wanted = scores == cut, int((best & (scores == cut)).sum())
    places = min(k, len(scores)) - int((scores > cut).sum())
    missed = stats.hypergeom(int(tied.sum()), wanted, places).pmf(0) if wanted else 1.0
    return float(1.0 - missed)


@dataclass(frozen=True)
class Metric:
    """One way to judge scores.

    Attributes:
        function: ground truth ``(N,)`` and scores ``(N,)`` -> number.
        label: how tables and figures call it.
    """

    function: Callable[[np.ndarray, np.ndarray], float]
    label: str


METRICS = {
    "tau_w": Metric(weighted_tau, r"$\tau_w$"),
    "tau_w_default": Metric(weighted_tau_default, r"$\tau_w$ (scipy's default)"),
    "kendall": Metric(kendall_tau_b, r"Kendall's $\tau_b$"),
    "spearman": Metric(spearman, r"Spearman's $\rho$"),
    "ndcg5": Metric(ndcg_at, "NDCG@5"),
    "regret1": Metric(top1_regret, "regret"),
    "hit5": Metric(hit_at, "hit@5"),
}
"""Every metric by the name of its column in results."""


def all_metrics(true: np.ndarray, scores: np.ndarray) -> dict[str, float]:
    """Every metric of :data:`METRICS` by its name."""
    return {name: metric.function(true, scores) for name, metric in METRICS.items()}
