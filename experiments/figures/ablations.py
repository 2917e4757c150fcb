"""What each part of the linear ranker is worth."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.evaluation.statistics import mean_interval, paired_bootstrap
from ptmrec.plots.style import METHOD_COLOURS, REGIME_LABELS, TEXT_WIDTH, thesis_style

FULL, ALONE = "full", "one relation"
KINDS = {
    ALONE: "one relation alone",
    "relation left out": "one relation left out",
    "bank": "reference networks",
    "images": "images of the user",
    "skills": "measurements of the models",
}
"""Kinds of ablations, as the figure heads them."""
DRAWS = 2000
"""Resamples of the targets behind each interval."""


def differences(frame: pd.DataFrame, regime: str) -> pd.DataFrame:
    """Mean change of tau_w when one thing is changed, with 95 % intervals over the targets.

    Args:
        frame: one row per ``what, value, regime, target`` with ``tau_w``; ``what`` is ``full`` for nothing changed.
        regime: which regime.
    """
    own = frame[frame["regime"] == regime]
    full = own[own["what"] == FULL].set_index("target")["tau_w"]
    rows = []
    changes = own[own["what"] != FULL]
    order = changes["what"].map({what: place for place, what in enumerate(changes["what"].unique())})
    in_order = changes.iloc[order.argsort(kind="stable")]
    for (what, value), part in in_order.groupby(["what", "value"], sort=False):
        changed = part.set_index("target")["tau_w"].loc[full.index]
        interval = paired_bootstrap(changed.to_numpy(), full.to_numpy(), DRAWS, 0.95)
        label = f"{what}: {value.replace('_', ' ')}"
        rows.append({"label": label, "change": interval.mean, "low": interval.low, "high": interval.high})
    return pd.DataFrame(rows)


def plot_ablations(frame: pd.DataFrame) -> Figure:
    """Change of tau_w by each ablation, a row of panels per kind; filled where the interval leaves zero out.

    Relations alone change much and have a scale of their own; all other kinds share one, so that they compare.

    Args:
        frame: see :func:`differences`.
    """
    parts = {regime: differences(frame, regime) for regime in REGIME_LABELS}
    kinds = next(iter(parts.values()))["label"].str.partition(": ")[0]
    heights = [(kinds == kind).sum() + 0.6 for kind in kinds.unique()]
    with thesis_style():
        figure = Figure(figsize=(TEXT_WIDTH, 0.135 * sum(heights) + 1.9), layout="constrained")
        axes = figure.subplots(len(heights), 2, sharey="row", height_ratios=heights, squeeze=False)
        for row, kind in zip(axes, kinds.unique(), strict=True):
            for ax, part in zip(row, parts.values(), strict=True):
                _draw(ax, part[part["label"].str.startswith(f"{kind}: ")])
            row[0].set_ylim((kinds == kind).sum() - 0.4, -0.6)
            row[0].set_title(KINDS.get(kind, kind), loc="left", fontsize=9)
        for column, regime in enumerate(REGIME_LABELS):
            axes[0, column].text(1, 1.05, REGIME_LABELS[regime], transform=axes[0, column].transAxes, ha="right")
            _share_limits([ax for ax, kind in zip(axes[:, column], kinds.unique(), strict=True) if kind != ALONE])
            for ax in axes[1:-1, column]:
                ax.tick_params(labelbottom=False)
            axes[-1, column].set_xlabel(r"change of $\tau_w$, 95 % interval")
    return figure


def _share_limits(axes: list[Axes]) -> None:
    ends = [ax.get_xlim() for ax in axes]
    for ax in axes:
        ax.set_xlim(min(low for low, _ in ends), max(high for _, high in ends))


def _draw(ax: Axes, part: pd.DataFrame) -> None:
    colour = METHOD_COLOURS["Cross-Select"]
    for row in part.itertuples():
        shown, name = row.low > 0 or row.high < 0, row.label.partition(": ")[2]
        ax.plot([row.low, row.high], [name] * 2, color=colour, lw=1.2)
        ax.plot(row.change, name, "o", color=colour, ms=3.5, mfc=colour if shown else "w")
    ax.axvline(0, color="0.3", lw=0.8)
    ax.grid(axis="y", lw=0.3)


def plot_learning_curve(frame: pd.DataFrame, known: int, static: pd.Series) -> Figure:
    """tau_w against the number of known data sets, means over targets with 95 % intervals, one panel per regime.

    Args:
        frame: see :func:`differences`; rows ``known data sets`` have the number as their value.
        known: number of known data sets of the full ranker.
        static: tau_w of the mean rank over all known data sets, by regime.
    """
    counts = frame[frame["what"].isin((FULL, "known data sets"))]
    counts = counts.assign(count=counts["value"].where(counts["what"] != FULL, str(known)).astype(int))
    with thesis_style():
        figure = Figure(figsize=(TEXT_WIDTH, 2.2), layout="constrained")
        for ax, (regime, label) in zip(figure.subplots(1, 2, sharey=True), REGIME_LABELS.items(), strict=True):
            groups = counts[counts["regime"] == regime].groupby("count")["tau_w"]
            intervals = [mean_interval(values.to_numpy(), DRAWS) for _, values in groups]
            places, means = list(groups.groups), [own.mean for own in intervals]
            ax.plot(places, means, "o-", color=METHOD_COLOURS["Cross-Select"], ms=4, lw=1.2, label="Cross-Select")
            lows, highs = [own.low for own in intervals], [own.high for own in intervals]
            ax.fill_between(places, lows, highs, color=METHOD_COLOURS["Cross-Select"], alpha=0.2, lw=0)
            ax.axhline(static[regime], color=METHOD_COLOURS["mean rank"], ls="--", lw=1, label="mean rank")
            ax.set(title=label, xlabel="known data sets", xticks=places)
            ax.grid(lw=0.3)
        figure.axes[0].set_ylabel(r"mean $\tau_w$")
        figure.axes[1].legend(loc="lower right")
    return figure
