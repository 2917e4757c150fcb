"""Source view: the token of the data sets the card says a model was trained on."""

from typing import ClassVar

import numpy as np

from ptmrec.config.sections import ExtractConfig
from ptmrec.extractors.base import SourceTokens, register_extractor
from ptmrec.zoo.snapshot import Snapshot


@register_extractor
class SourceExtractor:
    """Dataset token of the data sets the card names: what the model has learned, in the targets' own space.

    Args:
        sources: mean token ``(E,)`` of each known data set by name.
    """

    name: ClassVar[str] = "source"

    def __init__(self, sources: SourceTokens) -> None:
        self.sources = sources
        self.dim = len(next(iter(sources.values()))) if sources else 512

    @classmethod
    def from_config(cls, config: ExtractConfig, sources: SourceTokens) -> "SourceExtractor":
        """See :meth:`~ptmrec.extractors.base.Extractor.from_config`."""
        return cls(sources)

    def extract(self, snapshot: Snapshot) -> np.ndarray:
        """Mean token ``(dim,)`` float32 of the data sets the card names, NaN when none is known here."""
        known = [_unit(self.sources[name]) for name in snapshot.card.datasets if name in self.sources]
        if not known:
            return np.full(self.dim, np.nan, dtype=np.float32)
        return _unit(np.mean(known, axis=0)).astype(np.float32)


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / max(np.linalg.norm(vector), 1e-12)
