"""Skills of models that were never fine-tuned: estimated once, when a model joins, from forward passes alone.

A ridge learns on known models how much their skill on a known data set follows from how well their features separate
a few images of it (a few-shot score where the images are at hand, the transport score elsewhere), and from their
size and source. It learns from differences *within* families: how good a whole family is says nothing of a new one,
and left in, it hides what size and features say.
"""

from collections.abc import Mapping

import numpy as np

from ptmrec.relations.pairs import FARTHEST, PairTable, standard

PENALTY = 10.0
BEST = np.sqrt(3)
"""Skill of the best of very many models: standardised ranks lie between minus this and this."""


def estimate_skills(pairs: PairTable, skills: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Skill ``(N,)`` of every model on every known data set as if it had never been measured.

    Args:
        pairs: models and data sets.
        skills: known data set -> measured skill ``(N,)``, NaN = not measured; the ridge learns from these.

    Returns:
        Known data set -> estimate; NaN for models trained on it.
    """
    inputs = _inputs(pairs, list(skills))
    weights = fit_within_families(pairs, inputs, skills)
    estimates = {name: np.clip(values @ weights, -BEST, BEST) for name, values in inputs.items()}
    return {name: np.where(pairs.trained_on(name), np.nan, values) for name, values in estimates.items()}


def fit_within_families(
    pairs: PairTable, inputs: Mapping[str, np.ndarray], skills: Mapping[str, np.ndarray]
) -> np.ndarray:
    """Ridge weights ``(F,)`` from inputs ``(N, F)`` to skills ``(N,)``, both about their mean in each family.

    Args:
        pairs: the models, of which only the known ones count.
        inputs: data set -> inputs.
        skills: data set -> skills; NaN does not count.
    """
    rows, targets = [], []
    for name, values in skills.items():
        kept = pairs.base & ~np.isnan(values)
        own = pairs.family[np.ix_(kept, kept)]
        own = own / own.sum(axis=1, keepdims=True)
        rows.append(inputs[name][kept] - own @ inputs[name][kept])
        targets.append(values[kept] - own @ values[kept])
    return ridge_weights(np.concatenate(rows), np.concatenate(targets))


def ridge_weights(inputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Weights ``(F,)`` of a ridge without intercept."""
    return np.linalg.solve(inputs.T @ inputs + PENALTY * np.eye(inputs.shape[1]), inputs.T @ targets)


def _inputs(pairs: PairTable, known: list[str]) -> dict[str, np.ndarray]:
    """Data set -> what is known of each model there without measuring it: ``(N, 7)``."""
    few_shot = {name: _few_shot(pairs, name) for name in known}
    virtual = {name: pairs.transported(name) for name in known}
    seen = [values for values in few_shot.values() if values is not None]
    nothing = np.zeros(len(pairs.base))
    overall = (np.mean(seen, axis=0) if seen else nothing, np.mean(list(virtual.values()), axis=0))
    found = {}
    for name, here in few_shot.items():
        own = (nothing, virtual[name]) if here is None else (here, nothing)
        columns = (virtual[name], *own, *overall, pairs.size, pairs.source_accuracy)
        found[name] = np.clip(np.nan_to_num(np.stack(columns, axis=1)), -FARTHEST, FARTHEST)
    return found


def _few_shot(pairs: PairTable, name: str) -> np.ndarray | None:
    """Standardised few-shot score ``(N,)``, None where the images are not at hand."""
    scores = pairs.scores.few_shot[pairs.scores.datasets.index(name)]
    return None if np.isnan(scores).any() else standard(scores, pairs.base)
