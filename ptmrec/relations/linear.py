"""The linear ranker: a ridge from relations to how well models did on known data sets."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ptmrec.relations.pairs import PairTable, skill_of

PENALTY = 10.0


@dataclass(frozen=True)
class LinearRanker:
    """Weights of the relations, learned on known data sets.

    Attributes:
        weights: ``(R,)``, columns as :data:`~ptmrec.relations.pairs.RELATIONS`.
        skills: known data set -> skill ``(N,)`` of every candidate.
    """

    weights: np.ndarray
    skills: dict[str, np.ndarray]

    def scores(self, pairs: PairTable, target: str) -> np.ndarray:
        """Scores ``(N,)`` of the candidates for a data set, larger is better."""
        return pairs.relations(target, self.skills) @ self.weights


def fit_linear_ranker(pairs: PairTable, accuracies: Mapping[str, np.ndarray], counted: np.ndarray) -> LinearRanker:
    """Fit the ridge; each known data set is predicted from the others, as a new one will be.

    Args:
        pairs: candidates and data sets.
        accuracies: known data set -> measured accuracy ``(N,)`` of every candidate, NaN = not measured. A model
            trained on a data set has no say there: it has seen the data.
        counted: ``(N,)`` bool, candidates whose measurements the ridge learns from (not the references).
    """
    skills = {name: skill_of(_without_own(pairs, name, values)) for name, values in accuracies.items()}
    rows, targets = [], []
    for name, skill in skills.items():
        kept = counted & ~np.isnan(skill)
        rows.append(pairs.relations(name, skills)[kept])
        targets.append(skill[kept])
    inputs, outputs = np.concatenate(rows), np.concatenate(targets)
    gram = inputs.T @ inputs + PENALTY * np.eye(inputs.shape[1])
    return LinearRanker(np.linalg.solve(gram, inputs.T @ outputs), skills)


def _without_own(pairs: PairTable, name: str, accuracies: np.ndarray) -> np.ndarray:
    trained = np.array([name in candidate.datasets for candidate in pairs.candidates])
    return np.where(trained, np.nan, accuracies)
