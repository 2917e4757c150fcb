"""Nearest neighbours between data sets: how models did on the known data sets most like the target."""

import numpy as np

from ptmrec.evaluation.baselines.base import Evidence, register_baseline
from ptmrec.evaluation.baselines.static import mean_rank
from ptmrec.evaluation.compare import Target
from ptmrec.relations.similarity import dataset_distance


@register_baseline("k-NN, data sets")
def nearest_datasets(target: Target, evidence: Evidence) -> np.ndarray:
    """Mean rank ``(N,)`` on the known data sets whose mean tokens are nearest to the target's."""

    def distance(name: str) -> float:
        return dataset_distance(target.tokens, evidence.tokens[name])

    nearest = sorted(evidence.others(target), key=distance)
    return mean_rank(evidence.truth, target.regime, nearest[: evidence.neighbours])
