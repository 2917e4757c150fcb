"""The samples of data sets on disk: reference coordinates of a few images per class, in several draws."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from ptmrec.core.errors import ArtifactError, reading
from ptmrec.core.files import read_npz, write_npz
from ptmrec.relations.reference import ReferenceSpace
from ptmrec.relations.similarity import covariances

SPACE_NAME = "space.npz"
"""The reference space, beside the samples made in it."""


@dataclass(frozen=True)
class DatasetSample:
    """What is looked at of a data set.

    Attributes:
        name: its name.
        token: ``(E,)`` mean feature of the image encoder.
        coordinates: ``(n, r)`` of a few images per class in the reference space.
        labels: ``(n,)`` class indices.
    """

    name: str
    token: np.ndarray
    coordinates: np.ndarray
    labels: np.ndarray

    @cached_property
    def covariances(self) -> np.ndarray:
        """See :func:`~ptmrec.relations.similarity.covariances`."""
        return covariances(self.coordinates, self.labels)


def write_samples(folder: Path, draws: list[DatasetSample]) -> Path:
    """Write the draws of one data set as ``<name>.npz``, in half precision."""
    arrays = {
        "tokens": np.stack([draw.token for draw in draws]).astype(np.float16),
        "coordinates": np.concatenate([draw.coordinates for draw in draws]).astype(np.float16),
        "labels": np.concatenate([draw.labels for draw in draws]).astype(np.int16),
        "draws": np.repeat(np.arange(len(draws), dtype=np.int8), [len(draw.labels) for draw in draws]),
    }
    return write_npz(folder / f"{draws[0].name}.npz", arrays)


def read_samples(folder: Path, name: str) -> list[DatasetSample]:
    """The draws of one data set.

    Raises:
        ArtifactError: missing or damaged file, or values that are not finite.
    """
    path = folder / f"{name}.npz"
    arrays = read_npz(path, ("tokens", "coordinates", "labels", "draws"))
    with reading(path):
        tokens, coordinates = (arrays[key].astype(np.float64) for key in ("tokens", "coordinates"))
        if not (np.isfinite(tokens).all() and np.isfinite(coordinates).all()):
            raise ArtifactError(f"{path}: holds values that are not finite; make it again with: ptmrec zoo reference")
        if not len(coordinates) == len(arrays["labels"]) == len(arrays["draws"]):
            raise ArtifactError(f"{path}: arrays of different length; make it again with: ptmrec zoo reference")
        kept = [arrays["draws"] == draw for draw in range(len(tokens))]
        return [
            DatasetSample(name, token, coordinates[rows], arrays["labels"][rows].astype(np.int64))
            for token, rows in zip(tokens, kept, strict=True)
        ]


def write_space(folder: Path, space: ReferenceSpace) -> Path:
    """Write a reference space."""
    arrays = {
        "names": np.array(space.names, dtype=np.str_),
        "dims": np.array(space.dims),
        "mean": space.mean.astype(np.float32),
        "basis": space.basis.astype(np.float32),
    }
    return write_npz(folder / SPACE_NAME, arrays)


def read_space(folder: Path) -> ReferenceSpace:
    """Read what :func:`write_space` wrote.

    Raises:
        ArtifactError: missing or damaged file, or shapes that do not fit together.
    """
    path = folder / SPACE_NAME
    arrays = read_npz(path, ("names", "dims", "mean", "basis"))
    with reading(path):
        names = tuple(str(name) for name in arrays["names"])
        dims = tuple(int(dim) for dim in arrays["dims"])
        mean, basis = (arrays[key].astype(np.float64) for key in ("mean", "basis"))
        if len(names) != len(dims) or mean.shape != (sum(dims),) or basis.shape[:1] != mean.shape:
            raise ArtifactError(f"{path}: shapes do not fit together; make it again with: ptmrec zoo reference")
        return ReferenceSpace(names, dims, mean, basis)
