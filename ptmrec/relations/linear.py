"""The linear ranker: a ridge from relations to how well models did on known data sets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ptmrec.relations.pairs import RELATIONS, SIBLINGS, PairTable, skill_of
from ptmrec.relations.registration import estimate_skills, fit_within_families, ridge_weights

NEW = (*RELATIONS, *SIBLINGS)
"""What is known of a model that was never measured."""
COLUMNS = (*RELATIONS, *(f"{name}, new model" for name in NEW))
"""Columns of a ranker's inputs: a measured model has the first part, a new one the second; the rest is 0."""


@dataclass(frozen=True)
class LinearRanker:
    """Weights of the relations, learned on known data sets.

    Attributes:
        weights: as :data:`COLUMNS`.
        skills: known data set -> skill ``(N,)`` of every model: measured, or estimated where the model is new.
        measured: ``(N,)`` bool, which models have measured skills.
    """

    weights: np.ndarray
    skills: dict[str, np.ndarray]
    measured: np.ndarray

    def inputs(self, pairs: PairTable, target: str) -> np.ndarray:
        """What is known of the models and a data set, a row for each, columns as :data:`COLUMNS`."""
        relations, measured = pairs.relations(target, self.skills), self.measured[:, None]
        siblings = np.zeros((len(measured), len(SIBLINGS)))
        if not self.measured.all():  # half of a ranking's time, and of new models alone
            known = {name: np.where(self.measured, row, np.nan) for name, row in self.skills.items()}
            siblings = pairs.siblings(target, known)
        return np.hstack([relations * measured, np.hstack([relations, siblings]) * ~measured])

    def scores(self, pairs: PairTable, target: str) -> np.ndarray:
        """Scores ``(N,)`` of the models for a data set, larger is better.

        When the data set is one that is known, what was measured there counts as much as that is sure.
        """
        return self.blend(self.inputs(pairs, target) @ self.weights, *pairs.recognise(target, self.skills))

    def blend(self, scores: np.ndarray, known: str, weight: float) -> np.ndarray:
        """Scores ``(N,)`` of the relations, with what was measured of each model on a known data set."""
        if not weight:
            return scores
        measured = self.measured & ~np.isnan(self.skills[known])
        return np.where(measured, (1 - weight) * scores + weight * self.skills[known], scores)

    def as_new(self, pairs: PairTable) -> "LinearRanker":
        """The ranker if no model had ever been measured; ``pairs`` as in fitting."""
        skills = {name: np.where(self.measured, row, np.nan) for name, row in self.skills.items()}
        estimated = estimate_skills(pairs, skills)
        return replace(self, skills=estimated, measured=np.zeros_like(self.measured))


def fit_linear_ranker(
    pairs: PairTable, accuracies: Mapping[str, np.ndarray], relations: Sequence[str] = NEW
) -> LinearRanker:
    """Fit the ridge; each known data set is predicted from the others, as a new one will be.

    What new models will be like is practised on the known ones: their skills are estimated, too, and a second ridge
    learns what such skills are worth (within families, see :mod:`ptmrec.relations.registration`).

    Args:
        pairs: models and data sets; only its known models (``base``) teach. What was measured of others is their
            skill, and changes no weight.
        accuracies: known data set -> measured accuracy ``(N,)``, NaN = not measured. A model trained on a data set
            has no say there: it has seen the data.
        relations: those that count; all others have no weight.
    """
    rows = {name: np.where(pairs.trained_on(name), np.nan, row) for name, row in accuracies.items()}
    taught = {name: skill_of(np.where(pairs.base, row, np.nan)) for name, row in rows.items()}
    estimated = estimate_skills(pairs, taught)
    kept, new = np.isin(RELATIONS, relations), np.isin(NEW, relations)
    weights = np.concatenate([_fit_measured(pairs, taught, kept), _fit_new(pairs, estimated, taught, new)])
    skills = {name: skill_of(row) for name, row in rows.items()}
    measured = ~np.isnan(np.stack(list(skills.values()))).all(axis=0)
    merged = {name: np.where(measured, values, estimated[name]) for name, values in skills.items()}
    return LinearRanker(weights, merged, measured)


def _fit_measured(pairs: PairTable, skills: Mapping[str, np.ndarray], kept: np.ndarray) -> np.ndarray:
    rows = {name: pairs.relations(name, skills) * kept for name in skills}
    there = {name: pairs.base & ~np.isnan(values) for name, values in skills.items()}
    inputs = np.concatenate([rows[name][there[name]] for name in skills])
    return ridge_weights(inputs, np.concatenate([values[there[name]] for name, values in skills.items()]))


def _fit_new(
    pairs: PairTable, estimated: Mapping[str, np.ndarray], skills: Mapping[str, np.ndarray], kept: np.ndarray
) -> np.ndarray:
    """Practised on known models, of which siblings alone show what was measured: those are of other families."""
    inputs = {
        name: np.hstack([pairs.relations(name, estimated), pairs.siblings(name, skills)]) * kept for name in estimated
    }
    return fit_within_families(pairs, inputs, skills)
