"""Image sets: NPZ files with a train and a test part, and folders of image files."""

from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from ptmrec.errors import DataError
from ptmrec.files import read_npz

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm"})

CHECK_ALL = 2000
"""A folder of up to this many image files is always read whole."""
MAX_SIDE = 512
"""Images are shrunk to this many pixels while reading, so that a folder of photographs fits into memory."""


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


@dataclass(frozen=True)
class ImageFolder:
    """Images a user brought, unlabelled or in one sub-folder per class.

    Attributes:
        name: the folder's name.
        paths: readable image files, sorted.
        images: RGB PIL images, one per path.
        labels: ``(n,)`` int64 indices into ``class_names``, or None when unlabelled.
        class_names: sub-folder names, empty when unlabelled.
        skipped: files that did not decode, with the reason.
        class_sizes: image files of each class on disk (of the folder, when unlabelled).
    """

    name: str
    paths: list[Path]
    images: list
    labels: np.ndarray | None
    class_names: tuple[str, ...]
    skipped: list[str] = field(default_factory=list)
    class_sizes: tuple[int, ...] = ()


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
        if labels.shape != images.shape[:1]:
            raise DataError(f"{path}: {part}_labels has shape {labels.shape}, expected ({len(images)},)")
        if labels.size and not (0 <= labels.min() and labels.max() < len(class_names)):
            raise DataError(f"{path}: {part}_labels must lie in 0..{len(class_names) - 1}")
    if len(set(arrays["train_labels"].tolist())) < 2:
        raise DataError(f"{path}: only one class in train_labels; a ranking needs at least two")
    return ImageData(path.stem, *(arrays[name] for name in names[:4]), class_names=class_names)


def load_image_folder(folder: Path, skip_unreadable: bool = False, limit: int | None = None) -> ImageFolder:
    """Read a folder of images: one sub-folder per class, or image files only (unlabelled).

    Args:
        folder: the folder; hidden files and files that are no images are passed over.
        skip_unreadable: leave out files that do not decode instead of stopping.
        limit: of a folder with more than :data:`CHECK_ALL` files, read at most this many of a class (of all,
            when unlabelled), spread over the sorted list. Smaller folders are read, and so checked, whole.

    Raises:
        DataError: missing or empty folder, a class without images, one class only, or unreadable files.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder; give a folder with one sub-folder per class, or of images")
    class_folders = sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))
    groups = {p.name: _image_files(p) for p in class_folders} or {"": _image_files(folder)}
    counts = [len(files) for files in groups.values()]
    empty = [name for name, files in groups.items() if name and not files]
    if empty:
        raise DataError(f"{folder / empty[0]}: no image in this class; remove the folder or add images")
    if class_folders and len(class_folders) == 1:
        raise DataError(f"{folder}: only one class ({class_folders[0].name}); a ranking needs at least two")
    if not any(groups.values()):
        raise DataError(f"{folder}: no images found (looked for {', '.join(sorted(IMAGE_SUFFIXES))})")
    if limit is not None and sum(counts) > CHECK_ALL:
        groups = {name: files[:: -(-len(files) // limit)] for name, files in groups.items()}
    return replace(_decode(folder, groups, skip_unreadable), class_sizes=tuple(counts))


def _image_files(folder: Path) -> list[Path]:
    files = (p for p in folder.rglob("*") if p.suffix.lower() in IMAGE_SUFFIXES and not p.name.startswith("."))
    return sorted(p for p in files if p.is_file())


def _decode(folder: Path, groups: dict[str, list[Path]], skip_unreadable: bool) -> ImageFolder:
    from PIL import Image

    paths, images, labels, skipped = [], [], [], []
    for index, (_, files) in enumerate(groups.items()):
        for path in files:
            try:
                with Image.open(path) as image:
                    image.thumbnail((MAX_SIDE, MAX_SIDE))
                    images.append(image.convert("RGB"))
            except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
                skipped.append(f"{path.relative_to(folder)} ({error})")
                continue
            paths.append(path)
            labels.append(index)
    if skipped and not skip_unreadable:
        shown = "; ".join(skipped[:3]) + ("; ..." if len(skipped) > 3 else "")
        raise DataError(
            f"{folder}: {len(skipped)} image(s) do not decode: {shown}; mend them or pass --skip-unreadable"
        )
    class_names = tuple(name for name in groups if name)
    counts = Counter(labels)
    lost = [name for index, name in enumerate(class_names) if not counts[index]]
    if lost or not images:
        raise DataError(f"{folder}: no readable image left in {lost[0] if lost else 'the folder'}")
    return ImageFolder(folder.name, paths, images, np.array(labels) if class_names else None, class_names, skipped)
