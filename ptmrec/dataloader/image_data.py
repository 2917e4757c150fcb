"""Image sets: NPZ files with a train and a test part, NPZ files of images and labels, and folders of image files."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from ptmrec.dataloader.image_files import IMAGE_SUFFIXES, find_image_files, list_folders, open_image
from ptmrec.errors import ArtifactError, DataError
from ptmrec.files import read_npz

CHECK_ALL = 2000
"""A folder of up to this many image files is always read whole."""
TRAIN_FOLDERS = frozenset({"train", "training"})
OTHER_PARTS = frozenset({"val", "valid", "validation", "test", "testing"})
"""Names of folders that hold parts of a data set, not classes, when one of the training part is among them."""


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
        part: name of the sub-folder with the training part, when the folder is split into parts; else empty.
    """

    name: str
    paths: list[Path]
    images: list
    labels: np.ndarray | None
    class_names: tuple[str, ...]
    skipped: list[str] = field(default_factory=list)
    class_sizes: tuple[int, ...] = ()
    part: str = ""


@dataclass(frozen=True)
class LabelledImages:
    """Images with labels of any kind turned into class indices.

    Attributes:
        images: ``(n, H, W, 3)`` uint8.
        labels: ``(n,)`` int64 indices into ``class_names``.
        class_names: ``(C,)`` names.
    """

    images: np.ndarray
    labels: np.ndarray
    class_names: tuple[str, ...]


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


def load_labelled_npz(path: Path) -> LabelledImages:
    """Read the images to learn from out of an NPZ of either layout.

    The layouts are ``train_images, train_labels`` (with ``test_images`` and others, which are left alone) and
    ``images, labels``; both may name their classes in ``class_names``. Images are ``(n, height, width, 3)`` uint8,
    labels ``(n,)`` whole numbers or text.

    Raises:
        ArtifactError: missing or damaged file, pickled objects, arrays of neither layout.
        DataError: shapes, types or labels that do not fit together, or one class only.
    """
    arrays = read_npz(path)
    layouts = (("train_images", "train_labels"), ("images", "labels"))
    names = next((layout for layout in layouts if set(layout) <= set(arrays)), None)
    if names is None:
        raise ArtifactError(
            f"{path}: holds {', '.join(sorted(arrays)) or 'nothing'}; expected arrays train_images and train_labels, "
            "or images and labels"
        )
    images = check_pixels(arrays[names[0]], f"{path}: {names[0]}")
    labels, class_names = index_labels(arrays[names[1]], len(images), f"{path}: {names[1]}")
    if "class_names" in arrays and arrays[names[1]].dtype.kind in "iu":
        labels, class_names = _named(arrays, names[1], path)
    return LabelledImages(images, labels, class_names)


def _named(arrays: Mapping[str, np.ndarray], key: str, path: Path) -> tuple[np.ndarray, tuple[str, ...]]:
    labels = arrays[key].reshape(-1).astype(np.int64)
    names = tuple(str(name) for name in arrays["class_names"].reshape(-1))
    if labels.size == 0 or labels.min() < 0 or labels.max() >= len(names):
        raise DataError(f"{path}: {key} must lie in 0..{len(names) - 1}, the {len(names)} names of class_names")
    return labels, names


def check_pixels(images: np.ndarray, where: str) -> np.ndarray:
    """An array that can be read as images, unchanged.

    Args:
        images: expected ``(n, H, W, 3)`` uint8 with n > 0.
        where: what the message of an error starts with.

    Raises:
        DataError: another shape or type.
    """
    if images.ndim != 4 or images.shape[-1] != 3 or images.dtype != np.uint8 or 0 in images.shape:
        raise DataError(f"{where}: is {images.dtype} {images.shape}, expected uint8 (n, height, width, 3)")
    return images


def index_labels(labels: np.ndarray, count: int, where: str) -> tuple[np.ndarray, tuple[str, ...]]:
    """Labels of any whole numbers or text as indices, with the names of the classes in ascending order.

    Args:
        labels: ``(n,)`` or ``(n, 1)``.
        count: number of images n.
        where: what the message of an error starts with.

    Returns:
        ``(n,)`` int64 and the ``(C,)`` names.

    Raises:
        DataError: another shape or type, or one class only.
    """
    if labels.shape not in ((count,), (count, 1)):
        raise DataError(f"{where}: has shape {labels.shape}, expected ({count},), one label per image")
    if labels.dtype.kind not in "iubUS":
        raise DataError(f"{where}: is {labels.dtype}, expected whole numbers or text")
    values, indices = np.unique(labels.reshape(-1), return_inverse=True)
    if len(values) < 2:
        raise DataError(f"{where}: only one class; a ranking needs at least two")
    names = (value.decode(errors="replace") if isinstance(value, bytes) else str(value) for value in values.tolist())
    return indices.astype(np.int64), tuple(names)


def load_image_folder(folder: Path, skip_unreadable: bool = False, limit: int | None = None) -> ImageFolder:
    """Read a folder of images: one sub-folder per class, or image files only (unlabelled).

    A folder that holds ``train/`` beside ``val/``, ``valid/``, ``validation/`` or ``test/`` and nothing else is one
    data set in parts: of it the training part is read.

    Args:
        folder: the folder; hidden files and files that are no images are passed over.
        skip_unreadable: leave out files that do not decode instead of stopping.
        limit: of a folder with more than :data:`CHECK_ALL` files, read at most this many of a class (of all,
            when unlabelled), spread over the sorted list. Smaller folders are read, and so checked, whole.

    Raises:
        DataError: missing, unreadable or empty folder, a class without images, one class only, or images that do
            not decode.
    """
    if not folder.is_dir():
        raise DataError(_not_a_folder(folder))
    part = find_training_part(folder)
    if part:
        return replace(_load_classes(folder / part, skip_unreadable, limit), name=folder.name, part=part)
    return _load_classes(folder, skip_unreadable, limit)


def _not_a_folder(path: Path) -> str:
    wanted = "give a folder with one sub-folder per class, or of images"
    if not path.is_file():
        return f"{path}: no such folder; {wanted}"
    if path.suffix.lower() in IMAGE_SUFFIXES:
        return f"{path}: a single image, where a data set is wanted; {wanted}"
    return f"{path}: neither a folder nor an NPZ image set; {wanted}"


def find_training_part(folder: Path) -> str:
    """Name of the sub-folder with the training part of a folder that is split into parts, else empty."""
    names = [path.name for path in list_folders(folder)]
    train = [name for name in names if name.lower() in TRAIN_FOLDERS]
    return train[0] if len(train) == 1 and {name.lower() for name in names} <= TRAIN_FOLDERS | OTHER_PARTS else ""


def _load_classes(folder: Path, skip_unreadable: bool, limit: int | None) -> ImageFolder:
    class_folders = list_folders(folder)
    groups = {p.name: find_image_files(p) for p in class_folders} or {"": find_image_files(folder)}
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


def _decode(folder: Path, groups: dict[str, list[Path]], skip_unreadable: bool) -> ImageFolder:
    paths, images, labels, skipped = [], [], [], []
    for index, (_, files) in enumerate(groups.items()):
        for path in files:
            try:
                images.append(open_image(path))
            except DataError as error:
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
