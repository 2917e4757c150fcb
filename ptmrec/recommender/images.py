"""Images somebody brings: which are read, how many are used, and what they are likely for."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ptmrec.dataloader.image_data import (
    check_pixels,
    find_training_part,
    index_labels,
    load_image_folder,
    load_labelled_npz,
)
from ptmrec.dataloader.image_files import list_folders, open_image, to_rgb
from ptmrec.errors import ArtifactError, DataError
from ptmrec.log import logger
from ptmrec.recommender.label_files import read_label_file
from ptmrec.recommender.user_datasets import is_dataset, read_dataset, spread

if TYPE_CHECKING:
    from PIL import Image

IMAGES_PER_CLASS = 40
"""Images used per class: enough for several draws of tokens, and an answer in seconds."""
UNLABELLED_IMAGES = 400
PLENTY = 100
"""Images in the smallest class from which on fine-tuning, not a linear probe, is the likely plan."""


@dataclass(frozen=True)
class UserImages:
    """Images to rank models for.

    Attributes:
        images: PIL images, or ``(n, H, W, 3)`` uint8; those that are used.
        labels: ``(n,)`` class indices, or None when unlabelled.
        smallest_class: images in the smallest class there is (0 when unlabelled).
        total: images there are, used or not.
        part: name of the folder's training part that was read, empty when it has no parts.
        class_names: ``(C,)`` names of the classes, empty when unlabelled.
    """

    images: list | np.ndarray
    labels: np.ndarray | None
    smallest_class: int
    total: int
    part: str = ""
    class_names: tuple[str, ...] = ()

    @property
    def num_classes(self) -> int:
        """Number of classes, 0 when unlabelled."""
        return 0 if self.labels is None else len(np.unique(self.labels))


def read_user_images(
    source: "Path | str | np.ndarray | Sequence[Image.Image] | Any",
    labels: "Sequence | np.ndarray | Path | str | None" = None,
    skip_unreadable: bool = False,
) -> UserImages:
    """Read the images to rank models for, and choose those that are used, evenly spread over each class.

    Args:
        source: a folder of images, an NPZ image set, a data set of torchvision or the Hub, PIL images, or an array
            ``(n, H, W, 3)`` uint8.
        labels: one whole number or text per image, for PIL images and arrays; for a folder of images a CSV of file
            names and labels. Without it they are unlabelled.
        skip_unreadable: leave out files that do not decode instead of stopping.

    Raises:
        DataError: see :mod:`ptmrec.dataloader.image_data`; labels that do not go with the images.
    """
    if isinstance(source, str | Path):
        images = _read_path(Path(source).expanduser(), labels, skip_unreadable)
    elif is_dataset(source) and not isinstance(source, np.ndarray):
        if labels is not None:
            raise DataError("labels go with images in a list or an array; a data set brings its own")
        found, own, total = read_dataset(source, IMAGES_PER_CLASS)
        images = replace(_take(found, own), total=total)
    else:
        images = _take(source, labels)
    if images.smallest_class == 1:
        single = int((np.bincount(images.labels) == 1).sum())
        logger.warning(
            "%d of %d classes have one image only; a ranking from so few is rough", single, images.num_classes
        )
    return images


def _read_path(path: Path, labels: "Sequence | Path | str | None", skip_unreadable: bool) -> UserImages:
    if labels is not None:
        return _read_listed(path, labels, skip_unreadable)
    if path.suffix.lower() == ".npz" and not path.is_dir():
        try:
            data = load_labelled_npz(path)
        except ArtifactError as error:  # what somebody brings is data, and its mistakes are mistakes of data
            raise DataError(str(error)) from None
        return _chosen(data.images, data.labels, names=data.class_names)
    labelled = path.is_dir() and bool(list_folders(path / find_training_part(path)))
    folder = load_image_folder(path, skip_unreadable, IMAGES_PER_CLASS if labelled else UNLABELLED_IMAGES)
    for name in folder.skipped:
        logger.warning("skipped, does not decode: %s", name)
    if folder.part:
        logger.info("%s is split into parts; its training part %s/ is used", path, folder.part)
    smallest = 0 if folder.labels is None else min(folder.class_sizes)
    return _chosen(folder.images, folder.labels, sum(folder.class_sizes), smallest, folder.part, folder.class_names)


def _read_listed(path: Path, labels: "Sequence | Path | str", skip_unreadable: bool) -> UserImages:
    """A folder of images whose labels are in a CSV."""
    if not isinstance(labels, str | Path) or not path.is_dir():
        raise DataError(f"{path}: labels in memory go with images in memory; beside a folder give a CSV of labels")
    listed = read_label_file(Path(labels).expanduser(), path)
    classes, names = index_labels(np.array(list(listed.values())), len(listed), str(labels))
    images, kept, broken = [], [], []
    for index in spread(classes, IMAGES_PER_CLASS):
        file = list(listed)[index]
        try:
            images.append(open_image(file))
            kept.append(index)
        except DataError as error:
            broken.append(f"{file.relative_to(path)} ({error})")
    if broken and not skip_unreadable:
        raise DataError(f"{path}: {len(broken)} image(s) do not decode: {'; '.join(broken[:3])}; mend them")
    if len(np.unique(classes[kept])) < len(names):
        raise DataError(f"{path}: no image of some class decodes: {'; '.join(broken[:3])}; mend them")
    return _chosen(images, classes[kept], len(listed), int(np.bincount(classes).min()), names=names)


def _take(source: "np.ndarray | Sequence[Image.Image]", labels: Sequence | np.ndarray | None) -> UserImages:
    from PIL import Image

    if isinstance(source, np.ndarray):
        images = check_pixels(source, "images")
    else:
        images = list(source)
        wrong = [type(image).__name__ for image in images if not isinstance(image, Image.Image)]
        if wrong or not images:
            found = f"a list with a {wrong[0]} in it" if wrong else "nothing"
            raise DataError(f"images: {found}; give a path, PIL images, or an array (n, height, width, 3) uint8")
        images = [to_rgb(image) for image in images]
    if labels is None:
        return _chosen(images, None)
    indices, names = index_labels(np.asarray(labels), len(images), "labels")
    return _chosen(images, indices, names=names)


def _chosen(
    images: list | np.ndarray,
    labels: np.ndarray | None,
    total: int | None = None,
    smallest: int | None = None,
    part: str = "",
    names: tuple[str, ...] = (),
) -> UserImages:
    """The images that are used; sizes are those of what was read unless more is known."""
    total = len(images) if total is None else total
    groups = np.zeros(len(images), dtype=np.int64) if labels is None else labels
    kept = spread(groups, UNLABELLED_IMAGES if labels is None else IMAGES_PER_CLASS)
    if smallest is None:
        smallest = 0 if labels is None else int(np.unique(labels, return_counts=True)[1].min())
    used = images[kept] if isinstance(images, np.ndarray) else [images[index] for index in kept]
    return UserImages(used, None if labels is None else labels[kept], smallest, total, part, names)


def choose_regime(images: UserImages) -> str:
    """``fine_tuning`` when every class has plenty of images, else ``low_data``."""
    return "fine_tuning" if images.smallest_class >= PLENTY else "low_data"
