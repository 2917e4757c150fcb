"""Card views: numbers and words of the card, and the token of the data set it was trained on."""

import zlib
from typing import ClassVar

import numpy as np

from ptmrec.dataloader.dataset_tokens import DatasetTokens
from ptmrec.extractors.base import register_extractor
from ptmrec.zoo.snapshot import Snapshot

WORD_SLOTS = 32


@register_extractor
class CardExtractor:
    """Numbers of the card on readable scales, and its family as hashed words."""

    name: ClassVar[str] = "card"

    def __init__(self) -> None:
        self.dim = 4 + WORD_SLOTS

    def extract(self, snapshot: Snapshot) -> np.ndarray:
        """The card view ``(dim,)`` float32."""
        card = snapshot.card
        numbers = [
            np.log10(max(card.num_params, 1)) - 5,
            np.log10(max(card.gmacs, 1e-6)) + 3,
            np.log10(max(card.num_features, 1)) - 2,
            card.source_accuracy,
        ]
        words = np.zeros(WORD_SLOTS)
        words[zlib.crc32(card.family.lower().encode()) % WORD_SLOTS] = 1.0
        return np.concatenate([numbers, words]).astype(np.float32)


@register_extractor
class SourceExtractor:
    """Dataset token of the data sets the card names: what the model has learned, in the targets' own space.

    Args:
        tokens: known dataset tokens by name of data set.
    """

    name: ClassVar[str] = "source"

    def __init__(self, tokens: dict[str, DatasetTokens]) -> None:
        self.tokens = tokens
        self.dim = next(iter(tokens.values())).features.shape[-1] if tokens else 512

    def extract(self, snapshot: Snapshot) -> np.ndarray:
        """Mean token ``(dim,)`` float32 of the data sets the card names, NaN when none is known here."""
        known = [self.tokens[name] for name in snapshot.card.datasets if name in self.tokens]
        if not known:
            return np.full(self.dim, np.nan, dtype=np.float32)
        mean = np.mean([_unit(tokens.features.astype(np.float64).mean(axis=(0, 1))) for tokens in known], axis=0)
        return _unit(mean).astype(np.float32)


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / max(np.linalg.norm(vector), 1e-12)
