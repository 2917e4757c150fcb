"""All views of a model at once."""

import numpy as np

import ptmrec.extractors.card
import ptmrec.extractors.responses
import ptmrec.extractors.weights  # noqa: F401  the extractors register themselves
from ptmrec.config.sections import ExtractConfig
from ptmrec.dataloader.dataset_tokens import DatasetTokens
from ptmrec.extractors.base import Extractor, get_extractor
from ptmrec.zoo.snapshot import Snapshot

KEYS = {"weights": "parameters"}
"""Key of a view's array where it is not the name of the view."""


class ViewExtractor:
    """The extractors a configuration asks for.

    Args:
        config: which views, and their sizes.
        tokens: known dataset tokens by name, for the source view.
    """

    def __init__(self, config: ExtractConfig, tokens: dict[str, DatasetTokens]) -> None:
        arguments = {
            "weights": (config.centres, config.vector_length),
            "responses": (config.probes, config.response_dim, config.seed),
            "card": (),
            "source": (tokens,),
        }
        self.extractors: list[Extractor] = [get_extractor(view)(*arguments[view]) for view in config.views]

    def extract(self, snapshot: Snapshot) -> dict[str, np.ndarray]:
        """Views by key (``parameters``, ``responses``, ``card``, ``source``), each a vector float32."""
        return {KEYS.get(e.name, e.name): e.extract(snapshot) for e in self.extractors}
