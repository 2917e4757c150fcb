"""What a figure of the notebooks shows, a sentence made from its numbers, which choose the words that compare."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from experiments.evaluation.published.goals import LESS_IS_BETTER
from experiments.report.shown import NAMES, words
from experiments.studies.calibration import HALF
from ptmrec.benchmark.ground_truth import GroundTruth
from ptmrec.evaluation.metrics import spearman
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
        f", {words(rows.loc[regime, 'dataset'])}"
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


def say_winners(truth: GroundTruth) -> str:
    """How many models are first somewhere, and how often the one that is first most often is."""
    parts = []
    for regime, values in truth.accuracy.items():
        first = pd.Series(values.argmax(axis=1)).value_counts()
        parts.append(f"{REGIME_LABELS[regime]} {len(first)}, the most frequent one on {first.max()}")
    return f"Models that are first on one of {len(truth.datasets)} data sets: {_listed(parts)}"


def say_ceilings(ceiling: pd.DataFrame) -> str:
    """The ceiling over data sets, and the data set where it is lowest."""
    parts = [
        f"{REGIME_LABELS[regime]} {own.mean():.2f} on average, {own.min():.2f} on {words(own.idxmin())}"
        for regime, own in ceiling.items()
    ]
    return f"tau_w of one half of the measurements beside the other, with the lowest: {_listed(parts)}"


def say_agreement(matrices: Mapping[str, np.ndarray]) -> str:
    """How alike two data sets rank the models."""
    off = {regime: matrix[~np.eye(len(matrix), dtype=bool)] for regime, matrix in matrices.items()}
    parts = [
        f"{REGIME_LABELS[regime]} {own.mean():.2f} ({own.min():.2f} to {own.max():.2f})" for regime, own in off.items()
    ]
    return f"tau_w of one data set's order beside another's, mean and range: {_listed(parts)}"


def say_shots(by_shots: pd.DataFrame) -> str:
    """What more images bring models that learned from one source, and random weights."""
    first, last = by_shots.iloc[0], by_shots.iloc[-1]
    parts = [f"{kind} {first[kind]:.2f} to {last[kind]:.2f}" for kind in by_shots]
    return f"Mean accuracy from {by_shots.index[0]} image per class to all: {_listed(parts)}"


def say_costs(costs: pd.DataFrame, against: str) -> str:
    """How far a cost tells the mean accuracy."""
    parts = [
        f"{label} {spearman(costs[regime].to_numpy(), costs[against].to_numpy()):+.2f}"
        for regime, label in REGIME_LABELS.items()
    ]
    return f"Spearman correlation of mean accuracy and {words(against)}: {_listed(parts)}"


def say_alike(means: np.ndarray, names: Sequence[str]) -> str:
    """The two data sets whose mean tokens are most alike, and the typical likeness to the nearest."""
    unit = means / np.linalg.norm(means, axis=1, keepdims=True)
    cosines = unit @ unit.T - 2 * np.eye(len(unit))
    first, second = np.unravel_index(cosines.argmax(), cosines.shape)
    return (
        f"Most alike are {words(names[first])} and {words(names[second])} (cosine {cosines.max():.2f}); the cosine "
        f"with the nearest other data set is {np.median(cosines.max(axis=1)):.2f} in the middle."
    )


def say_history(history: pd.DataFrame, best: int) -> str:
    """The validation loss at the first epoch, at the one that is kept and at the last, and the training loss there."""
    rows = history.set_index("epoch")
    first, last = rows.index[0], rows.index[-1]
    return (
        f"Validation loss {rows.loc[first, 'validation_loss']:.3g} after epoch {first}, "
        f"{rows.loc[best, 'validation_loss']:.3g} after epoch {best}, which is kept, and "
        f"{rows.loc[last, 'validation_loss']:.3g} after epoch {last}; training loss "
        f"{rows.loc[best, 'train_loss']:.3g} after the one that is kept."
    )


def say_weights(weights: pd.DataFrame) -> str:
    """The relation with the heaviest weight, of measured models and of new ones."""
    parts = []
    for regime, own in weights.items():
        heaviest = own.abs().nlargest(2).index
        told = " and ".join(f"{name.replace('_', ' ')} {own[name]:+.2f}" for name in heaviest)
        parts.append(f"{REGIME_LABELS[regime]} {told}")
    return f"The two heaviest weights: {_listed(parts)}"


def say_correction(curve: np.ndarray, epochs: int, least: float) -> str:
    """What cross-attention adds on validation data, and whether it answers."""
    used = f"so that {epochs} epochs are trained" if epochs else "so that the linear part answers alone"
    return (
        f"Validation tau_w {curve[0]:.3f} of the linear part, {curve[1:].max():.3f} with the correction at its best; "
        f"{least:g} more are asked for, {used}."
    )


def say_ends(summary: pd.DataFrame, groups: Mapping[str, str]) -> str:
    """tau_w of ours in every quadrant."""
    rows, parts = summary[summary["method"] == OURS].set_index(["regime", "group"]), []
    for regime, label in REGIME_LABELS.items():
        told = (f"{rows.loc[(regime, group), 'tau_w']:.2f} ({title})" for group, title in groups.items())
        parts.append(f"{label} {', '.join(' '.join(text.split()) for text in told)}")
    return f"tau_w of {OURS}: {_listed(parts)}"


def say_targets(means: pd.DataFrame, group: str) -> str:
    """The data set that ours orders worst, beside what LogME reaches there, and how alike both find targets hard."""
    own, parts = means[means["group"] == group], []
    for regime, label in REGIME_LABELS.items():
        table = own[own["regime"] == regime].pivot_table(index="dataset", columns="method", values="tau_w")
        worst, hard = table[OURS].idxmin(), spearman(table[OURS].to_numpy(), table[PASSES].to_numpy())
        beside = f"{PASSES} {table.loc[worst, PASSES]:.2f}; correlation over targets {hard:+.2f}"
        parts.append(f"{label} {words(worst)} {table[OURS].min():.2f} ({beside})")
    return f"The data set that {OURS} orders worst, by tau_w: {_listed(parts)}"


def say_seconds(means: pd.DataFrame, group: str) -> str:
    """Seconds of one selection by ours and by LogME."""
    own, parts = means[means["group"] == group].groupby(["regime", "method"])["seconds"].mean(), []
    for regime, label in REGIME_LABELS.items():
        mine, its = own[regime, OURS], own[regime, PASSES]
        parts.append(f"{label} {mine:.1f} and {its:.1f}, {its / mine:.0f} times ours")
    return f"Seconds of one selection by {OURS} and by {PASSES} of every candidate: {_listed(parts)}"


def say_learning(ablations: pd.DataFrame, known: int) -> str:
    """tau_w by the number of known data sets, up to all of them."""
    full = ablations[ablations["what"] == "full"].assign(value=known)
    counts = pd.concat([ablations[ablations["what"] == "known data sets"], full])
    means, parts = counts.groupby(["regime", counts["value"].astype(int)])["tau_w"].mean(), []
    for regime, label in REGIME_LABELS.items():
        parts.append(f"{label} {', '.join(f'{value:.2f} with {count}' for count, value in means[regime].items())}")
    return f"tau_w by the number of known data sets: {_listed(parts)}"


def say_expected(expected: pd.DataFrame, group: str) -> str:
    """How far expected accuracies lie from the measured ones of a group, on average."""
    own, parts = expected[(expected["group"] == group) & (expected["k"] == 0)], []
    for regime, label in REGIME_LABELS.items():
        away = 100 * (own["expected"] - own["measured"])[own["regime"] == regime]
        if len(away):
            parts.append(f"{label} {away.mean():+.1f} on average, {away.abs().mean():.1f} without the sign")
    return f"Accuracy points from measured to expected, {group}: {_listed(parts or ['no data set was judged'])}"


def say_doubts(coverage: pd.DataFrame, group: str, level: float) -> str:
    """Of how many data sets the interval holds less than half, and in how many answers doubt was said."""
    own = coverage[(coverage["group"] == group) & (coverage["level"] == level) & (coverage["k"] == 0)]
    parts = []
    for regime, label in REGIME_LABELS.items():
        rows = own[own["regime"] == regime]
        missed = rows["coverage"] < HALF
        parts.append(
            f"{label} {missed.sum()} of {len(rows)} data sets, and {(missed & rows['doubted']).sum()} of them are told "
            f"*do not trust it*, as {(~missed & rows['doubted']).sum()} of the others are"
        )
    return f"Intervals of {level:.0%} hold less than half of the models of {_listed(parts)}"


def say_front(board: pd.DataFrame) -> str:
    """How many models lie on the Pareto front, and what its ends reach."""
    front = board[board["on_pareto"]].sort_values("latency_high_ms")
    low, high = front.iloc[0], front.iloc[-1]
    return (
        f"{len(front)} of {len(board)} models lie on the front, from {low.expected_accuracy:.2f} within "
        f"{low.latency_high_ms:.2f} ms ({low.model}) to {high.expected_accuracy:.2f} within "
        f"{high.latency_high_ms:.2f} ms ({high.model})."
    )


def say_caps(summary: pd.DataFrame, benchmark: str, protocol: str) -> str:
    """What the first pick loses under each cap by ours, beside the static list."""
    own = summary[(summary["benchmark"] == benchmark) & (summary["protocol"] == protocol)]
    rows, parts = own.set_index(["metric", "method"]), []
    for metric in sorted(name for name in set(own["metric"]) if name.startswith("regret1_flops")):
        mine, its = rows.loc[(metric, "ours"), "value"], rows.loc[(metric, STATIC)]
        beside = _verdict(its.gain_low, its.gain_high, "more than", "less than")
        share = float(metric.removeprefix("regret1_flops"))
        parts.append(f"{share:.0%} of the candidates {100 * mine:.1f}, {beside} {STATIC} ({100 * its.value:.1f})")
    return f"Accuracy points lost by our first pick in {benchmark}, by how many meet the cap: {_listed(parts)}"
