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

    From one decomposition of the Gram matrix ``K``: with
    ``H = K (K + p I)^-1`` the residual of a left-out image is its residual divided by ``1 - H_ii - 1/n`` (the mean
    is part of the model). The best of :data:`PENALTIES` counts.

    Args:
        features: ``(n, d)`` float.
        labels: ``(n,)`` class indices.

    Returns:
        At most 0; about -1 for features that say nothing.

    Raises:
        ValueError: shapes do not fit, or fewer than two classes.
    """
    if labels.shape != features.shape[:1]:
        raise ValueError(f"expected features (n, d) and labels (n,), got {features.shape} and {labels.shape}")
    return float(ridge_left_out(features, labels[None])[0][0])


def ridge_left_out(features: np.ndarray, label_sets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What left-out images say of several ways to label the same images, from one decomposition.

    Args:
        features: ``(n, d)`` float.
        label_sets: ``(S, n)`` class indices.

    Returns:
        Of each set of labels, the score ``(S,)`` of :func:`ridge_loo_score`, and the share ``(S,)`` of images whose
        class is right when they are left out, with the same penalty.

    Raises:
        ValueError: shapes do not fit, or fewer than two classes.
    """
    if features.ndim != 2 or label_sets.ndim != 2 or label_sets.shape[1] != len(features):
        raise ValueError(f"expected features (n, d) and labels (S, n), got {features.shape} and {label_sets.shape}")
    values, vectors = _spectrum(standardise(features))
    results = [_left_out(vectors, values, labels) for labels in label_sets]
    scores, shares = np.array(results).reshape(-1, 2).T
    return scores, shares


def ridge_left_out_classes(features: np.ndarray, labels: np.ndarray) -> dict[int, float]:
    """Share of each class's images that are right when left out; arguments as in :func:`ridge_loo_score`."""
    values, vectors = _spectrum(standardise(features))
    right = max(_by_penalty(vectors, values, labels), key=lambda result: result[0])[1]
    return {int(label): float(right[labels == label].mean()) for label in np.unique(labels)}


def _left_out(vectors: np.ndarray, values: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """Score and share of right answers with the best penalty, from eigenvectors and values of the Gram matrix."""
    score, right = max(_by_penalty(vectors, values, labels), key=lambda result: result[0])
    return score, float(right.mean())


def _by_penalty(vectors: np.ndarray, values: np.ndarray, labels: np.ndarray) -> list[tuple[float, np.ndarray]]:
    """Score with each penalty, and whether each left-out image ``(n,)`` gets its class."""
    classes, places = np.unique(labels, return_inverse=True)
    if len(classes) < 2:
        raise ValueError("a classifier needs at least two classes")
    truth = np.eye(len(classes))[places]
    targets = truth - truth.mean(axis=0)
    coordinates, squares, total = vectors.T @ targets, vectors**2, (targets**2).sum()
    results = []
    for penalty in PENALTIES:
        shrink = values / (values + penalty)
        leverage = squares @ shrink + 1 / len(labels)
        left_out = (targets - (vectors * shrink) @ coordinates) / np.maximum(1 - leverage, 1e-6)[:, None]
        results.append((-float((left_out**2).sum() / total), (truth - left_out).argmax(axis=1) == places))
    return results


def _spectrum(scaled: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues ``(k,)`` of ``K = X X'`` and their vectors ``(n, k)``, from the smaller of ``X X'`` and ``X' X``."""
    if scaled.shape[0] <= scaled.shape[1]:
        values, vectors = np.linalg.eigh(scaled @ scaled.T)
        return np.maximum(values, 0.0), vectors
    values, axes = np.linalg.eigh(scaled.T @ scaled)
    kept = values > 1e-10 * max(values[-1], 1e-300)
    return values[kept], scaled @ axes[:, kept] / np.sqrt(values[kept])
