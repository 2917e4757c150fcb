"""Can expected accuracies be trusted? Each data set is left out in turn, its images brought as somebody would."""

import numpy as np
import pandas as pd

from experiments.studies.crossed import BLIND_DATA, FIRST, TARGET, Case, CrossedEvaluation
from ptmrec.benchmark.splits import KNOWN
from ptmrec.relations.conformal import LEVELS, Conformal, fit_conformal
from ptmrec.relations.expected import (
    SEPARATIONS_NAME,
    ExpectedAccuracy,
    KnownSeparation,
    fit_expected,
    left_out_errors,
    read_separations,
)

LEFT_OUT, SPLIT, SHUFFLED = "left-out data", "blind data", "shuffled labels"
"""Groups of rows: every data set left out of all others; blind ones, from known ones alone; labels that say nothing."""


def expect_accuracies(crossed: CrossedEvaluation) -> pd.DataFrame:
    """Expected against measured accuracy of every candidate on data sets left out.

    Returns:
        One row per ``group, dataset, regime, draw, model``: ``expected, measured`` and ``low_80, high_80, low_95,
        high_95``. With shuffled labels the measured accuracy is chance.
    """
    found = read_separations(crossed.project.paths.reference / SEPARATIONS_NAME)
    parts = []
    for case in crossed.cases((BLIND_DATA,)):
        brought = found[f"draw {case.draw}"][case.dataset]
        for group, known in _groups(crossed, case):
            own = Case(case.quadrant, case.dataset, case.regime, case.draw, "", known)
            expected, conformal, scores = _fit(crossed, own, found[FIRST])
            parts.append(_rows(crossed, own, group, expected, conformal, brought, scores))
    return pd.concat(parts, ignore_index=True)


def coverage_table(frame: pd.DataFrame) -> pd.DataFrame:
    """Share of measured accuracies inside each interval and its mean width, by group, regime and data set."""
    rows = []
    for (group, regime, dataset), part in frame.groupby(["group", "regime", "dataset"], sort=False):
        for level in LEVELS:
            low, high = part[f"low_{level * 100:.0f}"], part[f"high_{level * 100:.0f}"]
            inside = ((part["measured"] >= low) & (part["measured"] <= high)).mean()
            place = {"group": group, "regime": regime, "dataset": dataset, "level": level}
            rows.append({**place, "coverage": float(inside), "width": float((high - low).mean())})
    return pd.DataFrame(rows)


def _groups(crossed: CrossedEvaluation, case: Case) -> list[tuple[str, tuple[str, ...]]]:
    known = tuple(name for role in KNOWN for name in getattr(crossed.project.splits, role))
    blind = [(SPLIT, known)] if case.dataset in crossed.project.splits.blind else []
    return [(LEFT_OUT, case.known), *blind]


def _fit(
    crossed: CrossedEvaluation, case: Case, separations: dict[str, KnownSeparation]
) -> tuple[ExpectedAccuracy, Conformal, np.ndarray]:
    """What is fitted without the target, and the ranker's scores ``(N,)`` for it."""
    pairs = crossed.pairs(case)
    ranker = crossed.ranker(case, pairs)
    scores = {name: ranker.scores(pairs, name) for name in case.known}
    rows = crossed.accuracies(case)
    counted = {name: np.where(pairs.trained_on(name), np.nan, row) for name, row in rows.items()}
    known = {name: separations[name] for name in case.known}
    conformal = fit_conformal(left_out_errors(known, scores, counted).values())
    return fit_expected(known, scores, counted), conformal, ranker.scores(pairs, TARGET)


def _rows(
    crossed: CrossedEvaluation,
    case: Case,
    group: str,
    expected: ExpectedAccuracy,
    conformal: Conformal,
    brought: KnownSeparation,
    scores: np.ndarray,
) -> pd.DataFrame:
    measured, parts = crossed.judge(case), []
    counted = np.isfinite(measured)
    answers = [(group, brought.own, measured)]
    if group == LEFT_OUT:
        answers += [(SHUFFLED, copy, np.full(len(measured), 1 / copy.classes)) for copy in brought.shuffled]
    for name, separation, truth in answers:
        values = expected.predict(separation, scores)[counted]
        columns = {"group": name, "dataset": case.dataset, "regime": case.regime, "draw": case.draw}
        columns |= {"model": np.array(list(crossed.cards))[counted], "expected": values, "measured": truth[counted]}
        for level in LEVELS:
            low, high = conformal.interval(values, level)
            columns |= {f"low_{level * 100:.0f}": low, f"high_{level * 100:.0f}": high}
        parts.append(pd.DataFrame(columns))
    return pd.concat(parts, ignore_index=True)
