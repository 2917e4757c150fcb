"""LOVM's metrics and baselines (Zohar et al., NeurIPS 2023), after the code of its repository."""

from collections.abc import Callable

import numpy as np
from scipy import stats
from sklearn.linear_model import LinearRegression

from ptmrec.evaluation.published.benchmarks import best_models, recall_of_best

IMAGENET = "imagenet1k"


def tau_of_best(true: np.ndarray, scores: np.ndarray) -> float:
    """tau5: Kendall's tau over the models in both best fives; 0 where they share fewer than three.

    A tau over three to five models, or a 0 by decree: noisy, and no measure of the whole list.
    """
    shared = np.intersect1d(best_models(true), best_models(scores))
    return float(stats.kendalltau(true[shared], scores[shared]).statistic) if len(shared) >= 3 else 0.0


def signed_error_of_best(true: np.ndarray, predicted: np.ndarray) -> float:
    """L1 as in LOVM: the absolute *mean signed* error over the five models predicted best.

    Errors of opposite sign cancel, so this is no mean absolute error; see :func:`absolute_error`.
    """
    best = best_models(predicted)
    return float(abs(np.mean(predicted[best] - true[best])))


def absolute_error(true: np.ndarray, predicted: np.ndarray) -> float:
    """Mean absolute error over all models."""
    return float(np.mean(np.abs(predicted - true)))


LOVM_METRICS: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "r5": recall_of_best,
    "tau5": tau_of_best,
    "l1": signed_error_of_best,
    "mae": absolute_error,
}
"""Name -> function of accuracies ``(N,)`` and scores or predicted accuracies ``(N,)``."""


def model_gpt(accuracy: np.ndarray, features: np.ndarray, centred: bool) -> np.ndarray:
    """ModelGPT without its search for features on the test: least squares, each data set left out in turn.

    Args:
        accuracy: ``(T, N)``.
        features: ``(K, T, N)``.
        centred: regress on accuracies less their data set's mean, as for ranking; raw ones predict accuracies.

    Returns:
        Predictions ``(T, N)`` for the data set left out.
    """
    wanted = accuracy - accuracy.mean(axis=1, keepdims=True) if centred else accuracy
    pairs = np.moveaxis(features, 0, -1)
    predicted = np.empty_like(accuracy)
    for place in range(len(accuracy)):
        others = np.arange(len(accuracy)) != place
        model = LinearRegression().fit(pairs[others].reshape(-1, len(features)), wanted[others].ravel())
        predicted[place] = model.predict(pairs[place])
    return predicted
