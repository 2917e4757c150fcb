"""PARC: do images that differ in label differ in features? (Bolya et al., NeurIPS 2021)."""

import numpy as np
from scipy.stats import spearmanr
from sklearn.decomposition import PCA

DIMENSIONS = 32
"""Principal components the features are reduced to, as in the paper's best variant."""


def parc(features: np.ndarray, labels: np.ndarray) -> float:
    """Pairwise annotation representation comparison, -1 to 1, larger is better.

    Spearman correlation, over all pairs of images, of ``1 - Pearson`` between their features and between their
    one-hot labels.

    Args:
        features: ``(n, D)`` float.
        labels: ``(n,)`` class indices.
    """
    features = np.asarray(features, np.float64)
    dimensions = min(DIMENSIONS, *features.shape)
    reduced = PCA(dimensions, svd_solver="full").fit_transform(features)
    centred = reduced - reduced.mean(axis=1, keepdims=True)
    unit = centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-12)
    pairs = np.tril_indices(len(labels), -1)
    differ = labels[:, None] != labels  # one-hot labels have two distances only, and ranks need no more
    correlation = spearmanr((1 - unit @ unit.T)[pairs], differ[pairs]).statistic
    return float(correlation) if np.isfinite(correlation) else 0.0
