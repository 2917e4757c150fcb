"""Nearest neighbours: on a model's features, and between data sets."""

import numpy as np
from sklearn.metrics import pairwise_distances


def knn_accuracy(features: np.ndarray, labels: np.ndarray) -> float:
    """Leave-one-out accuracy of the nearest neighbour under cosine distance.

    Args:
        features: ``(n, D)`` float, n at least 2.
        labels: ``(n,)`` class indices.
    """
    distances = pairwise_distances(features, metric="cosine")
    np.fill_diagonal(distances, np.inf)
    return float((labels[distances.argmin(axis=1)] == labels).mean())


def dataset_distance(first: np.ndarray, second: np.ndarray) -> float:
    """Cosine distance between the mean class tokens of two data sets, ``(S, M, D)`` each."""
    means = [tokens.astype(np.float64).mean(axis=(0, 1)) for tokens in (first, second)]
    return float(pairwise_distances(means[:1], means[1:], metric="cosine")[0, 0])
