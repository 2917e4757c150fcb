"""Which models of a ranking are not told apart from the best."""

import numpy as np


def tied_with_best(samples: np.ndarray) -> np.ndarray:
    """Which models are not told apart from the best one, itself included.

    A model is tied when its mean score is behind the best by less than twice the standard error of that difference,
    taken in pairs: what moves both scores alike says nothing about their order. Members and draws both add to the
    error; the draws of one member are not counted as independent answers, as they share its training.

    Args:
        samples: ``(K, S, N)`` scores of each member on each draw.

    Returns:
        ``(N,)`` bool; with one member and one draw, the models whose score equals the best.
    """
    best = samples.mean(axis=(0, 1)).argmax()
    behind = samples[..., [best]] - samples
    variance = _variance_of_mean(behind.mean(axis=1)) + _variance_of_mean(behind.mean(axis=0))
    gap = behind.mean(axis=(0, 1))
    return (gap < 2 * np.sqrt(variance)) | (gap <= 0)


def _variance_of_mean(values: np.ndarray) -> np.ndarray:
    """Variance ``(N,)`` of the mean over the rows of ``(k, N)``; 0 for a single row."""
    return values.var(axis=0, ddof=1) / len(values) if len(values) > 1 else np.zeros(values.shape[1])
