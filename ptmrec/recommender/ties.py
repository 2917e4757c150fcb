"""Which models of a ranking are not told apart from the best, and the ranks that follow."""

import numpy as np
import pandas as pd


def ranked(frame: pd.DataFrame) -> pd.DataFrame:
    """Models best first with their ranks, by one rule: whoever stands before the first that is told apart ties with it.

    Args:
        frame: with ``score``, ``model`` and ``tied_with_best``, which says of each model whether it is told apart from
            the best. A model behind one that is told apart ties with nobody.

    Returns:
        The frame in order, with ``rank`` first: 1 for all that tie with the best, their place for all others.
    """
    frame = frame.sort_values(["score", "model"], ascending=[False, True], ignore_index=True)
    tied = np.logical_and.accumulate(frame["tied_with_best"].to_numpy(dtype=bool))
    ranks = np.where(tied, 1, np.arange(1, len(frame) + 1))
    rest = [name for name in frame if name != "rank"]
    return frame.assign(tied_with_best=tied, rank=ranks)[["rank", *rest]]


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
