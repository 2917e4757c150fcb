"""The card of a model (``config.json``): what it is, how to rebuild it, what it was trained on."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import Field, asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from ptmrec.core.errors import ArtifactError
from ptmrec.core.files import read_json

CARD_NAME = "config.json"
CLIP_CONFIG = "open_clip_config.json"
"""What open_clip writes beside or in place of it."""
UNKNOWN = "unknown"
NAME_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
LONGEST_NAME = 200
"""Characters of the longest name: files and folders are called by it, and systems take no more than 255."""


@dataclass(frozen=True)
class Card:
    """What ``config.json`` of a snapshot says.

    Attributes:
        name: unique name of the model.
        family: kind of architecture, for example ``resnet``.
        architecture: how to rebuild it: ``{"library": "ptmrec", "size": ..., "num_classes": ...}``; of a real
            model ``{"library": "timm", "model": ..., "package": ..., "file": ...}``, where its weights lie.
        num_params: number of parameters.
        input_size: height and width of the input in pixels.
        source_dataset: image set it was trained on; ``mixture`` when there are several, ``none`` without training.
        source_accuracy: accuracy there, 0 to 1, on training images set aside (not on its test images).
        licence: licence of the weights.
        seed: seed of initialisation and training.
        recipe: how it was trained.
        gmacs: multiply-accumulate operations of one forward pass, in 1e9.
        num_features: length of its feature vector.
        datasets: image sets it was trained on, as Hub cards list them; a card without the field names its
            ``source_dataset`` only.

    What nobody states is not made up: numbers that are not known are None (``null`` in JSON, never NaN), words are
    ``unknown``. Only models from elsewhere have such gaps; relations give them the mean of the known models.
    """

    name: str
    family: str
    architecture: Mapping[str, Any]
    num_params: int
    input_size: int | None
    source_dataset: str = UNKNOWN
    source_accuracy: float | None = None
    licence: str = UNKNOWN
    seed: int = 0
    recipe: Mapping[str, Any] = field(default_factory=dict)
    gmacs: float | None = None
    num_features: int | None = None
    datasets: Sequence[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """The card as plain data for JSON."""
        return asdict(self)


LARGEST_IMAGE = 1024
"""Height of the largest images a model may take, in pixels, as of timm's largest: memory for a batch is made of it."""
LIMITS = {
    "num_params": (1, math.inf),
    "input_size": (1, LARGEST_IMAGE),
    "source_accuracy": (0, 1),
    "gmacs": (0, math.inf),
    "num_features": (1, math.inf),
}
"""Smallest and largest value of the numbers on a card."""


def read_card(folder: Path) -> Card:
    """Read and check the card of a snapshot folder.

    Raises:
        ArtifactError: no card, a missing field or a field of the wrong type. Unknown fields are ignored.
    """
    path = folder / CARD_NAME
    if not path.is_file():
        raise ArtifactError(f"{folder}: no {CARD_NAME}; every model folder needs a card beside its weights")
    return card_from(read_json(path), path)


def card_from(data: Any, path: Path, gaps: bool = False) -> Card:
    """A card from what a JSON file holds, checked.

    Args:
        data: of the file.
        path: of the file, for errors.
        gaps: let numbers be None that nobody stated; a card of our own format has none.

    Raises:
        ArtifactError: a field is missing or of the wrong type. Unknown fields are ignored.
    """
    if not isinstance(data, dict):
        raise ArtifactError(f"{path}: a card is a JSON object, found {type(data).__name__}")
    values = {entry.name: _checked(data, entry, path, gaps) for entry in fields(Card) if entry.name != "datasets"}
    if not NAME_PATTERN.fullmatch(values["name"]) or len(values["name"]) > LONGEST_NAME:
        kept = f"letters, digits, '.', '_' and '-' only, {LONGEST_NAME} in all"
        raise ArtifactError(f"{path}: name {values['name'][:60]!r} may hold {kept}")
    datasets = data.get("datasets", [values["source_dataset"]])
    if not isinstance(datasets, list) or not all(isinstance(name, str) for name in datasets):
        raise ArtifactError(f"{path}: field 'datasets' should be a list of names, found {str(datasets)[:60]!r}")
    return Card(**values, datasets=datasets)


def _checked(data: Mapping[str, Any], entry: Field, path: Path, gaps: bool) -> Any:
    """One field of a card."""
    if entry.name not in data:
        raise ArtifactError(f"{path}: field {entry.name!r} is missing")
    value = data[entry.name]
    if gaps and value is None and entry.type in (int | None, float | None):
        return None
    kinds = {str: (str, "text"), int: (int, "a whole number"), float: ((int, float), "a number")}
    kinds |= {int | None: kinds[int], float | None: kinds[float]}
    expected, words = kinds.get(entry.type, (dict, "an object"))
    if not isinstance(value, expected) or isinstance(value, bool):
        raise ArtifactError(f"{path}: field {entry.name!r} should be {words}, found {str(value)[:60]!r}")
    low, high = LIMITS.get(entry.name, (-math.inf, math.inf))
    if expected is not str and expected is not dict and not low <= value <= high:
        raise ArtifactError(f"{path}: field {entry.name!r} should lie in {low:g} to {high:g}, found {value!r}")
    return value
