"""Classifying images with a fine-tuned model."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ptmrec.core.errors import DataError
from ptmrec.core.log import logger
from ptmrec.images.account import Account
from ptmrec.images.arrays import check_pixels, read_list, shrink
from ptmrec.images.files import find_files, is_image_file, open_image
from ptmrec.zoo.tuned import Classifier, read_classifier

BATCH = 256
"""Images in memory at a time."""


def predict(model: Path | str | Classifier, images: Any, skip_unreadable: bool = False) -> pd.DataFrame:
    """Class and calibrated probability of each image.

    Args:
        model: folder that ``ptmrec tune`` wrote, or what :func:`~ptmrec.zoo.tuned.read_classifier` read of it.
        images: a folder of images (of any depth; names of folders are not looked at), an image file, a PIL image, a
            list of paths or PIL images, or an array ``(n, H, W, 3)`` uint8.
        skip_unreadable: leave out files that do not decode instead of stopping.

    Returns:
        ``image`` (path within the folder, path as it was listed, or number), ``class``, ``probability``, and
        ``p(<class>)`` of each class.

    Raises:
        ArtifactError: no fine-tuned model is there.
        DataError: an image cannot be read, or there is none.
    """
    classifier = model if isinstance(model, Classifier) else read_classifier(Path(model).expanduser())
    names, found = [], []
    for own, pictures in _batches(images, skip_unreadable):
        names += own
        found.append(classifier.probabilities(shrink(pictures, classifier.side)))
    if not names:
        raise DataError(f"{images}: no image could be read")
    probabilities = np.concatenate(found)
    first = probabilities.argmax(axis=1)
    columns = {
        "image": names,
        "class": [classifier.classes[index] for index in first],
        "probability": probabilities.max(1),
    }
    columns |= {f"p({name})": probabilities[:, index] for index, name in enumerate(classifier.classes)}
    return pd.DataFrame(columns)


def _batches(images: Any, skip_unreadable: bool) -> Iterator[tuple[list, list]]:
    """Names and pictures, so many at a time."""
    if not isinstance(images, str | Path):
        names, held = _listed(images, skip_unreadable)
        for start in range(0, len(held), BATCH):
            yield names[start : start + BATCH], list(held[start : start + BATCH])
        return
    root = Path(images).expanduser()
    if not root.exists():
        raise DataError(f"{root}: no such folder or image")
    files = [root] if root.is_file() else [path for path in find_files(root)[0] if is_image_file(path)]
    if not files:
        raise DataError(f"{root}: no images found")
    base = root.parent if root.is_file() else root
    for start in range(0, len(files), BATCH):
        names, pictures = [], []
        for path in files[start : start + BATCH]:
            try:
                pictures.append(open_image(path))
                names.append(str(path.relative_to(base)))
            except DataError as error:
                if not skip_unreadable:
                    raise DataError(f"{path}: {error}; mend it or pass --skip-unreadable") from None
                logger.warning("skipped, does not decode: %s (%s)", path, error)
        if pictures:
            yield names, pictures


def _listed(images: Any, skip_unreadable: bool) -> tuple[list, Any]:
    """Names and pictures of a list, of which a path is its own name, or of an array."""
    if hasattr(images, "shape") or hasattr(images, "detach"):
        held = check_pixels(images, "images", Account())
        return list(range(len(held))), held
    items = list(images) if hasattr(images, "__iter__") else [images]
    held, kept = read_list(items, Account(), skip_unreadable)
    return [str(items[place]) if isinstance(items[place], str | Path) else place for place in kept], held
