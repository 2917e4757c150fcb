"""All images of a person in the parts they are used in: to learn from, and to judge what was learned."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ptmrec.core.errors import DataError
from ptmrec.images.arrays import shrink
from ptmrec.images.user_images import read_test_images, read_user_images

HELD_OUT = 0.2
"""Share of each class that judges, as in the ground truth; one image of it at least."""


@dataclass(frozen=True)
class Parts:
    """Images and what each is for.

    Attributes:
        pictures: PIL images, or arrays ``(H, W, 3)`` uint8.
        labels: ``(n,)`` class indices.
        class_names: of the classes.
        training: positions of those to learn from.
        report: of those that judge what was made, and nothing else.
        part: where the latter are from, in words.
    """

    pictures: Sequence[Any]
    labels: np.ndarray
    class_names: tuple[str, ...]
    training: np.ndarray
    report: np.ndarray
    part: str

    def at(self, side: int, rows: np.ndarray) -> np.ndarray:
        """Images ``(k, S, S, 3)`` uint8 at some positions, of so many pixels, or fewer where none has as many."""
        return shrink([self.pictures[row] for row in rows], side)


def read_parts(source: Any, labels: Any = None, skip_unreadable: bool = False) -> Parts:
    """Read all images of a source; its test part is the report, else a fifth of each class.

    Args:
        source: see :func:`~ptmrec.images.user_images.read_user_images`, and so the others.
        labels: of the images.
        skip_unreadable: leave out files that do not decode.

    Raises:
        DataError: no labels, one class, two images of each class at most, or a test part of other classes
            or of none.
    """
    read = read_user_images(source, labels, skip_unreadable, whole=True)
    if read.num_classes < 2:
        raise DataError("the images have no labels, so there is nothing to learn; give one folder per class, or labels")
    test = read_test_images(source, labels, skip_unreadable) if isinstance(labels, str | Path | None) else None
    pictures, own = list(read.images), read.labels
    if test is None:
        if np.unique(own, return_counts=True)[1].max() < 3:
            raise DataError("no class has three images, and learning, choosing and judging take one each")
        training, report = hold_out(own, HELD_OUT)
        return Parts(pictures, own, read.class_names, training, report, "these images, held out")
    if np.unique(own, return_counts=True)[1].max() < 2:
        raise DataError("no class has two images for training, and learning and choosing take one each")
    if test.labels is None:
        raise DataError("the images of the test part have no classes; sort them into folders, or move them elsewhere")
    strange = sorted({*test.class_names} - {*read.class_names})
    if strange:
        raise DataError(f"the test part holds the class {strange[0]!r}, the training part does not; mend the folders")
    told = np.array([read.class_names.index(name) for name in test.class_names])[test.labels]
    rows = np.split(np.arange(len(own) + len(told)), [len(own)])
    labels = np.concatenate([own, told])
    return Parts(pictures + list(test.images), labels, read.class_names, *rows, "the test part")


def hold_out(labels: np.ndarray, share: float = HELD_OUT, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Positions of the images to learn from and of those to judge on, both with every class of two images or more.

    Args:
        labels: ``(n,)`` class indices.
        share: of each class that is held out, one image of it at least.
        seed: of the draw.

    Raises:
        ValueError: no class has two images.
    """
    generator, learned, judged = np.random.default_rng(seed), [], []
    for label in np.unique(labels):
        group = generator.permutation(np.flatnonzero(labels == label))
        cut = min(len(group) - 1, max(1, round(share * len(group))))
        judged.append(group[:cut])
        learned.append(group[cut:])
    if not any(map(len, judged)):
        raise ValueError("no class has two images, so none can be held out")
    return np.sort(np.concatenate(learned)), np.sort(np.concatenate(judged))
