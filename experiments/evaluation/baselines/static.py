"""Static lists: rankings that never look at the target's images. The bar every method has to clear."""

from collections.abc import Sequence

import numpy as np

from experiments.evaluation.baselines.base import Evidence, register_baseline
from experiments.evaluation.compare import Target
from ptmrec.benchmark.ground_truth import GroundTruth
from ptmrec.relations.pairs import rank_share


@register_baseline("parameter count")
def parameter_count(target: Target, evidence: Evidence) -> np.ndarray:
    """Number of parameters of each model ``(N,)``."""
    return np.array([card.num_params for card in evidence.cards.values()], dtype=np.float64)


@register_baseline("source accuracy")
def source_accuracy(target: Target, evidence: Evidence) -> np.ndarray:
    """Accuracy of each model on the data set it was trained on ``(N,)``."""
    return np.array([card.source_accuracy for card in evidence.cards.values()])


@register_baseline("mean rank")
def mean_rank_elsewhere(target: Target, evidence: Evidence) -> np.ndarray:
    """Mean rank ``(N,)`` on the other known data sets."""
    return mean_rank(evidence.truth, target.regime, evidence.others(target))


def mean_rank(truth: GroundTruth, regime: str, datasets: Sequence[str]) -> np.ndarray:
    """Mean rank of each model over some data sets ``(N,)``, larger is better; missing ones are left out.

    Args:
        truth: measured accuracies.
        regime: which of them.
        datasets: data sets to average over; leave the target out.

    Raises:
        ValueError: no data set to average over.
    """
    if not datasets:
        raise ValueError("mean rank needs at least one data set")
    ranks = [rank_share(truth.row(regime, dataset)) for dataset in datasets]
    counts = np.sum(~np.isnan(ranks), axis=0)
    return np.where(counts > 0, np.nansum(ranks, axis=0) / np.maximum(counts, 1), 0.5)
