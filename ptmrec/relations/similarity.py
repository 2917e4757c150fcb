"""How alike two data sets are."""

import numpy as np


def dataset_distance(first: np.ndarray, second: np.ndarray) -> float:
    """Cosine distance between the mean class tokens of two data sets, ``(S, M, D)`` each."""
    from sklearn.metrics import pairwise_distances  # takes a second, and recommendations do not need it

    means = [tokens.astype(np.float64).mean(axis=(0, 1)) for tokens in (first, second)]
    return float(pairwise_distances(means[:1], means[1:], metric="cosine")[0, 0])


def covariances(coordinates: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Total and between-class covariance ``(2, r, r)`` of reference coordinates ``(n, r)``, each of norm 1.

    Args:
        coordinates: ``(n, r)``.
        labels: ``(n,)`` class indices.
    """
    means = np.stack([coordinates[labels == label].mean(axis=0) for label in np.unique(labels)])
    return np.stack([_unit_covariance(values) for values in (coordinates, means)])


def covariance_similarity(first: np.ndarray, second: np.ndarray) -> float:
    """Likeness of two data sets, 0 to 2: cosine of their total plus of their between-class :func:`covariances`."""
    return float(np.vdot(first, second))


def _unit_covariance(values: np.ndarray) -> np.ndarray:
    centred = values - values.mean(axis=0)
    covariance = centred.T @ centred
    return covariance / max(np.linalg.norm(covariance), 1e-300)
