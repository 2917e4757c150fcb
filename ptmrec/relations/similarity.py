"""How alike two data sets are."""

import numpy as np
from sklearn.metrics import pairwise_distances


def dataset_distance(first: np.ndarray, second: np.ndarray) -> float:
    """Cosine distance between the mean class tokens of two data sets, ``(S, M, D)`` each."""
    means = [tokens.astype(np.float64).mean(axis=(0, 1)) for tokens in (first, second)]
    return float(pairwise_distances(means[:1], means[1:], metric="cosine")[0, 0])


def covariance_similarity(first: np.ndarray, second: np.ndarray) -> float:
    """Cosine of the covariances of two sets of vectors, ``(n, r)`` and ``(m, r)``; 0 to 1.

    The Frobenius product of ``A'A`` and ``B'B`` is the squared norm of ``A B'``, so no covariance is built.
    """
    first, second = (values - values.mean(axis=0) for values in (np.asarray(first), np.asarray(second)))
    length = np.linalg.norm(first @ first.T) * np.linalg.norm(second @ second.T)
    return float(np.linalg.norm(first @ second.T) ** 2 / length) if length else 0.0


def reference_similarity(first: tuple[np.ndarray, np.ndarray], second: tuple[np.ndarray, np.ndarray]) -> float:
    """Likeness of two labelled sets of reference coordinates: cosine of the total plus of the between-class covariance.

    Args:
        first: coordinates ``(n, r)`` and labels ``(n,)``.
        second: coordinates ``(m, r)`` and labels ``(m,)``.
    """
    return covariance_similarity(first[0], second[0]) + covariance_similarity(
        *(_class_means(*s) for s in (first, second))
    )


def _class_means(coordinates: np.ndarray, labels: np.ndarray) -> np.ndarray:
    return np.stack([coordinates[labels == label].mean(axis=0) for label in np.unique(labels)])
