"""Image sets: NPZ files with a train and a test part, and the table of where each comes from, its licence and hash."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ptmrec.core.errors import ArtifactError, DataError, reading
from ptmrec.core.files import file_hash, read_npz
from ptmrec.core.trust import check

INDEX_NAME = "index.csv"
"""The table beside the image sets themselves; the committed one is a copy."""
RESTRICTED = ("non-commercial", "nc-sa", "research")
"""Words in a licence that keep an image set from being a source of committed weights."""


@dataclass(frozen=True)
class ImageSetEntry:
    """One row of the table, as text.

    Attributes:
        name: name of the image set; its file is ``<name>.npz``.
        domain: what is on the images.
        classes: number of classes.
        source_repo: repository the images come from, at ``commit_sha``.
        commit_sha: commit of that repository.
        licence: licence as the source states it.
        sha256: hash of the NPZ.
    """

    name: str
    domain: str
    classes: str
    source_repo: str
    commit_sha: str
    licence: str
    sha256: str

    @property
    def shareable(self) -> bool:
        """Whether weights trained on it may be committed."""
        return not any(word in self.licence.lower() for word in RESTRICTED)


def read_image_sets(path: Path) -> dict[str, ImageSetEntry]:
    """Read the table.

    Raises:
        ArtifactError: no such file, or a column is missing.
    """
    if not path.is_file():
        raise ArtifactError(f"{path}: no table of image sets there (columns {', '.join(_COLUMNS)})")
    check(path)
    with reading(path), path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    missing = [column for column in _COLUMNS if rows and column not in rows[0]]
    if missing or not rows:
        raise ArtifactError(f"{path}: " + (f"column {missing[0]!r} is missing" if missing else "the table is empty"))
    return {row["name"]: ImageSetEntry(**{column: row[column] for column in _COLUMNS}) for row in rows}


_COLUMNS = tuple(ImageSetEntry.__dataclass_fields__)


def check_image_sets(folder: Path, names: list[str], sources: list[str]) -> dict[str, ImageSetEntry]:
    """Check that image sets are there, unchanged, and that weights trained on the sources may be shared.

    Args:
        folder: folder of NPZ files with :data:`INDEX_NAME`.
        names: image sets that are needed.
        sources: those models are trained on.

    Returns:
        The table beside the image sets.

    Raises:
        DataError: an image set is missing, has no row, has another hash, or must not be a source.
    """
    needed = list(dict.fromkeys([*sources, *names]))
    for name in needed:
        if not (folder / f"{name}.npz").is_file():
            raise DataError(f"{folder}: image set {name}.npz is missing; pass its folder with --images")
    table = read_image_sets(folder / INDEX_NAME)
    for name in needed:
        if name not in table:
            raise DataError(f"{folder / INDEX_NAME}: no row for {name!r}; state its source, licence and hash")
        if file_hash(folder / f"{name}.npz") != table[name].sha256:
            raise DataError(f"{folder / name}.npz: not the file {INDEX_NAME} describes (another hash)")
    for name in sources:
        if not table[name].shareable:
            raise DataError(
                f"source {name!r} is licensed {table[name].licence!r}; weights trained on it cannot be shared"
            )
    return table


@dataclass(frozen=True)
class ImageData:
    """A labelled image set with a fixed train and test part.

    Attributes:
        name: name of the image set.
        train_images: ``(n, H, W, 3)`` uint8.
        train_labels: ``(n,)`` int64, indices into ``class_names``.
        test_images: ``(m, H, W, 3)`` uint8; test_labels: ``(m,)`` int64.
        class_names: ``(C,)`` names.
    """

    name: str
    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray
    class_names: tuple[str, ...]

    @property
    def num_classes(self) -> int:
        """Number of classes C."""
        return len(self.class_names)


def load_image_npz(path: Path) -> ImageData:
    """Read an image set of the form ``train_images, train_labels, test_images, test_labels, class_names``.

    Raises:
        ArtifactError: missing or damaged file, pickled objects, missing arrays.
        DataError: shapes, types or labels that do not fit together.
    """
    names = ("train_images", "train_labels", "test_images", "test_labels", "class_names")
    arrays = read_npz(path, names)
    class_names = tuple(str(name) for name in arrays["class_names"].reshape(-1))
    for part in ("train", "test"):
        images, labels = arrays[f"{part}_images"], arrays[f"{part}_labels"]
        if images.ndim != 4 or images.shape[-1] != 3 or images.dtype != np.uint8:
            raise DataError(
                f"{path}: {part}_images is {images.dtype} {images.shape}, expected uint8 (n, height, width, 3)"
            )
        if labels.dtype.kind not in "iu":
            raise DataError(f"{path}: {part}_labels is {labels.dtype}, expected whole numbers")
        if labels.shape != images.shape[:1]:
            raise DataError(f"{path}: {part}_labels has shape {labels.shape}, expected ({len(images)},)")
        if labels.size and not (0 <= labels.min() and labels.max() < len(class_names)):
            raise DataError(f"{path}: {part}_labels must lie in 0..{len(class_names) - 1}")
    if len(set(arrays["train_labels"].tolist())) < 2:
        raise DataError(f"{path}: only one class in train_labels; a ranking needs at least two")
    return ImageData(path.stem, *(arrays[name] for name in names[:4]), class_names=class_names)
