"""Response view: the similarity structure a model gives to fixed probe images."""

from typing import ClassVar

import numpy as np

from ptmrec.config.sections import ExtractConfig
from ptmrec.core.errors import ArtifactError
from ptmrec.extractors.base import SourceTokens, register_extractor
from ptmrec.extractors.probes import make_probes
from ptmrec.zoo.architectures import INPUT_SIZE
from ptmrec.zoo.features import extract_features
from ptmrec.zoo.real import is_real
from ptmrec.zoo.snapshot import Snapshot


@register_extractor
class ResponseExtractor:
    """Centred, normalised Gram matrix of the features of the probes, compressed by a fixed random projection.

    The Gram matrix has the same size whatever the width of the model, and the inner product of two of them
    is their linear CKA (Kornblith et al., 2019). A Gaussian projection keeps those products up to noise of
    about ``1 / sqrt(dim)``, and unlike a PCA of the zoo it does not change when a model joins.

    Args:
        probes: number of probe images.
        dim: length of the view.
        seed: seed of the probes and of the projection.
    """

    name: ClassVar[str] = "responses"

    def __init__(self, probes: int = 192, dim: int = 512, seed: int = 0) -> None:
        self.dim = dim
        self.count = probes
        self.seed = seed
        self._probes: dict[int, np.ndarray] = {}
        pairs = probes * (probes + 1) // 2
        self._projection = np.random.default_rng(seed).standard_normal((pairs, dim)) / np.sqrt(dim)

    @classmethod
    def from_config(cls, config: ExtractConfig, sources: SourceTokens) -> "ResponseExtractor":
        """See :meth:`~ptmrec.extractors.base.Extractor.from_config`."""
        return cls(config.probes, config.response_dim, config.seed)

    def probes(self, size: int) -> np.ndarray:
        """The probe images ``(count, size, size, 3)`` uint8 at one input size."""
        if size not in self._probes:
            self._probes[size] = make_probes(self.count, size, self.seed)
        return self._probes[size]

    def extract(self, snapshot: Snapshot) -> np.ndarray:
        """The response view ``(dim,)`` float32, NaN when the card does not say how to rebuild the model."""
        real = is_real(snapshot)
        if not real and not snapshot.is_small:
            return np.full(self.dim, np.nan, dtype=np.float32)
        images = self.probes(INPUT_SIZE if real else snapshot.card.input_size)  # the zoo's, for views that compare
        features = extract_features(snapshot.load(), images).astype(np.float64)
        if not np.isfinite(features).all():
            raise ArtifactError(f"{snapshot.folder}: the model answers with values that are not finite")
        return (self._projection.T @ gram_vector(features)).astype(np.float32)


def gram_vector(features: np.ndarray) -> np.ndarray:
    """Centred Gram matrix of features ``(n, d)`` as a unit vector ``(n (n + 1) / 2,)``.

    Off-diagonal entries are weighted by the square root of two, so that the inner product of two vectors is
    the Frobenius product of the matrices, hence linear CKA.
    """
    centred = features - features.mean(axis=0)
    gram = centred @ centred.T
    rows, columns = np.triu_indices(len(gram))
    vector = gram[rows, columns] * np.where(rows == columns, 1.0, np.sqrt(2.0))
    return vector / max(np.linalg.norm(vector), 1e-12)
