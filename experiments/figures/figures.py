"""The figures of the notebooks and the thesis, one function each: data in, figure out."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ptmrec.plots.style import METHOD_COLOURS, REGIME_LABELS, TEXT_WIDTH, thesis_style, words

MARKERS = "osD^vPX*<>hp"
WIDE = 14
"""Targets from which on the panels of a figure stand one above the other."""


def plot_method_bars(summary: pd.DataFrame, groups: Sequence[str], ours: str) -> Figure:
    """Mean tau_w of each method with its interval, and beside it what our method gains on it, paired by target.

    Args:
        summary: result of :func:`~experiments.evaluation.compare.summarise`.
        groups: groups of targets, two rows of panels each (one per regime).
        ours: the method the others are compared with.
    """
    rows = [(group, regime) for group in groups for regime in REGIME_LABELS]
    parts = [summary[(summary["group"] == group) & (summary["regime"] == regime)].iloc[::-1] for group, regime in rows]
    heights = [len(part) + 4 for part in parts]
    with thesis_style():
        figure = Figure(figsize=(TEXT_WIDTH, 0.125 * sum(heights) + 0.4), layout="constrained")
        grid = {"width_ratios": [1.25, 1], "height_ratios": heights, "squeeze": False}
        axes = figure.subplots(len(rows), 2, sharex="col", sharey="row", **grid)
        for (bars, gains), (group, regime), part in zip(axes, rows, parts, strict=True):
            _draw_bars(bars, part)
            _draw_gains(gains, part[part["method"] != ours])
            bars.set_title(f"{REGIME_LABELS[regime]}; {group}, {int(part['targets'].iloc[0])} data sets", loc="left")
            bars.margins(y=0.02)
        axes[-1, 0].set_xlabel(r"mean $\tau_w$ (dashed: ceiling)")
        axes[-1, 1].set_xlabel(f"{ours}\nminus method, 95 % interval")
    return figure


def _draw_bars(ax: Axes, part: pd.DataFrame) -> None:
    errors = [part["tau_w"] - part["tau_w_low"], part["tau_w_high"] - part["tau_w"]]
    colours = [METHOD_COLOURS[method] for method in part["method"]]
    ax.barh(part["method"], part["tau_w"], xerr=np.abs(errors), color=colours, error_kw={"lw": 0.8})
    ax.axvline((part["tau_w"] / part["of_ceiling"]).median(), color="0.3", ls="--", lw=0.8)
    ax.axvline(0, color="0.3", lw=0.5)


def _draw_gains(ax: Axes, part: pd.DataFrame) -> None:
    """Filled where the interval leaves zero out."""
    for row in part.itertuples():
        colour = METHOD_COLOURS[row.method]
        shown = row.gain_low > 0 or row.gain_high < 0
        ax.plot([row.gain_low, row.gain_high], [row.method] * 2, color=colour, lw=1.2)
        ax.plot(row.gain, row.method, "o", color=colour, ms=4, mfc=colour if shown else "w")
    ax.axvline(0, color="0.3", lw=0.8)


def plot_targets(frame: pd.DataFrame, group: str, methods: Sequence[str]) -> Figure:
    """tau_w of some methods on each target of a group, with the target's ceiling; many targets take the whole width."""
    whole = frame[frame["group"] == group]
    wide = whole["dataset"].nunique() > WIDE
    with thesis_style():
        figure = Figure(figsize=(TEXT_WIDTH, 5.0 if wide else 3.0), layout="constrained")
        axes = figure.subplots(*((2, 1) if wide else (1, 2)), sharey=True, sharex=wide)
        for ax, regime in zip(axes, REGIME_LABELS, strict=True):
            part = whole[whole["regime"] == regime]
            datasets = list(dict.fromkeys(part["dataset"]))
            for index, method in enumerate(methods):
                values = part[part["method"] == method].set_index("dataset")["tau_w"].loc[datasets]
                places = np.arange(len(datasets)) + (index - (len(methods) - 1) / 2) * 0.15
                ax.plot(places, values, MARKERS[index], color=METHOD_COLOURS[method], ms=4, label=method)
            ceilings = part.groupby("dataset")["ceiling"].first().loc[datasets]
            centres = np.arange(len(datasets))
            ax.hlines(ceilings, centres - 0.4, centres + 0.4, color="0.3", lw=0.8, label="ceiling")
            ax.set_xticks(centres, words(datasets), rotation=60, ha="right", rotation_mode="anchor")
            ax.axhline(0, color="0.7", lw=0.5)
            ax.grid(axis="x", lw=0.3)
            ax.set_title(f"{REGIME_LABELS[regime]}; {group}")
            ax.set_ylabel(r"$\tau_w$")
        axes[-1].set_ylabel(r"$\tau_w$" if wide else "")
        figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=5, columnspacing=1)
    return figure
