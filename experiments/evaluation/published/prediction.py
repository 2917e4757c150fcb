"""Accuracies, not only ranks, on a data set without images: its level from cards, models' distances from records."""

import warnings

import numpy as np
from scipy.special import expit, logit
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, Kernel, WhiteKernel

from ptmrec.evaluation.published.benchmarks import Benchmark
from ptmrec.evaluation.published.cards import dataset_features

CLOSEST = 0.005
"""Accuracies are kept this far from 0 and 1 before their logits are taken."""


def predict_accuracies(benchmark: Benchmark, texts: np.ndarray, pooled: bool = False) -> np.ndarray:
    """Accuracies ``(T, N)`` of every model on every target, the target left out.

    A Gaussian process from what is public of a data set (its card, chance, mean text features) gives the mean logit
    of all models there; a model's mean distance from that on the other data sets is added. Data sets without
    classes (retrieval) are left out.

    Args:
        benchmark: the table.
        texts: ``(K, T)`` text features of the targets, means over models; K may be 0.
        pooled: learn from the data sets that are no targets, too; they count as average ones in ``texts``.
    """
    count = len(benchmark.targets)
    kept = np.array([place < count or (pooled and card.classes > 0) for place, card in enumerate(benchmark.places)])
    cards = [card for card, keep in zip(benchmark.places, kept, strict=True) if keep]
    logits = logit(np.clip(benchmark.accuracy[kept], CLOSEST, 1 - CLOSEST))
    chance = logit([1 / max(card.classes, 2) for card in cards])
    known = np.column_stack([dataset_features(cards), chance / 4])
    predicted = np.empty((count, benchmark.accuracy.shape[1]))
    for place in range(count):
        others = benchmark.others(place, groups=False)[kept]
        levels = logits[others].mean(axis=1)
        distance = (logits[others] - levels[:, None]).mean(axis=0)
        # Scaled by the training data sets alone.
        seen = texts[:, others[:count]]
        scaled = (texts - seen.mean(axis=1, keepdims=True)) / (2 * seen.std(axis=1, keepdims=True) + 1e-9)
        points = np.column_stack([known, np.pad(scaled.T, ((0, len(cards) - count), (0, 0)))])
        kernel = ConstantKernel(1.0, (1e-2, 1e2)) * RBF(1.5, (0.5, 10.0)) + WhiteKernel(0.5, (1e-2, 1e1))
        process = gaussian_process(kernel).fit(points[others], levels - levels.mean())
        predicted[place] = expit(levels.mean() + process.predict(points[place][None])[0] + distance)
    return predicted


def mean_accuracies(benchmark: Benchmark) -> np.ndarray:
    """Accuracies ``(T, N)`` of the static row: each model's mean on the other targets."""
    accuracy = benchmark.accuracy[: len(benchmark.targets)]
    return (accuracy.sum(axis=0) - accuracy) / (len(accuracy) - 1)


def at_true_level(benchmark: Benchmark) -> np.ndarray:
    """Accuracies ``(T, N)`` with the true level of each target: what is left is the error of models' distances."""
    logits = logit(np.clip(benchmark.accuracy[: len(benchmark.targets)], CLOSEST, 1 - CLOSEST))
    levels = logits.mean(axis=1, keepdims=True)
    distances = logits - levels
    return expit(levels + (distances.sum(axis=0) - distances) / (len(logits) - 1))


def gaussian_process(kernel: Kernel) -> GaussianProcessRegressor:
    """A process whose kernel is fitted by marginal likelihood, without warnings of lengths at their bounds."""
    return _Quiet(kernel, alpha=1e-8, n_restarts_optimizer=0, random_state=0)


class _Quiet(GaussianProcessRegressor):
    """A length that reaches its bound is an answer here (no likeness to be seen), not a warning."""

    def fit(self, X, y):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            return super().fit(X, y)
