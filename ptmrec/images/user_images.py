"""Read a user's images, choose those that are used, and the regime they are likely for."""

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ptmrec.core.errors import ArtifactError, DataError
from ptmrec.core.files import read_npz
from ptmrec.core.log import logger
from ptmrec.core.words import count_of, first_few
from ptmrec.images.account import Account
from ptmrec.images.arrays import TEST_LAYOUT, WANTED, check_pixels, read_labelled_npz, read_list
from ptmrec.images.datasets import (
    UNLABELLED_IMAGES,
    evenly,
    images_per_class,
    is_dataset,
    not_needed,
    read_dataset,
    spread,
)
from ptmrec.images.files import MAX_SIDE, open_image
from ptmrec.images.folders import list_images
from ptmrec.images.labels import index_labels

if TYPE_CHECKING:
    from PIL import Image

PLENTY = 100
"""Images in the smallest class from which on fine-tuning, not a linear probe, is the likely plan."""
CHECK_ALL = 2000
"""A folder of up to this many image files is always read whole, and so checked."""
TUNED_SIDE = 160
"""Pixels of the images that a model is fine-tuned on, at most."""


@dataclass(frozen=True)
class UserImages:
    """Images to rank models for.

    Attributes:
        images: PIL images, or ``(n, H, W, 3)`` uint8; those that are used.
        labels: ``(n,)`` class indices, or None when unlabelled.
        smallest_class: images in the smallest class there is (0 when unlabelled).
        part: path of the folder's training part that was read, empty when it has no parts.
        class_names: ``(C,)`` names of the classes, empty when unlabelled.
        account: what was left out, and what was read otherwise than it stands.
    """

    images: list | np.ndarray
    labels: np.ndarray | None
    smallest_class: int
    part: str = ""
    class_names: tuple[str, ...] = ()
    account: Account = field(default_factory=Account)

    @property
    def total(self) -> int:
        """What was found: used and left out."""
        return self.account.found(len(self.images))

    @property
    def num_classes(self) -> int:
        """Number of classes, 0 when unlabelled."""
        return 0 if self.labels is None else len(np.unique(self.labels))


def read_user_images(
    source: "Path | str | np.ndarray | Sequence[Image.Image] | Any",
    labels: "Sequence | np.ndarray | Path | str | None" = None,
    skip_unreadable: bool = False,
    whole: bool = False,
) -> UserImages:
    """Read the images to rank models for, and choose those that are used, evenly spread over each class.

    Args:
        source: a folder of images, an NPZ image set, a data set of torchvision or the Hub, a list of PIL images or
            paths, or an array or tensor ``(n, H, W, 3)`` or ``(n, 3, H, W)`` uint8.
        labels: one whole number or text per image, for lists and arrays; for a folder of images a list of file names
            and labels. Without it they are unlabelled.
        skip_unreadable: leave out files that do not decode instead of stopping.
        whole: use as many as a model is fine-tuned on, no larger than it sees them. They were read before, for the
            list, and what is to be said of them was said then.

    Raises:
        DataError: see :mod:`ptmrec.images.folders`; labels that do not go with the images.
    """
    if isinstance(source, str) and not source.strip():
        raise DataError("the path of the images is empty; give a folder of images or an NPZ image set")
    reading = _Reading(skip_unreadable, whole)
    if isinstance(source, str | Path):
        images = reading.from_path(Path(source).expanduser(), labels)
    else:
        images = reading.from_memory(source, labels)
    if images.smallest_class == 1 and not whole:
        single = int((np.bincount(images.labels) == 1).sum())
        classes = f"{single} of {images.num_classes} classes {'has' if single == 1 else 'have'}"
        logger.warning(
            "%s one image only; a ranking from so few is rough: more images help, best ten or more of each", classes
        )
    return images


