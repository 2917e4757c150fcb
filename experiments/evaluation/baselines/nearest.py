"""Nearest neighbours between data sets: how models did on the known data sets most like the target."""

import numpy as np
from sklearn.metrics.pairwise import cosine_distances

from experiments.evaluation.baselines.base import Evidence, register_baseline
from experiments.evaluation.baselines.static import mean_rank
from experiments.evaluation.compare import Target


@register_baseline("k-NN, data sets")
def nearest_datasets(target: Target, evidence: Evidence) -> np.ndarray:
    """Mean rank ``(N,)`` on the known data sets whose mean tokens are nearest to the target's, by cosine."""
    known = evidence.others(target)
    means = np.stack([evidence.mean_tokens[name] for name in known])
    order = np.argsort(cosine_distances(target.mean_token[None], means)[0], kind="stable")
    return mean_rank(evidence.truth, target.regime, [known[place] for place in order[: evidence.neighbours]])
