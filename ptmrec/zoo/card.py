"""The card of a model (``config.json``): what it is, how to rebuild it, what it was trained on."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from ptmrec.artifacts import read_json
from ptmrec.errors import ArtifactError

CARD_NAME = "config.json"


@dataclass(frozen=True)
class Card:
    """What ``config.json`` of a snapshot says.

    Attributes:
        name: unique name of the model.
        family: kind of architecture, for example ``resnet``.
        architecture: how to rebuild it: ``{"library": "ptmrec", "size": ..., "num_classes": ...}``.
        num_params: number of parameters.
        input_size: height and width of the input in pixels.
        source_dataset: image set it was trained on.
        source_accuracy: test accuracy there, 0 to 1.
        licence: licence of the weights.
        seed: seed of initialisation and training.
        recipe: how it was trained.
        gmacs: multiply-accumulate operations of one forward pass, in 1e9.
        num_features: length of its feature vector.
    """

    name: str
    family: str
    architecture: Mapping[str, Any]
    num_params: int
    input_size: int
    source_dataset: str
    source_accuracy: float
    licence: str
    seed: int
    recipe: Mapping[str, Any]
    gmacs: float
    num_features: int

    def to_dict(self) -> dict[str, Any]:
        """The card as plain data for JSON."""
        return asdict(self)


def read_card(folder: Path) -> Card:
    """Read and check the card of a snapshot folder.

    Raises:
        ArtifactError: no card, a missing field or a field of the wrong type. Unknown fields are ignored.
    """
    path = folder / CARD_NAME
    if not path.is_file():
        raise ArtifactError(f"{folder}: no {CARD_NAME}; every model folder needs a card beside its weights")
    data = read_json(path)
    if not isinstance(data, dict):
        raise ArtifactError(f"{path}: a card is a JSON object, found {type(data).__name__}")
    kinds = {"str": str, "int": int, "float": (int, float), "Mapping[str, Any]": dict}
    values = {}
    for entry in fields(Card):
        if entry.name not in data:
            raise ArtifactError(f"{path}: field {entry.name!r} is missing")
        value, kind = data[entry.name], str(getattr(entry.type, "__name__", entry.type))
        expected = kinds.get(kind, dict)
        if not isinstance(value, expected) or isinstance(value, bool):
            raise ArtifactError(f"{path}: field {entry.name!r} should be {kind}, found {value!r}")
        values[entry.name] = value
    return Card(**values)
