"""Data sets of other libraries: torchvision's (items are pairs) and the Hub's (items are dictionaries)."""

from typing import TYPE_CHECKING, Any

import numpy as np

from ptmrec.dataloader.image_files import to_rgb
from ptmrec.errors import DataError

if TYPE_CHECKING:
    from PIL import Image

IMAGE_KEYS, LABEL_KEYS = ("image", "img", "pixel_values"), ("label", "labels", "fine_label", "target")
MOST = 4000
"""Items read of a data set that does not tell its labels without its images."""


def is_dataset(source: Any) -> bool:
    """Whether something is a data set of items, and no list or array of images."""
    return hasattr(source, "__getitem__") and hasattr(source, "__len__") and not isinstance(source, list | tuple)


def read_dataset(source: Any, limit: int) -> "tuple[list[Image.Image], list | None, int]":
    """Images and labels of a data set, at most ``limit`` of each class.

    Returns:
        Images, a label for each (a class name where the data set tells it) or None, and how many items there are.

    Raises:
        DataError: it is empty, or its items are neither pairs nor dictionaries of an image and a label.
    """
    total = len(source)
    if not total:
        raise DataError(f"{type(source).__name__}: the data set is empty")
    told = _labels(source)
    wanted = range(0, total, -(-total // MOST)) if told is None else spread(np.asarray(told), limit)
    items = [_split(source[int(index)], source) for index in wanted]
    images = [to_rgb(image) for image, _ in items]
    labels = [label for _, label in items]
    if all(label is None for label in labels):
        return images[:: -(-len(images) // limit)], None, total
    names = _names(source)
    return images, [names[int(label)] if names else label for label in labels], total


def _labels(source: Any) -> Any:
    """Labels without reading images: torchvision calls them targets, the Hub has columns."""
    if hasattr(source, "targets"):
        return source.targets
    for key in LABEL_KEYS:
        if key in getattr(source, "column_names", ()):
            return source[key]
    return None


def _names(source: Any) -> list[str]:
    if getattr(source, "classes", None):
        return list(source.classes)
    features = getattr(source, "features", None) or {}
    return next((list(features[key].names) for key in LABEL_KEYS if hasattr(features.get(key), "names")), [])


def spread(labels: np.ndarray, limit: int) -> np.ndarray:
    """Positions ``(k,)`` of at most ``limit`` images of each class, evenly spread over it."""
    groups = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    return np.sort(np.concatenate([group[:: -(-len(group) // limit)] for group in groups]))


def _split(item: Any, source: Any) -> "tuple[Image.Image, Any]":
    if isinstance(item, dict):
        image = next((item[key] for key in IMAGE_KEYS if key in item), None)
        label = next((item[key] for key in LABEL_KEYS if key in item), None)
    else:
        image, label = item if isinstance(item, tuple) and len(item) == 2 else (item, None)
    return _picture(image, source), label.item() if hasattr(label, "item") else label


def _picture(image: Any, source: Any) -> "Image.Image":
    """A PIL image; tensors ``(3, H, W)`` from 0 to 1 and arrays ``(H, W, 3)`` uint8 are turned into one."""
    from PIL import Image

    if isinstance(image, Image.Image):
        return image
    if hasattr(image, "permute"):
        pixels = image.permute(1, 2, 0).numpy()
        if pixels.dtype != np.uint8 and not 0 <= pixels.min() <= pixels.max() <= 1:
            raise DataError(f"{type(source).__name__}: tensors are not from 0 to 1; leave its normalisation away")
        image = pixels if pixels.dtype == np.uint8 else (pixels * 255).round().astype(np.uint8)
    if isinstance(image, np.ndarray) and image.dtype == np.uint8 and image.ndim in (2, 3):
        return Image.fromarray(image[..., 0] if image.shape[2:] == (1,) else image)
    raise DataError(f"{type(source).__name__}: items should be (image, label) or have 'image' and 'label'")
