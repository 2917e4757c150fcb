"""Gaussian processes with fitted kernels in closed form: eigenvectors once, scale and noise for nothing.

For values ``y`` with covariance ``c (R + v I)`` the scale ``c`` of largest marginal likelihood has a formula, and
with the eigenvectors of ``R`` so has the likelihood of every noise ``v`` (Rasmussen and Williams, 2006, section 5.4).
What is left is a choice between a few kernels ``R``.
"""

from collections.abc import Sequence

import numpy as np

NOISES = 10.0 ** np.arange(-2, 2.1, 0.5)


def squared_distances(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Squared distances ``(A, B)`` of points ``(A, D)`` to points ``(B, D)``."""
    squares = (one**2).sum(axis=1)[:, None] + (other**2).sum(axis=1) - 2 * one @ other.T
    return np.maximum(squares, 0)


def fit_kernel(kernels: np.ndarray, values: np.ndarray) -> tuple[int, np.ndarray]:
    """The kernel and noise of largest marginal likelihood.

    Args:
        kernels: ``(C, n, n)``, each symmetric and positive semidefinite.
        values: ``(n, D)``, D independent draws of the process.

    Returns:
        Place of the kernel, and the inverse ``(n, n)`` of kernel plus noise.
    """
    sizes, vectors = np.linalg.eigh(kernels)
    sizes = np.maximum(sizes, 0)
    found = likelihoods(sizes, vectors, values)
    place, noise = np.unravel_index(int(np.argmax(found)), found.shape)
    spread = sizes[place] + NOISES[noise]
    return int(place), (vectors[place] / spread) @ vectors[place].T


def likelihoods(sizes: np.ndarray, vectors: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Logarithm of the marginal likelihood ``(C, noises)``, each at its best scale, less a constant.

    Of values ``(n, D)``, under kernels with eigenvalues ``(C, n)`` and eigenvectors ``(C, n, n)``.
    """
    count, draws = values.shape
    squares = ((vectors.transpose(0, 2, 1) @ values) ** 2).sum(axis=2)
    spread = sizes[:, :, None] + NOISES
    scale = (squares[:, :, None] / spread).sum(axis=1) / (count * draws)
    return -0.5 * draws * (count * np.log(scale) + np.log(spread).sum(axis=1))


def left_out_weights(inverse: np.ndarray, groups: Sequence) -> np.ndarray:
    """Weights ``(n, n)`` of the posterior mean at each point from those of other groups; 0 within a group.

    Leaving out a block in closed form: Rasmussen and Williams (2006), equation 5.12, for several points at once.

    Args:
        inverse: ``(n, n)`` inverse of kernel plus noise.
        groups: ``(n,)`` labels.
    """
    labels = np.asarray(groups)
    weights = np.zeros_like(inverse)
    for label in np.unique(labels):
        own = np.flatnonzero(labels == label)
        weights[own] = -np.linalg.solve(inverse[np.ix_(own, own)], inverse[own])
        weights[np.ix_(own, own)] = 0
    return weights
