"""The reference space: what a few known extractors say of images, as coordinates in which data sets are compared.

Features of the references (the image encoder and a bank of zoo models) are standardised on the probe images,
scaled to equal weight, joined, and turned into their leading principal components.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh


@dataclass(frozen=True)
class ReferenceSpace:
    """A fixed linear map from joined reference features to coordinates.

    Attributes:
        names: the references, in the order in which their features are joined.
        dims: ``(B,)`` number of features of each.
        mean: ``(E,)`` mean of the joined features on the probes.
        basis: ``(E, r)`` from centred features to coordinates.
    """

    names: tuple[str, ...]
    dims: tuple[int, ...]
    mean: np.ndarray
    basis: np.ndarray

    def encode(self, features: Mapping[str, np.ndarray]) -> np.ndarray:
        """Coordinates ``(n, r)`` float64 of images from the features ``(n, d)`` of each reference.

        Raises:
            ValueError: a reference is missing or has another number of features.
        """
        wrong = [
            name
            for name, dim in zip(self.names, self.dims, strict=True)
            if name not in features or features[name].shape[1] != dim
        ]
        if wrong:
            raise ValueError(f"features of reference {wrong[0]!r} are missing or of another length")
        joined = np.concatenate([np.asarray(features[name], np.float64) for name in self.names], axis=1)
        return (joined - self.mean) @ self.basis


def fit_reference_space(features: Mapping[str, np.ndarray], rank: int) -> ReferenceSpace:
    """The space of references from their features ``(P, d)`` of the probe images, with ``rank`` coordinates."""
    names = tuple(features)
    joined = np.concatenate([np.asarray(features[name], np.float64) for name in names], axis=1)
    mean = joined.mean(axis=0)
    weights = np.concatenate([_weights(np.asarray(features[name], np.float64)) for name in names])
    scaled = (joined - mean) * weights
    last = len(mean) - 1
    _, axes = eigh(scaled.T @ scaled, subset_by_index=[max(0, last + 1 - rank), last])
    dims = tuple(features[name].shape[1] for name in names)
    return ReferenceSpace(names, dims, mean, weights[:, None] * axes[:, ::-1])


def _weights(features: np.ndarray) -> np.ndarray:
    """What each feature is multiplied by: deviation 1, and each reference of the same weight."""
    return 1 / (np.maximum(features.std(axis=0), 1e-8) * np.sqrt(features.shape[1]))
