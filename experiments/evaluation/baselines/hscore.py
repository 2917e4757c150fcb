"""H-score: how much of the features' variance lies between the classes (Bao et al., ICIP 2019)."""

import numpy as np
from sklearn.covariance import ledoit_wolf


def h_score(features: np.ndarray, labels: np.ndarray) -> float:
    """Regularised H-score of features for labels, larger is better.

    ``tr(cov(f)^-1 (1 - a) cov(E[f | y]))`` with the covariance of the features shrunk by ``a`` (Ledoit and Wolf,
    2004), after Ibrahim et al., ECML 2022; without shrinkage it is unusable with fewer images than features.

    Args:
        features: ``(n, D)`` float.
        labels: ``(n,)`` class indices.
    """
    centred = np.asarray(features, np.float64) - np.mean(features, axis=0, dtype=np.float64)
    covariance, shrinkage = ledoit_wolf(centred, assume_centered=True)
    means = np.zeros_like(centred)
    for label in np.unique(labels):
        means[labels == label] = centred[labels == label].mean(axis=0)
    between = means.T @ means / len(means)
    return float((1 - shrinkage) * np.trace(np.linalg.pinv(covariance, hermitian=True) @ between))
