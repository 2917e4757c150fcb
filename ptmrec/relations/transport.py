"""Transport: what a model would make of images it has never seen, from what references make of them.

A model's features of the probe images are explained linearly by the references' coordinates of the same probes. The
explanation, made once in the model's life, turns the coordinates of new images into virtual features of the model, and
those are judged as true features would be: by a ridge classifier of the new images' labels. So a model's worth
for a data set is estimated without running the model on it.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ptmrec.core.errors import ArtifactError
from ptmrec.core.files import read_npz, write_npz
from ptmrec.relations.ridge import ridge_left_out

SHRINKAGE = 1e-3
"""Ridge penalty of the explanation, relative to the coordinates' mean squared length."""
COLUMNS = 2**13
"""Virtual features that are computed at a time, of all models together: so many stay near the processor."""


class TransportMaps:
    """Coordinates of probes that models are explained by; what depends on them alone is computed once.

    The map is the primal form of ``X' / s (K / s + SHRINKAGE I)^-1 F`` with ``K = X X'``, ``s = trace(K) / P``: the
    same map, smaller to keep.

    Args:
        coordinates: ``(P, r)`` coordinates of the probes by the references, centred.
    """

    def __init__(self, coordinates: np.ndarray) -> None:
        self._coordinates = np.asarray(coordinates, np.float64)
        self._length = (self._coordinates**2).sum() / len(self._coordinates)
        width = self._coordinates.shape[1]
        self._gram = self._coordinates.T @ self._coordinates / self._length + SHRINKAGE * np.eye(width)
        solved = np.linalg.solve(self._gram, self._coordinates.T)
        self._leverage = np.einsum("pr,rp->p", self._coordinates, solved) / self._length

    def fit(self, features: np.ndarray) -> tuple[np.ndarray, float]:
        """How the references explain a model.

        Args:
            features: ``(P, d)`` the model's features of the same probes.

        Returns:
            The linear map ``(r, d)`` from reference coordinates to the model's standardised features, and the share of
            their variance on the probes that it explains, each probe left out (at most 1): how far it can be trusted.
        """
        features = np.asarray(features, np.float64)
        scaled = (features - features.mean(axis=0)) / np.maximum(features.std(axis=0), 1e-8)
        transport = np.linalg.solve(self._gram, self._coordinates.T @ scaled / self._length)
        residual = (scaled - self._coordinates @ transport) / np.maximum(1 - self._leverage, 1e-6)[:, None]
        return transport, 1 - float((residual**2).sum() / max((scaled**2).sum(), 1e-300))


def write_transport(folder: Path, name: str, maps: TransportMaps, features: np.ndarray) -> Path:
    """Explain a model by the references and write the map as ``<name>.npz``, in half precision.

    Args:
        folder: where it goes.
        name: name of the model.
        maps: of the probe images.
        features: ``(P, d)`` the model's features of them.
    """
    transport, share = maps.fit(features)
    arrays = {"transport": transport.astype(np.float16), "explained": np.array(share)}
    return write_npz(folder / f"{name}.npz", arrays)


def read_transports(folder: Path, names: Sequence[str]) -> list[np.ndarray]:
    """The maps ``(r, d)`` of models, float16.

    Raises:
        ArtifactError: a model was not explained, or its file is damaged.
    """
    maps = [read_npz(folder / f"{name}.npz", ("transport", "explained"))["transport"] for name in names]
    for name, values in zip(names, maps, strict=True):
        if values.ndim != 2 or values.dtype.kind != "f" or not np.isfinite(values).all():
            raise ArtifactError(f"{folder / name}.npz: no map from references to features; run ptmrec reproduce again")
    return maps


def transports_left_out(
    coordinates: np.ndarray, labels: np.ndarray, transports: Sequence[np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """How well each of N models would separate the classes of images at ``(n, r)``.

    Returns:
        Scores ``(N,)``, larger is better, at most 0 and all -1 when there is but one class to tell, and the share
        ``(N,)`` of left-out images each model would get right, from one decomposition of its virtual features.
    """
    if len(np.unique(labels)) < 2:
        return np.full(len(transports), -1.0), np.ones(len(transports))
    found = _left_out(coordinates, labels[None], transports)
    return found[:, 0, 0], found[:, 1, 0]


def left_out_shares(coordinates: np.ndarray, label_sets: np.ndarray, transports: Sequence[np.ndarray]) -> np.ndarray:
    """Share ``(N, S)`` of left-out images that each model would get right, with S ways ``(S, n)`` to label them."""
    return _left_out(coordinates, label_sets, transports)[:, 1]


def _left_out(coordinates: np.ndarray, label_sets: np.ndarray, transports: Sequence[np.ndarray]) -> np.ndarray:
    """Scores and shares ``(N, 2, S)`` from virtual features; models with equally many are judged together."""
    dims = np.array([transport.shape[1] for transport in transports])
    found = np.empty((len(dims), 2, len(label_sets)))
    for dim in np.unique(dims):
        alike = np.flatnonzero(dims == dim)
        for places in np.array_split(alike, -(-len(alike) * dim // COLUMNS)):
            columns = np.concatenate([transports[place] for place in places], axis=1, dtype=np.float64)
            features = (coordinates @ columns).reshape(len(coordinates), len(places), dim).swapaxes(0, 1)
            found[places, 0], found[places, 1] = ridge_left_out(features, label_sets)
    return found