def read_test_images(
    source: Any, labels: "Path | str | None" = None, skip_unreadable: bool = False
) -> UserImages | None:
    """The images of the test part of a folder or an NPZ; None where there is none.

    Raises:
        DataError: they cannot be used.
    """
    if not isinstance(source, str | Path):
        return None
    path, reading = Path(source).expanduser(), _Reading(skip_unreadable, whole=True)
    if path.suffix.lower() == ".npz" and not path.is_dir():
        if not set(TEST_LAYOUT) <= set(read_npz(path)):
            return None
        return reading.choose(*read_labelled_npz(path, reading.account, test=True))
    groups = list_images(path, None if labels is None else Path(labels).expanduser()).groups(("test",))
    return reading.choose(*reading.decode(path, groups)) if groups else None


@dataclass
class _Reading:
    """One reading of images, and what becomes of them; for its options see :func:`read_user_images`."""

    skip_unreadable: bool
    whole: bool
    account: Account = field(default_factory=Account)

    def from_path(self, path: Path, labels: "Sequence | Path | str | None") -> UserImages:
        """An NPZ image set, or a folder."""
        if labels is not None and path.suffix.lower() == ".npz" and os.path.isfile(path):
            raise DataError(f"{path}: an NPZ brings its own labels; leave the others away")
        if labels is not None and (not isinstance(labels, str | Path) or os.path.isfile(path)):
            raise DataError(f"{path}: labels in memory go with images in memory; beside a folder give a CSV of labels")
        if path.suffix.lower() == ".npz" and not os.path.isdir(path):
            try:
                return self.choose(*read_labelled_npz(path, self.account))
            except ArtifactError as error:  # a user's NPZ is data, and its mistakes are mistakes of data
                raise DataError(str(error)) from None
        return self._from_folder(path, None if labels is None else Path(labels).expanduser())

    def _from_folder(self, folder: Path, labels: Path | None) -> UserImages:
        listing = list_images(folder, labels)
        for place, why in listing.empty.items():
            raise DataError(f"{folder / place}: {why}")
        self.account, groups = listing.account, listing.groups()
        for part, count in Counter(part for part in listing.parts if part not in ("", "train")).items():
            self.account.leave(f"in the {part} part" if part != "other" else "in no training part", count=count)
        if listing.part:
            self.account.note(f"training part {listing.part}")
            if not self.whole:  # of all images the parts are read once more, and it was said before
                logger.info("%s is split into parts; its training part %s/ is used", folder, listing.part)
        if len(groups) == 1 and "" not in groups:
            raise DataError(f"{folder}: only one class ({next(iter(groups))}); a ranking needs at least two")
        sizes = {name: len(files) for name, files in groups.items()}
        limit = UNLABELLED_IMAGES if "" in groups else images_per_class(len(groups), self.whole)
        if sum(sizes.values()) > CHECK_ALL:
            groups = {name: [files[index] for index in evenly(len(files), limit)] for name, files in groups.items()}
        images, indices, names = self.decode(folder, groups, quiet=self.whole)
        self.account.leave(not_needed(limit, not names), count=sum(sizes.values()) - sum(map(len, groups.values())))
        return self.choose(images, indices, names, min(sizes.values()) if names else 0, listing.part)

    def decode(
        self, folder: Path, groups: dict[str, list[Path]], quiet: bool = False
    ) -> "tuple[list[Image.Image], np.ndarray | None, tuple[str, ...]]":
        """Images, the class indices of each, and the names of the classes; None and no names without classes."""
        images, held, broken = [], [], []
        side = TUNED_SIDE if self.whole else MAX_SIDE
        for name, files in groups.items():
            for path in files:
                try:
                    images.append(open_image(path))
                    images[-1].thumbnail((side, side))
                    held.append(name)
                except DataError as error:
                    broken.append(f"{path.relative_to(folder)} ({error})")
        if broken and not self.skip_unreadable:
            what = f"{len(broken)} image(s) do not decode: {first_few(broken, '; ')}"
            raise DataError(f"{folder}: {what}; mend them or pass --skip-unreadable")
        for text in () if quiet else broken:
            logger.warning("skipped, does not decode: %s", text)
        self.account.leave("that do not decode", broken)
        lost = [name for name in groups if name not in held]
        if lost:
            raise DataError(f"{folder}: no readable image left in {lost[0] or 'the folder'}")
        names = () if "" in groups else tuple(sorted(groups))
        return images, np.array([names.index(name) for name in held]) if names else None, names

    def from_memory(self, source: Any, labels: Any) -> UserImages:
        """Arrays, tensors, lists and data sets."""
        kind = type(source).__name__
        if hasattr(source, "iloc") and not hasattr(source, "columns"):
            source = source.tolist()
        if hasattr(source, "iloc") or isinstance(source, bytes):
            what = f"images: a {kind}; give a folder and a CSV of labels"
            raise DataError(f"{what}, or a list of its paths and, as labels, its column of classes")
        if hasattr(source, "batch_size") and hasattr(source, "dataset"):
            raise DataError(f"images: a {kind} gives batches; give its data set, loader.dataset")
        if hasattr(source, "detach") or (isinstance(source, np.ndarray) and source.dtype.kind not in "OU"):
            return self._labelled(check_pixels(source, "images", self.account), labels)
        if is_dataset(source) and not isinstance(source, np.ndarray):
            if labels is not None:
                raise DataError("labels go with images in a list or an array; a data set brings its own")
            images, own, sizes = read_dataset(source, self.account, self.whole)
            return self._labelled(images, own, smallest=min(sizes.values(), default=0))
        if not hasattr(source, "__iter__"):
            raise DataError(f"images: a {kind}; {WANTED}")
        items = list(source)
        if labels is None and items and all(isinstance(item, tuple) and len(item) == 2 for item in items):
            items, labels = (list(column) for column in zip(*items, strict=True))
        images, kept = read_list(items, self.account, self.skip_unreadable)
        return self._labelled(images, labels, kept, len(items))

    def _labelled(
        self,
        images: Any,
        labels: Any,
        kept: Sequence[int] | None = None,
        total: int = 0,
        smallest: int | None = None,
    ) -> UserImages:
        """Images with the labels of those that were kept of so many; of all without ``kept``."""
        if labels is None:
            return self.choose(images, None, ())
        indices, names = index_labels(labels, total or len(images), "labels")
        if kept is not None:
            indices = indices[kept]
        if len(np.unique(indices)) < len(names):
            raise DataError("labels: no image of some class can be read; mend the list")
        return self.choose(images, indices, names, smallest)

    def choose(
        self,
        images: list | np.ndarray,
        labels: np.ndarray | None,
        names: tuple[str, ...],
        smallest: int | None = None,
        part: str = "",
    ) -> UserImages:
        """The images that are used; the smallest class is that of what was read unless it is known."""
        groups = np.zeros(len(images), dtype=np.int64) if labels is None else labels
        limit = UNLABELLED_IMAGES if labels is None else images_per_class(len(np.unique(labels)), self.whole)
        kept = spread(groups, limit)
        self.account.leave(not_needed(limit, labels is None), count=len(images) - len(kept))
        if smallest is None:
            smallest = 0 if labels is None else int(np.unique(labels, return_counts=True)[1].min())
        used = images[kept] if isinstance(images, np.ndarray) else [images[index] for index in kept]
        changes = Counter(change for image in used for change in getattr(image, "info", {}).get("read_as", ()))
        for change, count in changes.items():
            self.account.note(f"{count_of(count, 'image')} {change}")
        return UserImages(used, None if labels is None else labels[kept], smallest, part, names, self.account)


def choose_regime(images: UserImages) -> str:
    """``fine_tuning`` when every class has plenty of images, else ``low_data``."""
    return "fine_tuning" if images.smallest_class >= PLENTY else "low_data"
