"""All views of a model at once."""

import numpy as np

import ptmrec.extractors.card
import ptmrec.extractors.responses
import ptmrec.extractors.source
import ptmrec.extractors.weights  # noqa: F401  the extractors register themselves
from ptmrec.config.sections import ExtractConfig
from ptmrec.extractors.base import SourceTokens, get_extractor
from ptmrec.zoo.snapshot import Snapshot

KEYS = {"weights": "parameters"}
"""Key of a view's array where it is not the name of the view."""


class ViewExtractor:
    """The extractors a configuration asks for.

    Args:
        config: which views, and their sizes.
        sources: mean token ``(E,)`` of each known data set by name, for the source view.

    Raises:
        ConfigError: a view nobody has registered.
    """

    def __init__(self, config: ExtractConfig, sources: SourceTokens) -> None:
        self.extractors = [get_extractor(view).from_config(config, sources) for view in config.views]

    def extract(self, snapshot: Snapshot) -> dict[str, np.ndarray]:
        """Views by key (``parameters``, ``responses``, ``card``, ``source``), each a vector float32."""
        return {KEYS.get(e.name, e.name): e.extract(snapshot) for e in self.extractors}
