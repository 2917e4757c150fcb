"""Images somebody brings: which are read, how many are used, and what they are likely for."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ptmrec.dataloader.image_data import load_image_folder, load_image_npz
from ptmrec.log import logger

IMAGES_PER_CLASS = 40
"""Images used per class: enough for several draws of tokens, and an answer in seconds."""
UNLABELLED_IMAGES = 400
PLENTY = 100
"""Images in the smallest class from which on fine-tuning, not a linear probe, is the likely plan."""


@dataclass(frozen=True)
class UserImages:
    """Images to rank models for.

    Attributes:
        images: PIL images, or ``(n, H, W, 3)`` uint8.
        labels: ``(n,)`` class indices, or None when unlabelled.
        smallest_class: images in the smallest class on disk (0 when unlabelled).
    """

    images: list | np.ndarray
    labels: np.ndarray | None
    smallest_class: int


def read_user_images(path: Path, skip_unreadable: bool = False) -> UserImages:
    """Read a folder of images or an NPZ image set (its training part).

    Raises:
        DataError, ArtifactError: see :mod:`ptmrec.dataloader.image_data`.
    """
    if path.suffix.lower() == ".npz":
        data = load_image_npz(path)
        kept = _spread(data.train_labels, IMAGES_PER_CLASS)
        smallest = int(np.bincount(data.train_labels)[np.unique(data.train_labels)].min())
        return UserImages(data.train_images[kept], data.train_labels[kept], smallest)
    labelled = path.is_dir() and any(p.is_dir() and not p.name.startswith(".") for p in path.iterdir())
    folder = load_image_folder(path, skip_unreadable, IMAGES_PER_CLASS if labelled else UNLABELLED_IMAGES)
    for name in folder.skipped:
        logger.warning("skipped, does not decode: %s", name)
    if folder.labels is None:
        kept = _spread(np.zeros(len(folder.images)), UNLABELLED_IMAGES)
        return UserImages([folder.images[index] for index in kept], None, 0)
    kept = _spread(folder.labels, IMAGES_PER_CLASS)
    return UserImages([folder.images[index] for index in kept], folder.labels[kept], min(folder.class_sizes))


def _spread(labels: np.ndarray, limit: int) -> np.ndarray:
    """Positions ``(k,)`` of at most ``limit`` images of each class, evenly spread over it."""
    groups = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    return np.sort(np.concatenate([group[:: -(-len(group) // limit)] for group in groups]))


def choose_regime(images: UserImages) -> str:
    """``fine_tuning`` when every class has plenty of images, else ``low_data``."""
    return "fine_tuning" if images.smallest_class >= PLENTY else "low_data"
