"""TransRate: mutual information of features and labels by coding rates (Huang et al., ICML 2022)."""

import numpy as np

DISTORTION = 1e-4
"""The paper's epsilon."""


def transrate(features: np.ndarray, labels: np.ndarray) -> float:
    """Coding rate of all features less the mean coding rate within a class, larger is better.

    Args:
        features: ``(n, D)`` float.
        labels: ``(n,)`` class indices.
    """
    centred = np.asarray(features, np.float64) - np.mean(features, axis=0, dtype=np.float64)
    within = [_coding_rate(centred[labels == label]) for label in np.unique(labels)]
    return _coding_rate(centred) - float(np.mean(within))


def _coding_rate(features: np.ndarray) -> float:
    """``0.5 logdet(I + F^T F / (n eps))`` of ``(n, D)``, from the smaller of the two Gram matrices."""
    count, dim = features.shape
    gram = features @ features.T if count < dim else features.T @ features
    return 0.5 * float(np.linalg.slogdet(np.eye(len(gram)) + gram / (count * DISTORTION))[1])
