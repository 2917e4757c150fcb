"""How well features separate classes: a ridge classifier, left one out or on held-out images, in closed form."""

from collections.abc import Sequence

import numpy as np

SHOTS, REPEATS, LEARNED = 10, 5, 0.7
"""Images per class a split probe learns from, its splits, and the largest share of a class that it learns from."""
Split = tuple[np.ndarray, np.ndarray]
"""Positions of the images a probe learns from, and of those it is judged on."""
PENALTIES = (0.01, 0.1, 1.0, 10.0)
"""Ridge penalties the best is taken of, for features scaled to unit mean square length."""


def standardise(features: np.ndarray) -> np.ndarray:
    """Features ``(..., n, d)`` with mean 0 and deviation 1, divided by the square root of d; float64.

    A feature that does not vary, or is not finite everywhere, becomes 0.
    """
    centred = np.asarray(features, np.float64) - np.mean(features, axis=-2, dtype=np.float64, keepdims=True)
    deviation = centred.std(axis=-2, keepdims=True)
    scaled = np.where(deviation > 1e-8, centred / np.maximum(deviation, 1e-8), 0.0)
    scaled /= np.sqrt(centred.shape[-1])
    return scaled


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
    return ridge_left_out(features[None], labels[None])[0].item()


def ridge_left_out(features: np.ndarray, label_sets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What left-out images say of several ways to label the same images, from one decomposition for each model.

    Args:
        features: ``(B, n, d)`` float, of B models.
        label_sets: ``(S, n)`` class indices.

    Returns:
        Of each model and set of labels, the score ``(B, S)`` of :func:`ridge_loo_score`, and the share ``(B, S)`` of
        images whose class is right when they are left out, with the same penalty.

    Raises:
        ValueError: shapes do not fit, or fewer than two classes.
    """
    if features.ndim != 3 or label_sets.ndim != 2 or label_sets.shape[1] != features.shape[1]:
        raise ValueError(f"expected features (B, n, d) and labels (S, n), got {features.shape} and {label_sets.shape}")
    spectrum = _spectrum(standardise(features))
    scores, shares = zip(*(_left_out(*spectrum, labels) for labels in label_sets), strict=True)
    return np.stack(scores, axis=1), np.stack(shares, axis=1)


def ridge_left_out_classes(features: np.ndarray, labels: np.ndarray) -> dict[int, float]:
    """Share of each class's images that are right when left out; arguments as in :func:`ridge_loo_score`."""
    scores, right = _by_penalty(*_spectrum(standardise(features[None])), labels)
    best = right[int(scores[:, 0].argmax()), 0]
    return {int(label): float(best[labels == label].mean()) for label in np.unique(labels)}


def split_probe(features: np.ndarray, labels: np.ndarray, splits: Sequence[Split]) -> float:
    """Accuracy of a ridge classifier that learns from a few images per class, on the other images; mean over splits.

    Args:
        features: ``(n, d)`` float.
        labels: ``(n,)`` class indices.
        splits: of :func:`draw_splits`.
    """
    return float(np.mean([_probe(features, labels, *split) for split in splits]))


def draw_splits(labels: np.ndarray) -> list[Split]:
    """Random splits of images: :data:`SHOTS` per class to learn from, at most seven in ten of a class, and the others.

    They are the same for every model.

    Args:
        labels: ``(n,)`` class indices.

    Raises:
        ValueError: no class has two images, so none is left to judge by.
    """
    groups = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    if len(groups) < 2 or max(map(len, groups)) < 2:
        raise ValueError("a split needs two classes, and a class with two images")
    generator, found = np.random.default_rng(0), []
    for _ in range(REPEATS):
        cuts = [
            np.split(generator.permutation(group), [min(SHOTS, max(1, int(len(group) * LEARNED)))]) for group in groups
        ]
        found.append(tuple(np.concatenate(part) for part in zip(*cuts, strict=True)))
    return found


def _probe(features: np.ndarray, labels: np.ndarray, learned: np.ndarray, judged: np.ndarray) -> float:
    """Accuracy on the images judged; the penalty is the best on the learned ones, left one out."""
    own = features[learned].astype(np.float64)
    mean, deviation = own.mean(axis=0), own.std(axis=0)
    scale = np.where(deviation > 1e-8, 1 / np.maximum(deviation, 1e-8), 0.0) / np.sqrt(own.shape[1])
    table = (own - mean) * scale
    vectors, values = (part[0] for part in _spectrum(table[None]))
    best = PENALTIES[int(_by_penalty(vectors[None], values[None], labels[learned])[0][:, 0].argmax())]
    classes, indices = np.unique(labels[learned], return_inverse=True)
    targets = np.eye(len(classes))[indices]
    chance = targets.mean(axis=0)
    weights = table.T @ (vectors @ (vectors.T @ (targets - chance) / (values + best)[:, None]))
    answers = ((features[judged].astype(np.float64) - mean) * scale) @ weights + chance
    return float((classes[answers.argmax(axis=1)] == labels[judged]).mean())


def _left_out(vectors: np.ndarray, values: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Score and share ``(B,)`` of right answers with the best penalty, from the Gram matrices' eigenvectors."""
    scores, right = _by_penalty(vectors, values, labels)
    best, models = scores.argmax(axis=0), np.arange(scores.shape[1])
    return scores[best, models], right[best, models].mean(axis=1)


def _by_penalty(vectors: np.ndarray, values: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Score ``(P, B)`` with each penalty, and whether each left-out image gets its class, ``(P, B, n)``."""
    classes, places = np.unique(labels, return_inverse=True)
    if len(classes) < 2:
        raise ValueError("a classifier needs at least two classes")
    truth = np.eye(len(classes))[places]
    targets = truth - truth.mean(axis=0)
    coordinates, squares, total = vectors.swapaxes(-1, -2) @ targets, vectors**2, (targets**2).sum()
    scores, right = [], []
    for penalty in PENALTIES:
        shrink = values / (values + penalty)
        leverage = (squares @ shrink[..., None])[..., 0] + 1 / len(labels)
        left_out = targets - vectors @ (shrink[..., None] * coordinates)
        left_out /= np.maximum(1 - leverage, 1e-6)[..., None]
        scores.append(-np.einsum("bnc,bnc->b", left_out, left_out) / total)
        right.append((truth - left_out).argmax(axis=-1) == places)
    return np.array(scores), np.array(right)


def _spectrum(scaled: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvectors ``(B, n, k)`` of ``K = X X'`` and values ``(B, k)``, from the smaller of ``X X'`` and ``X' X``."""
    turned = scaled.swapaxes(-1, -2)
    if scaled.shape[-2] <= scaled.shape[-1]:
        values, vectors = np.linalg.eigh(scaled @ turned)
        return vectors, np.maximum(values, 0.0)
    values, axes = np.linalg.eigh(turned @ scaled)
    kept = values > 1e-10 * np.maximum(values[..., -1:], 1e-300)
    length = np.where(kept, 1 / np.sqrt(np.where(kept, values, 1.0)), 0.0)
    return scaled @ axes * length[..., None, :], np.where(kept, values, 0.0)
