"""What a view of a model is, and the registry of extractors."""

from collections.abc import Callable
from typing import ClassVar, Protocol

import numpy as np

from ptmrec.errors import ConfigError
from ptmrec.zoo.snapshot import Snapshot


class Extractor(Protocol):
    """Turns a snapshot into one vector.

    Attributes:
        name: name of the view.
        dim: length of the vector.
    """

    name: ClassVar[str]
    dim: int

    def extract(self, snapshot: Snapshot) -> np.ndarray:
        """The view, ``(dim,)`` float32; all NaN when the snapshot does not offer what the view needs."""


_EXTRACTORS: dict[str, Callable[..., Extractor]] = {}


def register_extractor(extractor: type) -> type:
    """Class decorator: make an extractor known under its ``name``."""
    _EXTRACTORS[extractor.name] = extractor
    return extractor


def get_extractor(name: str) -> Callable[..., Extractor]:
    """Extractor class by name, case-insensitive.

    Raises:
        ConfigError: there is no such extractor.
    """
    try:
        return _EXTRACTORS[name.lower()]
    except KeyError:
        raise ConfigError(f"unknown extractor {name!r}; known: {', '.join(sorted(_EXTRACTORS))}") from None


def extractor_names() -> list[str]:
    """Names of the extractors."""
    return sorted(_EXTRACTORS)
