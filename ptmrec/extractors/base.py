"""What a view of a model is, and the registry of extractors."""

from collections.abc import Mapping
from typing import ClassVar, Protocol

import numpy as np

from ptmrec.config.sections import ExtractConfig
from ptmrec.core.errors import ConfigError
from ptmrec.zoo.snapshot import Snapshot

SourceTokens = Mapping[str, np.ndarray]
"""One token ``(E,)`` per known data set, by name."""


class Extractor(Protocol):
    """Turns a snapshot into one vector.

    Attributes:
        name: name of the view.
        dim: length of the vector.
    """

    name: ClassVar[str]
    dim: int

    @classmethod
    def from_config(cls, config: ExtractConfig, sources: SourceTokens) -> "Extractor":
        """The extractor a configuration asks for.

        Args:
            config: sizes and seeds.
            sources: token ``(E,)`` of each known data set by name.
        """

    def extract(self, snapshot: Snapshot) -> np.ndarray:
        """The view, ``(dim,)`` float32; all NaN when the snapshot does not offer what the view needs."""


_EXTRACTORS: dict[str, type[Extractor]] = {}


def register_extractor(extractor: type) -> type:
    """Class decorator: make an extractor known under its ``name``."""
    _EXTRACTORS[extractor.name] = extractor
    return extractor


def get_extractor(name: str) -> type[Extractor]:
    """Extractor class by name, case-insensitive.

    Raises:
        ConfigError: there is no such extractor.
    """
    try:
        return _EXTRACTORS[name.lower()]
    except KeyError:
        raise ConfigError(f"unknown extractor {name!r}; known: {', '.join(sorted(_EXTRACTORS))}") from None
