"""Card view: numbers and words of the card."""

import zlib
from typing import ClassVar

import numpy as np

from ptmrec.config.sections import ExtractConfig
from ptmrec.extractors.base import SourceTokens, register_extractor
from ptmrec.zoo.snapshot import Snapshot

WORD_SLOTS = 32


@register_extractor
class CardExtractor:
    """Numbers of the card on readable scales, and its family as hashed words."""

    name: ClassVar[str] = "card"
    dim = 4 + WORD_SLOTS

    @classmethod
    def from_config(cls, config: ExtractConfig, sources: SourceTokens) -> "CardExtractor":
        """See :meth:`~ptmrec.extractors.base.Extractor.from_config`."""
        return cls()

    def extract(self, snapshot: Snapshot) -> np.ndarray:
        """The card view ``(dim,)`` float32."""
        card = snapshot.card
        numbers = [
            np.log10(max(card.num_params, 1)) - 5,
            np.log10(max(card.gmacs or 0, 1e-6)) + 3,
            np.log10(max(card.num_features or 1, 1)) - 2,
            card.source_accuracy or 0,
        ]
        words = np.zeros(WORD_SLOTS)
        words[zlib.crc32(card.family.lower().encode()) % WORD_SLOTS] = 1.0
        return np.concatenate([numbers, words]).astype(np.float32)
