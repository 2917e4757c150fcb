"""Nearest neighbours on a model's features."""

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
