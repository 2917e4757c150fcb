"""Image sets: NPZ files with a train and a test part."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ptmrec.core.errors import DataError
from ptmrec.core.files import read_npz


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
