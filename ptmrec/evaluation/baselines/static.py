"""Static lists: rankings that never look at the target data. The bar every method has to clear."""

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.stats import rankdata

from ptmrec.zoo.card import Card
from ptmrec.zoo.ground_truth import GroundTruth


def parameter_count(cards: Mapping[str, Card]) -> np.ndarray:
    """Number of parameters of each model ``(N,)``."""
    return np.array([card.num_params for card in cards.values()], dtype=np.float64)


def source_accuracy(cards: Mapping[str, Card]) -> np.ndarray:
    """Accuracy of each model on the data set it was trained on ``(N,)``."""
    return np.array([card.source_accuracy for card in cards.values()])


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
    ranks = []
    for dataset in datasets:
        values = truth.row(regime, dataset)
        measured = ~np.isnan(values)
        row = np.full(len(values), np.nan)
        row[measured] = (rankdata(values[measured]) - 0.5) / measured.sum()
        ranks.append(row)
    counts = np.sum(~np.isnan(ranks), axis=0)
    return np.where(counts > 0, np.nansum(ranks, axis=0) / np.maximum(counts, 1), 0.5)
