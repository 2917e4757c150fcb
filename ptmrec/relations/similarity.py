"""How alike two data sets are."""

import numpy as np
from sklearn.metrics import pairwise_distances


def dataset_distance(first: np.ndarray, second: np.ndarray) -> float:
    """Cosine distance between the mean class tokens of two data sets, ``(S, M, D)`` each."""
    means = [tokens.astype(np.float64).mean(axis=(0, 1)) for tokens in (first, second)]
    return float(pairwise_distances(means[:1], means[1:], metric="cosine")[0, 0])
