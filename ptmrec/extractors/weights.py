"""Weights view (ArchToVec): k-means centres of every tensor, last layer first, 8192 numbers."""

from typing import ClassVar

import numpy as np

from ptmrec.config.sections import ExtractConfig
from ptmrec.core.errors import ArtifactError
from ptmrec.extractors.base import SourceTokens, register_extractor
from ptmrec.extractors.kmeans import sorted_centres
from ptmrec.zoo.snapshot import Snapshot


@register_extractor
class WeightsExtractor:
    """Each floating-point tensor becomes its sorted 1-D k-means centres; tensors run from the last to the first.

    Args:
        centres: centres per tensor; a smaller tensor gives its distinct values.
        length: the vector is cut or padded with zeros to this length.
    """

    name: ClassVar[str] = "weights"

    def __init__(self, centres: int = 50, length: int = 8192) -> None:
        self.centres = centres
        self.dim = length

    @classmethod
    def from_config(cls, config: ExtractConfig, sources: SourceTokens) -> "WeightsExtractor":
        """See :meth:`~ptmrec.extractors.base.Extractor.from_config`."""
        return cls(config.centres, config.vector_length)

    def extract(self, snapshot: Snapshot) -> np.ndarray:
        """The weights vector ``(dim,)`` float32.

        Raises:
            ArtifactError: a weight is not finite, or there is no floating-point tensor.
        """
        parts, filled = [], 0
        for name, tensor in snapshot.tensors(backwards=True):
            if not tensor.is_floating_point():
                continue
            values = tensor.float().numpy()
            if not np.isfinite(values).all():
                raise ArtifactError(f"{snapshot.folder}: tensor {name!r} holds values that are not finite")
            if values.size and filled < self.dim:  # what lies before is cut off
                parts.append(sorted_centres(values, self.centres))
                filled += len(parts[-1])
        if not parts:
            raise ArtifactError(f"{snapshot.folder}: no floating-point tensor in the weights")
        vector = np.concatenate(parts)[: self.dim]
        return np.pad(vector, (0, self.dim - len(vector))).astype(np.float32)
