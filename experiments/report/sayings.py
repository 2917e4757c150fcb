"""What a figure of the notebooks shows, a sentence made from its numbers, which choose the words that compare."""

from collections.abc import Mapping

import pandas as pd

from experiments.evaluation.published.goals import LESS_IS_BETTER
from experiments.report.shown import NAMES
from ptmrec.plots.style import REGIME_LABELS

OURS, STATIC, PASSES = "Cross-Select", "mean rank", "LogME"


def _verdict(low: float, high: float, more: str, less: str) -> str:
    """``more`` where an interval lies above zero, ``less`` where it lies below, else that nothing is shown."""
    return more if low > 0 else less if high < 0 else "not shown to differ from"


def _listed(parts: list[str]) -> str:
    return "; ".join(parts) + "."


def say_shares(shares: Mapping[str, pd.DataFrame]) -> str:
    """How much of the variance a static list can have, by regime."""
    static = {regime: frame.set_index("term")["share"].iloc[0] for regime, frame in shares.items()}
    parts = [f"{share:.0%} in {REGIME_LABELS[regime]}" for regime, share in static.items()]
    return f"Of the variance within data sets, the same on all of them, which a static list can have: {_listed(parts)}"


def say_quadrants(summary: pd.DataFrame, group: str) -> str:
    """Ours beside the static list and LogME on a group of targets."""
    rows, parts = summary[summary["group"] == group].set_index(["regime", "method"]), []
    for regime, label in REGIME_LABELS.items():
        found = f"{label} {rows.loc[(regime, OURS), 'tau_w']:.2f}"
        for method in (STATIC, PASSES):
            row = rows.loc[(regime, method)]
            found += f", {_verdict(row.gain_low, row.gain_high, 'above', 'below')} {method} ({row.tau_w:.2f})"
        parts.append(found)
    return f"tau_w of {OURS} ({group}): {_listed(parts)}"


def say_passes(traded: pd.DataFrame, count: int) -> str:
    """Points lost before and after some passes, beside the static list."""
    rows, parts = traded.set_index(["regime", "method", "k"]).sort_index(), []
    for regime, label in REGIME_LABELS.items():
        before, after = (rows.loc[(regime, OURS, k), "regret1"] for k in (0, count))
        other = rows.loc[(regime, STATIC, count)]
        beside = _verdict(other.more_low, other.more_high, "fewer points than", "more points than")
        parts.append(f"{label} {before:.1f} and {after:.1f}, {beside} {STATIC} ({other.regret1:.1f})")
    return f"Accuracy points lost by the first model before any pass and after {count}: {_listed(parts)}"


def say_ablations(changes: Mapping[str, pd.DataFrame], kind: str) -> str:
    """Which of a kind of ablations changes tau_w least and most."""
    parts = []
    for regime, frame in changes.items():
        own = frame[frame["label"].str.startswith(f"{kind}: ")]
        ends = [own.loc[place] for place in (own["change"].idxmax(), own["change"].idxmin())]
        told = (f"{row.label.partition(': ')[2]} {row.change:+.3f} [{row.low:+.3f}, {row.high:+.3f}]" for row in ends)
        parts.append(f"{REGIME_LABELS[regime]} {' to '.join(told)}")
    return f"Change of tau_w, {kind}, from highest to lowest: {_listed(parts)}"


def say_coverage(held: pd.DataFrame, group: str, level: float) -> str:
    """What the intervals hold of all data sets and of the one that is held least."""
    rows = held[(held["group"] == group) & (held["level"] == level) & (held["k"] == 0)].set_index("regime")
    parts = [
        f"{label} {rows.loc[regime, 'coverage']:.0%} of all, {rows.loc[regime, 'worst']:.0%} of the data set held least"
        f", {rows.loc[regime, 'dataset'].replace('_', ' ')}"
        for regime, label in REGIME_LABELS.items()
    ]
    return f"Intervals of {level:.0%} hold: {_listed(parts)}"


def say_choices(chosen: pd.DataFrame, ours: str, other: str) -> str:
    """Points lost under a limit by ours and another way to choose."""
    rows, parts = chosen.set_index(["regime", "method"]), []
    for regime, label in REGIME_LABELS.items():
        mine, its = rows.loc[(regime, ours)], rows.loc[(regime, other)]
        beside = _verdict(its.gain_low, its.gain_high, "fewer than", "more than")
        parts.append(f"{label} {100 * mine.regret:.1f}, {beside} {other} ({100 * its.regret:.1f})")
    return f"Accuracy points lost under a limit by {ours}: {_listed(parts)}"


def say_goals(goals: pd.DataFrame) -> str:
    """How many goals are met, and on which the best rule is beaten or better."""
    less = goals["metric"].isin(LESS_IS_BETTER)
    low, high = goals["gain_low"].where(~less, -goals["gain_high"]), goals["gain_high"].where(~less, -goals["gain_low"])
    names = goals["benchmark"] + " (" + goals["protocol"] + ", " + goals["metric"].replace(NAMES) + ")"
    better, worse = (", ".join(names[chosen]) or "none" for chosen in (low > 0, high < 0))
    met = f"{goals['met'].sum()} of {len(goals)} goals are met"
    return f"{met}; better than the best rule: {better}; worse: {worse}; of all others no difference is shown."


def say_measured(intervals: pd.DataFrame, table: str, method: str, count: int) -> str:
    """What so many measured models do to the intervals of the others, and to the first pick."""
    rows = intervals[(intervals["table"] == table) & (intervals["images"] == float("inf"))]
    rows = rows[rows["method"] == method].set_index(["metric", "measured"])
    before, after, held = rows.loc[("half", 0), "value"], rows.loc[("half", count), "value"], rows.loc["coverage"]
    pick = rows.loc[("loss", count)]
    lost = _verdict(pick.gain_low, pick.gain_high, "less than", "more than")
    return (
        f"After {count} measured, half the interval is {100 * after:.1f} points in place of {100 * before:.1f}, and "
        f"holds {held.loc[count, 'value']:.0%} of the others; the first pick loses {100 * pick.value:.1f} points, "
        f"{lost} before."
    )
