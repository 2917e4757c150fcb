"""What published records alone say of data sets they do not hold: expected accuracies, and which models to measure."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ptmrec.relations.posterior import KnownErrors, fit_errors

ROUNDS = 20
"""Rounds in which levels of models and data sets are fitted in turn."""
HEAD, COMPLEMENTARY = "head of the list", "complementary set"
"""Ways to choose the models that are measured."""


def expected_by_records(accuracy: np.ndarray) -> np.ndarray:
    """Accuracy ``(N,)`` of each model on a usual data set: levels of models and data sets that add up.

    Args:
        accuracy: ``(T, N)``, NaN = not measured. Without gaps the levels are plain means.

    Returns:
        NaN for models without any record.
    """
    levels = mean_of_known(accuracy, 1)
    for _ in range(ROUNDS if np.isnan(accuracy).any() else 1):
        models = mean_of_known(accuracy - levels[:, None], 0)
        levels = mean_of_known(accuracy - models, 1)
    return models + np.nanmean(levels)


def left_out_errors(accuracy: np.ndarray, groups: np.ndarray) -> KnownErrors:
    """Errors of expected accuracies, each group of like data sets left out of its own.

    Args:
        accuracy: ``(T, N)``, NaN = not measured.
        groups: ``(T,)`` labels, at least two.
    """
    by_group = {group: expected_by_records(accuracy[groups != group]) for group in np.unique(groups)}
    return fit_errors(np.stack([by_group[group] for group in groups]), accuracy, accuracy)


def first_models(accuracy: np.ndarray, kept: np.ndarray, count: int, known: Sequence[int] = ()) -> np.ndarray:
    """Indices of the ``count`` models that are expected to be best, of those that are kept and not known yet."""
    expected = np.where(_open(kept, known), np.nan_to_num(expected_by_records(accuracy)), -np.inf)
    order = np.argsort(-expected, kind="stable")
    return order[np.isfinite(expected[order])][:count]


def complementary_models(accuracy: np.ndarray, kept: np.ndarray, count: int, known: Sequence[int] = ()) -> np.ndarray:
    """Indices of the ``count`` models whose best member, together with known ones, loses least on the records.

    Chosen one by one; gaps of the table count as what levels that add up make of them.

    Args:
        accuracy: ``(T, N)``, NaN = not measured.
        kept: ``(N,)`` bool, models to choose from.
        count: how many.
        known: indices of models that are measured already.
    """
    filled, left = _filled(accuracy), _open(kept, known)
    best = filled[:, list(known)].max(axis=1, initial=-np.inf)
    chosen: list[int] = []
    for _ in range(min(count, int(left.sum()))):
        reached = np.where(left, np.maximum(best[:, None], filled).mean(axis=0), -np.inf)
        chosen.append(int(reached.argmax()))
        left[chosen[-1]], best = False, np.maximum(best, filled[:, chosen[-1]])
    return np.array(chosen, dtype=int)


CHOICES = {HEAD: first_models, COMPLEMENTARY: complementary_models}


@dataclass(frozen=True)
class Choice:
    """Models to measure next.

    Attributes:
        models: indices.
        rule: a key of :data:`CHOICES`.
        loss: what the best of as many, chosen by this rule, loses on data sets left out, in accuracy.
        gain: what a complementary set loses less there than the head of the list.
        error: standard error of the gain.
    """

    models: np.ndarray
    rule: str
    loss: float
    gain: float
    error: float


def losses_left_out(
    accuracy: np.ndarray, groups: np.ndarray, kept: np.ndarray, count: int, known: Sequence[int]
) -> dict[str, np.ndarray]:
    """What the best of the chosen models loses ``(T,)`` against the best of all, by rule, each group left out.

    NaN where none of the chosen was measured; arguments as of :func:`complementary_models`.
    """
    found = {rule: np.full(len(accuracy), np.nan) for rule in CHOICES}
    for group in np.unique(groups):
        others = accuracy[groups != group]
        for rule, choose in CHOICES.items():
            own = [*choose(others, kept, count, known), *known]
            for place in np.flatnonzero(groups == group):
                found[rule][place] = lost(accuracy[place], kept, own)
    return found


def lost(row: np.ndarray, kept: np.ndarray, chosen: Sequence[int]) -> float:
    """Accuracy ``(N,)`` of the best kept model minus that of the best chosen one; NaN where either is not known."""
    ours, all_models = row[list(chosen)], row[kept]
    if np.isnan(ours).all() or np.isnan(all_models).all():
        return np.nan
    return float(max(np.nanmax(all_models) - np.nanmax(ours), 0))


def choose_next(
    accuracy: np.ndarray, groups: np.ndarray, kept: np.ndarray, count: int, known: Sequence[int] = ()
) -> Choice:
    """Choose models to measure: a complementary set where that gains on data sets left out, else the head of the list.

    It gains where the mean gain exceeds its standard error.

    Args:
        accuracy: ``(T, N)``, NaN = not measured.
        groups: ``(T,)`` labels of like data sets, which are left out together; at least two.
        kept: ``(N,)`` bool, models to choose from.
        count: how many.
        known: indices of models that are measured already.
    """
    found = losses_left_out(accuracy, groups, kept, count, known)
    gains = found[HEAD] - found[COMPLEMENTARY]
    gains = gains[~np.isnan(gains)]
    mean = float(gains.mean()) if len(gains) else 0.0
    error = float(gains.std(ddof=1) / np.sqrt(len(gains))) if len(gains) > 1 else np.inf
    rule = COMPLEMENTARY if mean > error else HEAD
    losses = found[rule][~np.isnan(found[rule])]
    loss = float(losses.mean()) if len(losses) else np.nan
    return Choice(CHOICES[rule](accuracy, kept, count, known), rule, loss, mean, error)


def _open(kept: np.ndarray, known: Sequence[int]) -> np.ndarray:
    left = kept.copy()
    left[list(known)] = False
    return left


def _filled(accuracy: np.ndarray) -> np.ndarray:
    models = np.nan_to_num(expected_by_records(accuracy))
    levels = mean_of_known(accuracy - models, 1)
    return np.where(np.isnan(accuracy), models + np.nan_to_num(levels)[:, None], accuracy)


def mean_of_known(values: np.ndarray, axis: int) -> np.ndarray:
    """Mean over the known values; NaN where none is known."""
    seen = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        return np.where(seen, values, 0).sum(axis=axis) / seen.sum(axis=axis)
