"""The battery: a few images of each class of image sets whose licence allows it, committed with the project.

It is what a new model is measured on once in its life, what ``recommend --demo`` shows, and what tests use.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ptmrec.core.errors import ArtifactError, reading
from ptmrec.core.files import read_npz, write_npz

DEMO = "euro_coins"
"""The image set that demos ask about: the one blind set of the battery, nothing was learned from it."""
ARRAYS = ("images", "labels", "sets", "attribution")


@dataclass(frozen=True)
class BatterySet:
    """The images of one image set.

    Attributes:
        name: name of the image set.
        images: ``(n, H, W, 3)`` uint8, from its training part.
        labels: ``(n,)`` int64, indices into ``class_names``.
        class_names: ``(C,)`` names.
        attribution: where the images come from and under which licence.
    """

    name: str
    images: np.ndarray
    labels: np.ndarray
    class_names: tuple[str, ...]
    attribution: str


def write_battery(path: Path, parts: list[BatterySet]) -> Path:
    """Write all sets into one NPZ with their attribution."""
    said = {part.name: {"class_names": list(part.class_names), "attribution": part.attribution} for part in parts}
    arrays = {
        "images": np.concatenate([part.images for part in parts]),
        "labels": np.concatenate([part.labels for part in parts]).astype(np.int16),
        "sets": np.repeat(np.arange(len(parts), dtype=np.int8), [len(part.labels) for part in parts]),
        "attribution": np.array(json.dumps(said, ensure_ascii=False)),
    }
    return write_npz(path, arrays)


def read_battery(path: Path) -> dict[str, BatterySet]:
    """Read the sets by name.

    Raises:
        ArtifactError: missing or damaged file, or arrays that do not fit together.
    """
    arrays = read_npz(path, ARRAYS)
    images, labels, sets = (arrays[name] for name in ARRAYS[:3])
    with reading(path, "make it again with: ptmrec zoo battery"):
        said = json.loads(str(arrays["attribution"]))
        parts = {
            name: BatterySet(
                name,
                images[sets == place],
                labels[sets == place].astype(np.int64),
                tuple(entry["class_names"]),
                entry["attribution"],
            )
            for place, (name, entry) in enumerate(said.items())
        }
    for part in parts.values():
        if part.images.ndim != 4 or part.images.dtype != np.uint8 or not len(part.labels):
            raise ArtifactError(f"{path}: {part.name!r}: images are {part.images.dtype} {part.images.shape}")
        if not 0 <= part.labels.min() <= part.labels.max() < len(part.class_names):
            raise ArtifactError(f"{path}: {part.name!r}: labels must lie in 0..{len(part.class_names) - 1}")
    return parts
