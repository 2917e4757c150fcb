"""Model tokens on disk: one NPZ per model with its weights vector, its embedding and its other views."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from torch.utils.data import Dataset

from ptmrec.config.sections import PathsConfig
from ptmrec.core.errors import ArtifactError
from ptmrec.core.files import read_npz, write_npz

MODEL_TOKENS = "model_tokens"
"""Folder of the model tokens inside a recommender's folder."""
KNOWLEDGE = "knowledge"
"""Folder of what is known of pairs inside a recommender's folder."""
SPEC_NAME = "recommender.json"
"""File that makes a folder a recommender's."""


def write_model_tokens(folder: Path, name: str, views: dict[str, np.ndarray]) -> Path:
    """Write the views of a model as ``<name>.npz``; each a vector, NaN when the model does not offer it."""
    return write_npz(folder / f"{name}.npz", {key: np.asarray(view, np.float32) for key, view in views.items()})


def write_all_model_tokens(
    folder: Path, names: Sequence[str], vectors: np.ndarray, view_dims: Mapping[str, int]
) -> None:
    """Write joined views ``(N, D)`` of models as one NPZ each, split into the views they were joined from."""
    ends = np.cumsum(list(view_dims.values()))[:-1]
    for name, vector in zip(names, vectors, strict=True):
        write_model_tokens(folder, name, dict(zip(view_dims, np.split(vector, ends), strict=True)))


def find_recommender(paths: PathsConfig) -> Path:
    """Folder of the recommender in force: the last run's, else the committed one."""
    own = paths.artifacts / "recommender"
    return own if (own / SPEC_NAME).is_file() else paths.recommender


def read_model_tokens(folder: Path, name: str) -> dict[str, np.ndarray]:
    """Every view of a model.

    Raises:
        ArtifactError: missing or damaged file, or a view that is no vector.
    """
    path = folder / f"{name}.npz"
    views = read_npz(path)
    for key, view in views.items():
        if view.ndim != 1 or view.dtype.kind != "f":
            raise ArtifactError(f"{path}: view {key!r} is {view.dtype} {view.shape}, expected a vector of floats")
    return views


class _ModelVectors(Dataset):
    """Vectors of named models as one matrix."""

    def __init__(self, folder: Path, names: list[str] | None, views: tuple[str, ...]) -> None:
        self.names = list(names) if names is not None else sorted(path.stem for path in folder.glob("*.npz"))
        if not self.names or not folder.is_dir():
            raise ArtifactError(f"{folder}: no model tokens there; make them with: ptmrec extract")
        if len(set(self.names)) != len(self.names):
            raise ArtifactError(f"model {max(self.names, key=self.names.count)!r} is listed twice")
        self.view_dims: dict[str, int] = {}
        self.vectors = np.stack([self._read(folder, name, views) for name in self.names])

    def _read(self, folder: Path, name: str, views: tuple[str, ...]) -> np.ndarray:
        tokens = read_model_tokens(folder, name)
        missing = [view for view in views if view not in tokens]
        if missing:
            raise ArtifactError(f"{folder / name}.npz: view {missing[0]!r} is missing; it holds {sorted(tokens)}")
        dims = {view: len(tokens[view]) for view in views}
        if self.view_dims and dims != self.view_dims:
            raise ArtifactError(f"{folder / name}.npz: views have lengths {dims}, others have {self.view_dims}")
        self.view_dims = dims
        return np.concatenate([tokens[view] for view in views])

    def __len__(self) -> int:
        return len(self.names)


class ModelParameterDataset(_ModelVectors):
    """The weights vectors the autoencoder learns from.

    Args:
        folder: folder of model tokens.
        names: models in the wanted order; all, sorted, without it.

    Raises:
        ArtifactError: missing folder, file or view, or lengths that differ.
    """

    def __init__(self, folder: Path, names: list[str] | None = None) -> None:
        super().__init__(folder, names, ("parameters",))

    def __getitem__(self, index: int) -> dict:
        """``parameters (8192,)`` float32, ``name`` and ``index``."""
        return {"parameters": self.vectors[index], "name": self.names[index], "index": index}


class ModelEmbeddingDataset(_ModelVectors):
    """Model tokens for the ranker: the chosen views joined.

    Args:
        folder: folder of model tokens.
        names: models in the wanted order; all, sorted, without it.
        views: keys to join, in order.

    Raises:
        ArtifactError: missing folder, file or view, or lengths that differ.
    """

    def __init__(self, folder: Path, names: list[str] | None = None, views: tuple[str, ...] = ("embedding",)) -> None:
        super().__init__(folder, names, tuple(views))

    def __getitem__(self, index: int) -> dict:
        """``tokens (D,)`` float32 (NaN where a view is missing), ``name`` and ``index``."""
        return {"tokens": self.vectors[index], "name": self.names[index], "index": index}
