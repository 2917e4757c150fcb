"""Can expected accuracies be trusted? Each data set is left out in turn, its images brought as users bring theirs."""

import numpy as np
import pandas as pd

from experiments.studies.crossed import BLIND_DATA, Case, CrossedEvaluation, Shipped
from ptmrec.benchmark.splits import KNOWN
from ptmrec.config.sections import PROBED
from ptmrec.core.progress import progress
from ptmrec.images.datasets import IMAGES
from ptmrec.relations.conformal import LEVELS
from ptmrec.relations.posterior import fit_posterior
from ptmrec.relations.scores import FIRST

LEFT_OUT, SPLIT, SHUFFLED = "left-out data", "blind data", "shuffled labels"
"""Groups of rows: every data set left out of all others; blind ones, from known ones alone; labels that say nothing."""
HALF = 0.5
"""Share of a data set's models below which its intervals are said to miss it."""
MEASURED = (1, 3, 8)
"""Numbers of first models that are measured on the user's images before the others are expected, in low data."""


def expect_accuracies(crossed: CrossedEvaluation) -> pd.DataFrame:
    """Expected against measured accuracy of every candidate on data sets left out.

    Returns:
        One row per ``group, dataset, regime, k, model``, where ``k`` models were measured on the images before:
        ``expected, measured, tied`` (with the first), ``doubted`` (the answer says not to trust it) and ``low_80,
        high_80, low_95, high_95``. The models measured before have no row. With shuffled labels the measured accuracy
        is chance, and only their separation is doubted.
    """
    parts = []
    cases = [case for case in crossed.cases((BLIND_DATA,)) if case.draw == crossed.draws[0]]
    for case in progress(cases, "expected accuracies"):
        for group, known in _groups(crossed, case):
            own = Case(case.quadrant, case.dataset, case.regime, case.draw, "", known)
            parts += _rows(crossed, own, group, crossed.shipped(own))
    return pd.concat(parts, ignore_index=True)


def coverage_table(frame: pd.DataFrame) -> pd.DataFrame:
    """Share of measured accuracies inside each interval and its mean width, by group, regime, ``k`` and data set."""
    rows = []
    for (group, regime, k, dataset), part in frame.groupby(["group", "regime", "k", "dataset"], sort=False):
        for level in LEVELS:
            low, high = part[f"low_{level * 100:.0f}"], part[f"high_{level * 100:.0f}"]
            inside = ((part["measured"] >= low) & (part["measured"] <= high)).mean()
            place = {"group": group, "regime": regime, "k": k, "dataset": dataset, "level": level}
            held = {"coverage": float(inside), "width": float((high - low).mean())}
            rows.append({**place, **held, "doubted": bool(part["doubted"].any())})
    return pd.DataFrame(rows)


def summarise_coverage(table: pd.DataFrame) -> pd.DataFrame:
    """Means over data sets, and the data set whose models are held least: they are right or wrong together.

    Args:
        table: result of :func:`coverage_table`.

    Returns:
        One row per ``group, regime, k, level``: ``coverage``, ``half`` (of the mean width), ``worst`` and its
        ``dataset``; of all ``sets``, how many are ``missed`` (held by less than half), ``doubted`` (the answer said not
        to trust it), and both.
    """
    rows = []
    for (group, regime, k, level), part in table.groupby(["group", "regime", "k", "level"], sort=False):
        worst, missed = part.loc[part["coverage"].idxmin()], part["coverage"] < HALF
        held = {"coverage": part["coverage"].mean(), "half": part["width"].mean() / 2}
        held |= {"worst": worst["coverage"], "dataset": worst["dataset"], "sets": len(part), "missed": missed.sum()}
        doubts = {"doubted": part["doubted"].sum(), "both": (missed & part["doubted"]).sum()}
        rows.append({"group": group, "regime": regime, "k": k, "level": level, **held, **doubts})
    return pd.DataFrame(rows)


def _groups(crossed: CrossedEvaluation, case: Case) -> list[tuple[str, tuple[str, ...]]]:
    known = tuple(name for role in KNOWN for name in getattr(crossed.project.splits, role))
    blind = [(SPLIT, known)] if case.dataset in crossed.project.splits.blind else []
    return [(LEFT_OUT, case.known), *blind]


def _rows(crossed: CrossedEvaluation, case: Case, group: str, shipped: Shipped) -> list[pd.DataFrame]:
    measured = crossed.judge(case)
    there = np.isfinite(measured)
    own = np.full(len(measured), np.nan)
    if case.regime == PROBED:
        own = crossed.scores[FIRST].probe[crossed.datasets.index(case.dataset)]
    truth, names, parts = measured[there], np.array(list(crossed.cards))[there], []
    posterior, expected = fit_posterior(shipped.errors), shipped.expected()
    doubted = crossed.doubted(case, shipped)
    counts = (0, *MEASURED) if group == LEFT_OUT and case.regime == PROBED else (0,)
    for k in counts:
        shown = np.full(len(expected), np.nan)
        first = np.argsort(-np.where(there, expected, -np.inf), kind="stable")[:k]
        shown[first] = own[first]
        found = posterior.answer(expected, shown, IMAGES).only(np.flatnonzero(there))
        columns = {"group": group, "dataset": case.dataset, "regime": case.regime, "k": k, "model": names}
        columns |= {"expected": found.mean, "measured": truth, "tied": found.tied, "doubted": doubted}
        for level in LEVELS:
            ends = found.interval(level)
            columns |= dict(zip((f"low_{level * 100:.0f}", f"high_{level * 100:.0f}"), ends, strict=True))
        parts.append(pd.DataFrame(columns)[np.isnan(shown[there])])
    return parts + (_shuffled(shipped, parts[0], there) if group == LEFT_OUT else [])


def _shuffled(shipped: Shipped, frame: pd.DataFrame, there: np.ndarray) -> list[pd.DataFrame]:
    """The same when the labels say nothing; copies of one draw."""
    found = []
    for copy in shipped.brought[0].shuffled:
        expected = shipped.accuracy.predict(copy, shipped.scores)[there]
        moved = expected - frame["expected"]
        ends = {name: (frame[name] + moved).clip(0, 1) for name in frame if name.startswith(("low_", "high_"))}
        own = {"expected": expected, "measured": 1 / copy.classes, "doubted": bool(shipped.accuracy.doubt(copy))}
        found.append(frame.assign(group=SHUFFLED, **own, **ends))
    return found
