"""Numbers about a pair: every relation of every model to one data set.

Each is normalised against the known models' values for the same data set, which do not depend on who else is
listed: a model's score does not change with the other candidates.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.stats import rankdata

from ptmrec.relations.candidates import Candidate
from ptmrec.relations.samples import DatasetSample
from ptmrec.relations.similarity import reference_similarity
from ptmrec.relations.transport import transport_score

RELATIONS = (
    *("transport", "skill_encoder", "skill_reference", "mean_skill"),
    *("source_encoder", "source_reference", "size", "source_accuracy"),
)
"""Columns of a table of relations."""
ENCODER_SHARPNESS, REFERENCE_SHARPNESS = 6.0, 4.0
"""How fast the weight of a known data set falls with its unlikeness: factors in the softmax over similarities."""


class PairTable:
    """Relations of candidates to data sets, from what is known of some data sets.

    Args:
        candidates: N models.
        samples: data sets by name, known ones and targets.
    """

    def __init__(self, candidates: Sequence[Candidate], samples: Mapping[str, DatasetSample]) -> None:
        self.candidates, self.samples = list(candidates), dict(samples)
        self._transported: dict[str, np.ndarray] = {}
        self._likeness: dict[tuple[str, str], tuple[float, float]] = {}

    def transported(self, name: str) -> np.ndarray:
        """Transport score ``(N,)`` of every candidate on a data set."""
        if name not in self._transported:
            sample = self.samples[name]
            scores = [transport_score(sample.coordinates, sample.labels, c.transport) for c in self.candidates]
            self._transported[name] = np.array(scores)
        return self._transported[name]

    def likeness(self, first: str, second: str) -> tuple[float, float]:
        """Similarity of two data sets: cosine of the encoder's mean tokens, and of reference covariances."""
        key = (min(first, second), max(first, second))
        if key not in self._likeness:
            one, two = (self.samples[name] for name in key)
            cosine = float(one.token @ two.token / (np.linalg.norm(one.token) * np.linalg.norm(two.token)))
            reference = reference_similarity((one.coordinates, one.labels), (two.coordinates, two.labels))
            self._likeness[key] = (cosine, reference)
        return self._likeness[key]

    def relations(self, target: str, skills: Mapping[str, np.ndarray]) -> np.ndarray:
        """Relations ``(N, R)`` of every candidate to a data set, columns as :data:`RELATIONS`.

        Args:
            target: the data set.
            skills: known data set -> skill ``(N,)`` of every candidate there, see :func:`skill_of`; NaN where a
                candidate has none. The target's own is never used.
        """
        others = [name for name in skills if name != target]
        table = np.stack([skills[name] for name in others])
        likeness = np.array([self.likeness(target, name) for name in others])
        sources = [self._source_likeness(target, kind) for kind in (0, 1)]
        columns = [
            standard(self.transported(target)),
            weighted_mean(table, ENCODER_SHARPNESS * likeness[:, 0]),
            weighted_mean(table, REFERENCE_SHARPNESS * likeness[:, 1]),
            weighted_mean(table, np.zeros(len(others))),
            *(standard(values) for values in sources),
            standard(np.log([candidate.num_params for candidate in self.candidates])),
            standard(np.array([candidate.source_accuracy for candidate in self.candidates])),
        ]
        return np.nan_to_num(np.stack(columns, axis=1))

    def _source_likeness(self, target: str, kind: int) -> np.ndarray:
        """Likeness ``(N,)`` of the target and the likest data set each candidate was trained on; NaN where unknown."""
        known = {name: self.likeness(target, name)[kind] for name in self.samples if name != target}
        best = [max((known[s] for s in c.datasets if s in known), default=np.nan) for c in self.candidates]
        return np.array(best)


def rank_share(accuracies: np.ndarray) -> np.ndarray:
    """Rank ``(N,)`` of accuracies as a share, 0 to 1, larger is better; NaN = not measured stays NaN."""
    ranks = np.full(len(accuracies), np.nan)
    measured = ~np.isnan(accuracies)
    ranks[measured] = (rankdata(accuracies[measured]) - 0.5) / max(measured.sum(), 1)
    return ranks


def skill_of(accuracies: np.ndarray) -> np.ndarray:
    """Standardised rank ``(N,)`` of accuracies; NaN = not measured stays NaN."""
    return (rank_share(accuracies) - 0.5) * np.sqrt(12)


def standard(values: np.ndarray) -> np.ndarray:
    """Values with mean 0 and deviation 1 over those that are there; NaN stays NaN."""
    spread = np.nanstd(values) if np.isfinite(values).any() else 0.0
    return (values - np.nanmean(values)) / spread if spread > 1e-12 else np.where(np.isnan(values), np.nan, 0.0)


def weighted_mean(table: np.ndarray, logits: np.ndarray) -> np.ndarray:
    """Mean ``(N,)`` of a table ``(K, N)`` over its rows with softmax weights; NaN entries are left out."""
    weights = np.exp(logits - logits.max())[:, None] * ~np.isnan(table)
    total = weights.sum(axis=0)
    return np.where(total > 0, (weights * np.nan_to_num(table)).sum(axis=0) / np.maximum(total, 1e-300), np.nan)
