"""N-LEEP: LEEP with a mixture of Gaussians on the features in place of the source classifier (Li et al., CVPR 2021)."""

import warnings

import numpy as np
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

from experiments.evaluation.baselines.leep import leep

VARIANCE_KEPT = 0.8
"""Share of the variance the principal components keep, as in the paper."""
COMPONENTS_PER_CLASS = 5
IMAGES_PER_COMPONENT = 5
"""With few images there are fewer components than the paper's five per class, so that each has images to fit."""


def nleep(features: np.ndarray, labels: np.ndarray) -> float:
    """N-LEEP of features for labels, at most 0, larger is better.

    Args:
        features: ``(n, D)`` float.
        labels: ``(n,)`` class indices.
    """
    reduced = PCA(VARIANCE_KEPT, svd_solver="full").fit_transform(np.asarray(features, np.float64))
    classes = len(np.unique(labels))
    components = max(2, min(COMPONENTS_PER_CLASS * classes, len(labels) // IMAGES_PER_COMPONENT))
    mixture = GaussianMixture(components, covariance_type="diag", reg_covar=1e-4, max_iter=50, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        posteriors = mixture.fit(reduced).predict_proba(reduced)
    return leep(posteriors, labels)
