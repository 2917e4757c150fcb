"""How well features separate classes: a ridge classifier, left one out, in closed form."""

import numpy as np

PENALTIES = (0.01, 0.1, 1.0, 10.0)
"""Ridge penalties the best is taken of, for features scaled to unit mean square length."""


def standardise(features: np.ndarray) -> np.ndarray:
    """Features ``(n, d)`` with mean 0 and deviation 1, divided by the square root of d; float64.

    A feature that does not vary becomes 0.
    """
    centred = np.asarray(features, np.float64) - np.mean(features, axis=0, dtype=np.float64)
    deviation = centred.std(axis=0)
    return np.where(deviation > 1e-8, centred / np.maximum(deviation, 1e-8), 0.0) / np.sqrt(centred.shape[1])


def ridge_loo_score(features: np.ndarray, labels: np.ndarray) -> float:
    """Minus the leave-one-out squared error of a ridge one-against-all classifier, relative to the labels' variance.

    The best of :data:`PENALTIES` counts.

    Args:
        features: ``(n, d)`` float.
        labels: ``(n,)`` class indices.

    Returns:
        At most 0; about -1 for features that say nothing.

    Raises:
        ValueError: shapes do not fit, or fewer than two classes.
    """
    left_out, targets = ridge_left_out(features, labels)
    return -float(min(((targets - answer) ** 2).sum() for answer in left_out) / (targets**2).sum())


def ridge_left_out(features: np.ndarray, labels: np.ndarray) -> tuple[list[np.ndarray], np.ndarray]:
    """What a ridge one-against-all classifier says of each image when it is fitted on all others.

    From one decomposition of the smaller Gram matrix: with ``H = K (K + p I)^-1`` the residual of a left-out image is
    its residual divided by ``1 - H_ii - 1/n`` (the mean is part of the model).

    Args:
        features: ``(n, d)`` float.
        labels: ``(n,)`` class indices.

    Returns:
        One array ``(n, C)`` of centred class scores for each of :data:`PENALTIES`, and the centred labels ``(n, C)``.

    Raises:
        ValueError: shapes do not fit, or fewer than two classes.
    """
    if features.ndim != 2 or labels.shape != features.shape[:1]:
        raise ValueError(f"expected features (n, d) and labels (n,), got {features.shape} and {labels.shape}")
    classes = np.unique(labels)
    if len(classes) < 2:
        raise ValueError("a classifier needs at least two classes")
    values, vectors = _spectrum(standardise(features))
    targets = (labels[:, None] == classes).astype(np.float64)
    targets -= targets.mean(axis=0)
    coordinates, squares, answers = vectors.T @ targets, vectors**2, []
    for penalty in PENALTIES:
        shrink = values / (values + penalty)
        leverage = squares @ shrink + 1 / len(labels)
        residual = (targets - (vectors * shrink) @ coordinates) / np.maximum(1 - leverage, 1e-6)[:, None]
        answers.append(targets - residual)
    return answers, targets


def _spectrum(scaled: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues ``(k,)`` above 0 of ``K = X X'`` and their vectors ``(n, k)``."""
    if scaled.shape[0] <= scaled.shape[1]:
        values, vectors = np.linalg.eigh(scaled @ scaled.T)
        return np.maximum(values, 0.0), vectors
    values, axes = np.linalg.eigh(scaled.T @ scaled)
    kept = values > 1e-10 * max(values[-1], 1e-300)
    return values[kept], scaled @ axes[:, kept] / np.sqrt(values[kept])
