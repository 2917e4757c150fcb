"""Knowledge of toy models and data sets."""

from dataclasses import replace

import numpy as np
from toy_relations import make_cards, make_samples, make_scores, make_transports

from ptmrec.config.sections import REGIMES
from ptmrec.recommender.knowledge import Knowledge, fit_knowledge
from ptmrec.relations.expected import known_separation

COUNT = 16


def make_knowledge() -> Knowledge:
    """Three known data sets, on which accuracy follows how well a model separates the classes; d is unknown."""
    scores, transports, samples = make_scores(COUNT), make_transports(COUNT), make_samples()[:3]
    names = tuple(sample.name for sample in samples)
    known = scores.only(names, scores.models)
    known = replace(known, probe=np.clip(1.2 + known.few_shot, 0, 1))
    accuracies = {name: np.clip(1.2 + row, 0, 1) for name, row in zip(names, known.few_shot, strict=True)}
    separations = {sample.name: known_separation(sample, transports) for sample in samples}
    base = np.arange(COUNT) < 14
    rows = dict.fromkeys(REGIMES, accuracies)
    return fit_knowledge(make_cards(COUNT), base, samples, known, transports, separations, rows)
