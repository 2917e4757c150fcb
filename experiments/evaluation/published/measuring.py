"""What a few measured models are worth on published tables: intervals, and which models to measure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from experiments.evaluation.statistics import clustered_interval
from ptmrec.benchmark.dataset_cards import PLACE, like_groups, read_dataset_cards
from ptmrec.benchmark.published import COSTS_ONLY, list_published
from ptmrec.relations.odds import Moved, fit_records
from ptmrec.relations.records import CHOICES, choose_next, lost

FEWEST_MODELS, FEWEST_GROUPS = 30, 5
"""Tables with less are not judged: ten models are all of the head, and left-out groups leave too little."""
MEASURED = (0, 1, 3, 5)
CHOSEN = (3, 5, 8)
CAPS = {"none": np.inf, "400M": 4e8, "100M": 1e8}
"""Limits on parameters; a model of unknown size breaks them."""
SHOWN = 10
"""Models whose intervals are judged: the first that were not measured."""
STATIC, SHIFTED, OURS = "expected by records", "shifted by the mean error", "posterior"
POOLED = "pooled"
JUDGED = "judged on the other data sets"
LEVEL = 0.8


@dataclass(frozen=True)
class Part:
    """One regime of one table.

    Attributes:
        name: of the table, with the regime where it has several.
        datasets: ``(T,)``; groups: ``(T,)`` labels of like data sets.
        accuracy: ``(T, N)``, NaN = not measured; sizes: ``(N,)`` parameters, NaN = unknown.
    """

    name: str
    datasets: Sequence[str]
    groups: np.ndarray
    accuracy: np.ndarray
    sizes: np.ndarray


def read_parts(folder: Path) -> list[Part]:
    """Every part of the published tables that is large enough to be judged, by rule; regimes apart."""
    cards, parts = read_dataset_cards(folder / PLACE), []
    for zoo in list_published(folder):
        for regime in zoo.own_regimes if zoo.about.regime != COSTS_ONLY else ():
            own = zoo.select(regime)
            groups = like_groups(own.datasets, cards)
            if len(own.models) < FEWEST_MODELS or len(set(groups)) < FEWEST_GROUPS:
                continue
            name = zoo.name if len(zoo.own_regimes) == 1 else f"{zoo.name} {regime.replace('_', ' ')}"
            sizes = np.array([own.cards[model].get("num_params") or np.nan for model in own.models], dtype=float)
            parts.append(Part(name, own.datasets, groups, own.accuracy, sizes))
    return parts


def interval_results(parts: Sequence[Part], images: Sequence[float] = (np.inf, 200)) -> pd.DataFrame:
    """Width, coverage and error for the first models that were not measured, each group of data sets left out.

    The first models of the list are measured: on all images of the table, or on so many that are drawn.

    Returns:
        Long frame ``table, images, measured, method, target, group, metric, value``; the metrics are ``half`` (half the
        80 % interval), ``coverage``, ``error`` (mean absolute) and, of the first model after measuring, ``loss``.
    """
    rows = []
    for part in parts:
        for others, places in _left_out(part.groups):
            seen = np.isfinite(part.accuracy[others]).any(axis=0)
            table = part.accuracy[:, seen]
            posterior = fit_records(table[others], part.groups[others])
            plain = posterior.answer()
            for place in places:
                true, generator = table[place], np.random.default_rng(0)
                order = np.argsort(-np.where(np.isfinite(true), posterior.expected, -np.inf), kind="stable")
                for judged in images:
                    noisy = true if np.isinf(judged) else generator.binomial(int(judged), np.nan_to_num(true)) / judged
                    for count in MEASURED:
                        shown = np.where(np.isin(np.arange(len(true)), order[:count]), noisy, np.nan)
                        moved = posterior.answer(shown, judged)
                        found = _judge(true, order, shown, plain, moved)
                        key = (part.name, judged, count)
                        own = (part.datasets[place], part.groups[place])
                        rows += [(*key, method, *own, metric, value) for method, metric, value in found]
    return pd.DataFrame(rows, columns=["table", "images", "measured", "method", "target", "group", "metric", "value"])


def choice_results(parts: Sequence[Part]) -> pd.DataFrame:
    """What the best of k measured models loses, chosen as the head, as a complementary set, or by what the rest judges.

    The rule of the last is chosen without the group of the target, by leaving out each of the other groups in turn.

    Returns:
        Long frame ``table, limit, measured, method, target, group, metric, value``; the metric is ``loss``.
    """
    rows = []
    for part in parts:
        for limit, cap in CAPS.items():
            kept = np.ones(len(part.sizes), dtype=bool) if np.isinf(cap) else part.sizes <= cap
            if not np.isinf(cap) and (kept.sum() < 2 * max(CHOSEN) or kept.all()):
                continue
            for others, places in _left_out(part.groups):
                seen = np.isfinite(part.accuracy[others]).any(axis=0)
                for count in CHOSEN:
                    sets = _chosen(part.accuracy[others], part.groups[others], kept & seen, count)
                    for place in places:
                        key, own = (part.name, limit, count), (part.datasets[place], part.groups[place], "loss")
                        row = part.accuracy[place]
                        rows += [(*key, name, *own, lost(row, kept & seen, own_set)) for name, own_set in sets.items()]
    columns = ["table", "limit", "measured", "method", "target", "group", "metric", "value"]
    return pd.DataFrame(rows, columns=columns).dropna(subset=["value"])


def summarise_measuring(frame: pd.DataFrame, reference: str, draws: int = 10_000, level: float = 0.95) -> pd.DataFrame:
    """Means over the data sets of each table and of all, and paired differences from a reference.

    Args:
        frame: of :func:`interval_results` or :func:`choice_results`.
        reference: method from which the differences are taken.
        draws: resamples of the groups of like data sets.
        level: of the intervals.

    Returns:
        One row per table (and ``pooled``), case and method: ``targets, value, low, high`` and ``gain, gain_low,
        gain_high``, the reference minus this row over the same targets.
    """
    case = list(frame.columns[1:3])
    rows = []
    pooled = frame.assign(target=frame["table"] + ": " + frame["target"], table=POOLED)
    for key, part in pd.concat([frame, pooled]).groupby(["table", *case, "metric"], sort=False):
        wide = part.pivot(index=["target", "group"], columns="method", values="value")
        labels = wide.index.get_level_values("group").to_numpy()
        for method in wide:
            own = wide[method].to_numpy()
            gain = wide[reference].to_numpy() - own
            bands = (clustered_interval(values, labels, draws, level) for values in (own, gain))
            rows.append((*key, method, len(own), *(number for band in bands for number in band)))
    columns = ["table", *case, "metric", "method", "targets", "value", "low", "high", "gain", "gain_low", "gain_high"]
    return pd.DataFrame(rows, columns=columns)


def _left_out(groups: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for group in np.unique(groups):
        yield groups != group, np.flatnonzero(groups == group)


def _judge(
    true: np.ndarray, order: np.ndarray, shown: np.ndarray, plain: Moved, moved: Moved
) -> list[tuple[str, str, float]]:
    """Method, metric and value for the first models that were not measured."""
    told = np.isfinite(shown)
    first = [place for place in order if np.isfinite(true[place]) and not told[place]][:SHOWN]
    shifted = np.clip(plain.mean + np.nanmean((shown - plain.mean)[told]), 0, 1) if told.any() else plain.mean
    best, rows = np.nanmax(true), []
    for method, mean, ends in (
        (STATIC, plain.mean, plain.interval(LEVEL)),
        (SHIFTED, shifted, None),
        (OURS, moved.mean, moved.interval(LEVEL)),
    ):
        rows.append((method, "error", float(np.abs(mean - true)[first].mean())))
        if ends is not None:
            low, high = (end[first] for end in ends)
            inside = (low - 1e-9 <= true[first]) & (true[first] <= high + 1e-9)
            rows += [(method, "half", float((high - low).mean() / 2)), (method, "coverage", float(inside.mean()))]
    orders = {STATIC: plain.scores(plain.mean), OURS: moved.scores(plain.mean)}
    for method, scores in orders.items():
        scores = np.where(np.isfinite(true), scores, -np.inf)
        rows.append((method, "loss", float(best - true[scores.argmax()])))
    return rows


def _chosen(accuracy: np.ndarray, groups: np.ndarray, kept: np.ndarray, count: int) -> dict[str, np.ndarray]:
    sets = {rule: choose(accuracy, kept, count) for rule, choose in CHOICES.items()}
    return sets | {JUDGED: choose_next(accuracy, groups, kept, count).models}
