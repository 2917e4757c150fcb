"""Dataset tokens: CLIP features of a few images per class, averaged per class, in several draws."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import Dataset

from ptmrec.core.errors import ArtifactError
from ptmrec.core.files import read_npz, write_npz

SPLITS = ("train", "validation", "test")
UNLABELLED = "unlabelled"
"""Kind of tokens made from clusters instead of classes; the other kinds are ``shots1``, ``shots5``, ``shots10``."""


def kind_of_shots(shots: int) -> str:
    """Folder of the tokens made from so many images per class."""
    return f"shots{shots}"


@dataclass(frozen=True)
class DatasetTokens:
    """Tokens of one data set.

    Attributes:
        name: the data set.
        features: ``(S, M, D)`` float: S draws, M classes (or clusters), D features of Euclidean length 1.
        class_names: ``(M,)`` names; empty strings for clusters.
        encoder: name and hash of the encoder.
        image_part: ``train`` or ``test``: which images are behind the tokens.
    """

    name: str
    features: np.ndarray
    class_names: tuple[str, ...]
    encoder: str
    image_part: str

    def save(self, path: Path) -> Path:
        """Write as NPZ, features in half precision."""
        arrays = {
            "features": self.features.astype(np.float16),
            "class_names": np.array(self.class_names, dtype=np.str_),
            "encoder": np.array(self.encoder),
            "image_part": np.array(self.image_part),
            "name": np.array(self.name),
        }
        return write_npz(path, arrays)

    @classmethod
    def load(cls, path: Path) -> "DatasetTokens":
        """Read one NPZ.

        Raises:
            ArtifactError: damaged file, missing arrays, wrong shape or type, or values that are not finite.
        """
        arrays = read_npz(path, ("features", "class_names", "encoder", "image_part", "name"))
        features = arrays["features"]
        if features.ndim != 3 or 0 in features.shape or features.dtype.kind != "f":
            raise ArtifactError(f"{path}: features is {features.dtype} {features.shape}, expected float (S, M, D)")
        if not np.isfinite(features).all():
            raise ArtifactError(f"{path}: features holds values that are not finite")
        for name in ("class_names", "encoder", "image_part", "name"):
            if arrays[name].dtype.kind != "U" or arrays[name].ndim != (name == "class_names"):
                raise ArtifactError(f"{path}: {name} is {arrays[name].dtype} {arrays[name].shape}, expected text")
        names = tuple(str(name) for name in arrays["class_names"].reshape(-1))
        if len(names) != features.shape[1]:
            raise ArtifactError(f"{path}: {len(names)} class_names for {features.shape[1]} classes")
        name, encoder, part = (str(arrays[key]) for key in ("name", "encoder", "image_part"))
        return cls(name, features.astype(np.float32), names, encoder, part)


def class_tokens(features: np.ndarray, labels: np.ndarray, shots: int, draws: int, seed: int) -> np.ndarray:
    """Mean feature of ``shots`` random images of each class, in several draws.

    Args:
        features: ``(n, D)`` features of images.
        labels: ``(n,)`` class indices; every class present gives a token.
        shots: images per class; a class with fewer gives all it has.
        draws: number of draws.
        seed: seed of the draws.

    Returns:
        ``(draws, M, D)`` float32 of Euclidean length 1, classes in ascending order of their index.
    """
    generator = np.random.default_rng(seed)
    groups = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    means = np.stack(
        [[features[generator.permutation(group)[:shots]].mean(axis=0) for group in groups] for _ in range(draws)]
    )
    return (means / np.maximum(np.linalg.norm(means, axis=-1, keepdims=True), 1e-12)).astype(np.float32)


def cluster_labels(features: np.ndarray, clusters: int, seed: int) -> np.ndarray:
    """Labels ``(n,)`` of unlabelled images from their features ``(n, D)``: at most ``clusters``, at least one."""
    from sklearn.cluster import KMeans

    distinct = len(np.unique(features.round(6), axis=0))
    count = max(1, min(clusters, distinct, len(features) // 2))
    return KMeans(count, n_init=4, random_state=seed).fit_predict(features)


def pad_tokens(tokens: list[np.ndarray]) -> tuple[torch.Tensor, torch.Tensor]:
    """Pad dataset tokens ``(M_i, E)`` to ``(B, M, E)`` float32 and say which are real, ``(B, M)`` bool."""
    longest = max(len(part) for part in tokens)
    padded = torch.zeros(len(tokens), longest, tokens[0].shape[-1])
    mask = torch.zeros(len(tokens), longest, dtype=torch.bool)
    for row, part in enumerate(tokens):
        padded[row, : len(part)] = torch.from_numpy(np.ascontiguousarray(part, dtype=np.float32))
        mask[row, : len(part)] = True
    return padded, mask


class DatasetTokenDataset(Dataset):
    """Every draw of every data set in the split folders of a token folder.

    Args:
        folder: holds ``train/``, ``validation/`` and ``test/`` with one or more NPZ shards per data set.
        splits: which of them to read.

    Raises:
        ArtifactError: missing folder, unknown split, damaged shard, shards of one data set that disagree,
            or encoders that differ.
    """

    def __init__(self, folder: Path, splits: tuple[str, ...] = ("train",)) -> None:
        if not folder.is_dir():
            raise ArtifactError(f"{folder}: no dataset tokens there; make them with: ptmrec extract --datasets")
        self.items: list[tuple[DatasetTokens, int, str]] = []
        for split in splits:
            if split not in SPLITS:
                raise ArtifactError(f"unknown split {split!r} of dataset tokens; known: {', '.join(SPLITS)}")
            for path in sorted((folder / split).glob("*.npz")):
                tokens = DatasetTokens.load(path)
                self.items += [(tokens, draw, split) for draw in range(len(tokens.features))]
        self._check()

    def _check(self) -> None:
        encoders = {tokens.encoder for tokens, _, _ in self.items}
        if len(encoders) > 1:
            raise ArtifactError(f"dataset tokens come from different encoders: {', '.join(sorted(encoders))}")
        shapes: dict[str, tuple[int, ...]] = {}
        for tokens, _, _ in self.items:
            shape = shapes.setdefault(tokens.name, tokens.features.shape[1:])
            if shape != tokens.features.shape[1:]:
                raise ArtifactError(
                    f"token shards of {tokens.name!r} disagree: {shape} and {tokens.features.shape[1:]}"
                )

    @property
    def names(self) -> list[str]:
        """Names of the data sets, in order of first appearance."""
        return list(dict.fromkeys(tokens.name for tokens, _, _ in self.items))

    def by_name(self) -> dict[str, DatasetTokens]:
        """Tokens by data set; the first split given wins."""
        return {tokens.name: tokens for tokens, _, _ in reversed(self.items)}

    def mean_tokens(self) -> dict[str, np.ndarray]:
        """One token ``(D,)`` float64 per data set: the mean over its draws and classes."""
        return {name: tokens.features.astype(np.float64).mean(axis=(0, 1)) for name, tokens in self.by_name().items()}

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> dict:
        """One draw: ``features (M, D)`` float32, ``name``, ``split`` and ``draw``."""
        tokens, draw, split = self.items[index]
        return {"features": tokens.features[draw], "name": tokens.name, "split": split, "draw": draw}
