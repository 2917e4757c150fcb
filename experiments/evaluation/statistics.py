"""Intervals, paired differences, and the ceiling that noise in the ground truth sets."""

import math
from itertools import combinations
from typing import NamedTuple

import numpy as np

from ptmrec.benchmark.ground_truth import GroundTruth
from ptmrec.evaluation.metrics import weighted_tau

MAX_SPLITS = 20
MAX_LISTED = 200_000
"""Most splits that are listed to pick from; their number doubles with each repetition."""


class Interval(NamedTuple):
    """A mean with the ends of its confidence interval."""

    mean: float
    low: float
    high: float


def mean_interval(values: np.ndarray, draws: int = 10_000, level: float = 0.95, seed: int = 0) -> Interval:
    """Mean of values ``(T,)`` with a percentile bootstrap interval (Efron, 1979) over them.

    Raises:
        ValueError: no value, or one that is not finite.
    """
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 1 or not values.size or not np.isfinite(values).all():
        raise ValueError(f"expected a vector of finite numbers, got shape {values.shape}")
    resampled = np.random.default_rng(seed).integers(len(values), size=(draws, len(values)))
    low, high = np.quantile(values[resampled].mean(axis=1), [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(values.mean()), float(low), float(high))


def paired_bootstrap(
    ours: np.ndarray, theirs: np.ndarray, draws: int = 10_000, level: float = 0.95, seed: int = 0
) -> Interval:
    """Mean difference ``ours - theirs`` over the same targets ``(T,)`` with its bootstrap interval.

    Raises:
        ValueError: lengths differ, no value, or one that is not finite.
    """
    ours, theirs = np.asarray(ours, dtype=np.float64), np.asarray(theirs, dtype=np.float64)
    if ours.shape != theirs.shape:
        raise ValueError(f"paired values need one length, got {ours.shape} and {theirs.shape}")
    return mean_interval(ours - theirs, draws, level, seed)


def clustered_interval(
    values: np.ndarray, labels: np.ndarray, draws: int = 10_000, level: float = 0.95, seed: int = 0
) -> Interval:
    """Mean of values ``(T,)`` with a bootstrap interval that draws those of one label ``(T,)`` together.

    Raises:
        ValueError: no value, or one that is not finite.
    """
    values = np.asarray(values, dtype=np.float64)
    if not values.size or not np.isfinite(values).all():
        raise ValueError(f"expected finite numbers, got shape {values.shape}")
    places = np.unique(labels, return_inverse=True)[1]
    sums, counts = np.bincount(places, weights=values), np.bincount(places)
    drawn = np.random.default_rng(seed).integers(len(sums), size=(draws, len(sums)))
    means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(values.mean()), float(low), float(high))


def spearman_brown(correlation: float, factor: float = 2.0) -> float:
    """Reliability of a measurement ``factor`` times as long (Spearman, 1910; Brown, 1910).

    Defined for correlations above ``-1 / (factor - 1)``; used here on a rank correlation, as an approximation.
    """
    return factor * correlation / (1 + (factor - 1) * correlation)


def ceiling_tau(measurements: np.ndarray) -> float:
    """Agreement of a ground truth with itself: the tau_w a perfect ranker could expect.

    The repetitions are split into halves in every way (or 20 random ways); tau_w between the means of the
    halves, averaged over both directions and all ways, then Spearman-Brown corrected for the mean of both.
    Halves that disagree on average (below 0) give 0.

    Args:
        measurements: ``(R, N)``: R repetitions of N models; models with a missing value are left out.

    Raises:
        ValueError: fewer than two repetitions or two models.
    """
    values = np.asarray(measurements, dtype=np.float64)
    values = values[:, ~np.isnan(values).any(axis=0)]
    if values.ndim != 2 or values.shape[0] < 2 or values.shape[1] < 2:
        raise ValueError(f"a ceiling needs two repetitions of two models, got {values.shape}")
    taus = []
    for chosen in _halves(len(values)):
        first, second = values[chosen].mean(axis=0), values[~chosen].mean(axis=0)
        taus += [weighted_tau(first, second), weighted_tau(second, first)]
    return spearman_brown(max(float(np.mean(taus)), 0.0))


def truth_ceiling(truth: GroundTruth, regime: str, dataset: str) -> float:
    """Ceiling of one data set of a ground truth, see :func:`ceiling_tau`."""
    return ceiling_tau(truth.repeats[regime][truth.datasets.index(dataset)].T)


def _halves(count: int) -> list[np.ndarray]:
    if math.comb(count, count // 2) > MAX_LISTED:
        generator = np.random.default_rng(0)
        return [generator.permutation(count) < count // 2 for _ in range(MAX_SPLITS)]
    ways = list(combinations(range(count), count // 2))
    if count % 2 == 0:
        ways = [way for way in ways if 0 in way]  # the other half is the same split
    if len(ways) > MAX_SPLITS:
        picked = np.random.default_rng(0).choice(len(ways), MAX_SPLITS, replace=False)
        ways = [ways[index] for index in picked]
    return [np.isin(np.arange(count), way) for way in ways]
