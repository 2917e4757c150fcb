"""Choosing the images of the battery."""

import zlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from experiments.zoo_build.image_sets import INDEX_NAME, ImageData, ImageSetEntry, check_image_sets, load_image_npz
from ptmrec.benchmark.battery import BatterySet, write_battery
from ptmrec.core.errors import DataError

PER_CLASS = 20
FREE_LICENCES = ("MIT", "Apache-2.0", "CC0 1.0", "CC BY 4.0")
"""Licences, as the table states them, that allow images to be passed on with attribution."""


def build_battery(images: Path, names: Iterable[str], path: Path) -> Path:
    """Write the battery: twenty images per class, drawn from the training images of each set.

    Args:
        images: folder of image sets.
        names: image sets to choose from; those whose licence does not allow it are left out.
        path: the NPZ to write.

    Raises:
        DataError: an image set is missing or has changed, or none may be passed on.
    """
    names = list(names)
    table = check_image_sets(images, names, [])
    free = [name for name in names if table[name].licence in FREE_LICENCES]
    if not free:
        raise DataError(f"{images / INDEX_NAME}: no image set under {', '.join(FREE_LICENCES)}; a battery needs one")
    return write_battery(path, [_choose(load_image_npz(images / f"{name}.npz"), table[name]) for name in free])


def _choose(data: ImageData, entry: ImageSetEntry) -> BatterySet:
    generator = np.random.default_rng(zlib.crc32(data.name.encode()))
    groups = [np.flatnonzero(data.train_labels == label) for label in range(data.num_classes)]
    kept = np.sort(np.concatenate([generator.permutation(group)[:PER_CLASS] for group in groups]))
    said = f"{entry.source_repo} at {entry.commit_sha[:7]}, {entry.licence}"
    return BatterySet(data.name, data.train_images[kept], data.train_labels[kept], data.class_names, said)
