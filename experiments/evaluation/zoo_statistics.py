"""What the zoo's ground truth is like: ceilings, how much rankings differ, and what a static list explains."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from experiments.evaluation.statistics import truth_ceiling
from ptmrec.benchmark.ground_truth import GroundTruth
from ptmrec.benchmark.splits import Splits
from ptmrec.config.sections import REGIMES
from ptmrec.evaluation.metrics import weighted_tau
from ptmrec.zoo.card import Card


def family_sizes(cards: Sequence[Card]) -> pd.DataFrame:
    """Number of models and numbers of parameters by family: ``models, smallest, largest``."""
    frame = pd.DataFrame([{"family": card.family, "name": card.name, "size": card.num_params} for card in cards])
    groups = frame.groupby("family", sort=False)
    return groups.agg(models=("name", "count"), smallest=("size", "min"), largest=("size", "max"))


def family_table(cards: Sequence[Card], splits: Splits) -> pd.DataFrame:
    """:func:`family_sizes` with the ``role`` of each family, which is not that of its models: a source may be blind."""
    sizes = family_sizes(cards)
    return sizes.assign(role=[splits.families.role(name) for name in sizes.index])


def ceilings(truth: GroundTruth, datasets: Sequence[str]) -> pd.DataFrame:
    """Agreement of the ground truth with itself: one row per data set, one column per regime."""
    return pd.DataFrame(
        {regime: [truth_ceiling(truth, regime, name) for name in datasets] for regime in REGIMES}, index=list(datasets)
    )


def tau_matrix(truth: GroundTruth, regime: str, datasets: Sequence[str]) -> np.ndarray:
    """tau_w ``(T, T)``: how well the accuracies on the column's data set rank the models for the row's."""
    rows = [truth.row(regime, name) for name in datasets]
    return np.array([[weighted_tau(target, scores) for scores in rows] for target in rows])


def variance_shares(truth: GroundTruth, cards: Mapping[str, Card], regime: str) -> pd.DataFrame:
    """What explains the variance of accuracies within data sets, term after term.

    Accuracies are standardised on each data set. The terms are sequential means: of the model over all data
    sets (which is all that a static list can know), of the source on each data set, of family and size on each
    data set, and what is left.

    Args:
        truth: fully measured ground truth.
        cards: cards of its models.
        regime: which accuracies.

    Returns:
        One row per term: ``term``, ``share`` of the variance, and ``by_chance``: the share that pure noise would
        give to as many means.
    """
    values = truth.accuracy[regime]
    left = (values - values.mean(axis=1, keepdims=True)) / values.std(axis=1, keepdims=True)
    total, (targets, models) = (left**2).sum(), left.shape
    freedom = targets * (models - 1)
    static = left.mean(axis=0, keepdims=True)
    left = left - static
    rows = [("same on all data sets", targets * float((static**2).sum()), models - 1)]
    groupings = {
        "source, by data set": [cards[name].source_dataset for name in truth.models],
        "family and size, by data set": [_body(cards[name]) for name in truth.models],
    }
    for term, labels in groupings.items():
        means = _group_means(left, labels)
        left = left - means
        rows.append((term, float((means**2).sum()), (len(set(labels)) - 1) * (targets - 1)))
    rest = freedom - sum(row[2] for row in rows)
    rows.append(("the rest", float((left**2).sum()), rest))
    return pd.DataFrame(
        [{"term": term, "share": part / total, "by_chance": degrees / freedom} for term, part, degrees in rows]
    )


def _body(card: Card) -> str:
    return f"{card.family} {card.architecture.get('size')}"


def _group_means(values: np.ndarray, labels: Sequence[str]) -> np.ndarray:
    """Mean over the models of a group, on each data set, spread to the group's columns ``(T, N)``."""
    means = np.zeros_like(values)
    for label in dict.fromkeys(labels):
        columns = [index for index, other in enumerate(labels) if other == label]
        means[:, columns] = values[:, columns].mean(axis=1, keepdims=True)
    return means


def describe_zoo(
    truth: GroundTruth, cards: Mapping[str, Card], splits: Splits, ceiling: pd.DataFrame, committed_bytes: int
) -> dict[str, object]:
    """Counts and ceilings as ``results/zoo.json`` holds them.

    Args:
        truth: the ground truth.
        cards: cards of its models.
        splits: roles of the data sets.
        ceiling: result of :func:`ceilings`.
        committed_bytes: size of all committed files of the zoo.
    """
    parameters = [card.num_params for card in cards.values()]
    repeats = np.isfinite(truth.repeats["fine_tuning"]).sum(axis=2)
    return {
        "models": len(cards),
        "families": len({card.family for card in cards.values()}),
        "sources": len({name for card in cards.values() for name in card.datasets}),
        "data_sets": len(truth.datasets),
        "blind_data_sets": len(splits.blind),
        "cells": int(sum(np.isfinite(values).sum() for values in truth.accuracy.values())),
        "cells_with_two_seeds": int((repeats >= 2).sum()),
        "draws_low_data": int(np.isfinite(truth.repeats["low_data"]).sum(axis=2).min()),
        "parameters_min": min(parameters),
        "parameters_max": max(parameters),
        "ceiling_tau_w": {
            regime: {"mean": round(float(values.mean()), 4), "by_data_set": values.round(4).to_dict()}
            for regime, values in ceiling.items()
        },
        "bytes_committed": committed_bytes,
    }
