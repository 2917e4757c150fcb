"""The thesis's main figure: quality of the choice against how many candidates are run on the user's images."""

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.studies.passes import PASSES
from ptmrec.plots.style import METHOD_COLOURS, REGIME_LABELS, TEXT_WIDTH, thesis_style

COLUMNS = {"regret1": "accuracy points lost", "tau_w": r"$\tau_w$"}
BANDS = ("Cross-Select", "mean rank")
MARKERS = "osD^vPX*<>hp"
UNDRAWN = ("random order", "successive halving")
"""Methods that start from no list: they would squeeze all others into a corner, and are told in words."""


def plot_passes(means: pd.DataFrame) -> Figure:
    """Top-1 regret and tau_w against candidate passes, means over the targets, one row of panels per regime.

    A method that is there at one number of passes only is a point; those that start from no list are not drawn.
    Bands hold the intervals of ours and of the mean rank's, which would cover each other if there were more.

    Args:
        means: result of :func:`~experiments.studies.passes.summarise_passes`.
    """
    means = means[~means["method"].isin(UNDRAWN)]
    regimes = [regime for regime in REGIME_LABELS if regime in set(means["regime"])]
    with thesis_style():
        figure = Figure(figsize=(TEXT_WIDTH, 2.1 * len(regimes) + 0.5), layout="constrained")
        axes = figure.subplots(len(regimes), len(COLUMNS), sharex=True, squeeze=False)
        for row, regime in zip(axes, regimes, strict=True):
            part = means[means["regime"] == regime]
            for ax, (column, label) in zip(row, COLUMNS.items(), strict=True):
                _draw(ax, part, column, sorted(means["k"].unique()))
                ax.set(title=REGIME_LABELS[regime], ylabel=label)
            row[0].set_ylim(bottom=0)
        for ax in axes[-1]:
            ax.set_xlabel("candidates run on the images")
        figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=5, columnspacing=1)
    return figure


def _draw(ax: Axes, part: pd.DataFrame, column: str, ticks: Sequence[int]) -> None:
    for marker, (method, rows) in zip(MARKERS, part.groupby("method", sort=False), strict=False):
        rows = rows.sort_values("k")
        if method in BANDS:
            ends = (rows[f"{column}_{end}"] for end in ("low", "high"))
            ax.fill_between(rows["k"], *ends, color=METHOD_COLOURS[method], alpha=0.15, lw=0)
        ax.plot(rows["k"], rows[column], f"{marker}-", color=METHOD_COLOURS[method], ms=3, lw=1, label=method)
    ax.set_xscale("symlog", linthresh=1, linscale=0.5)
    ax.set_xticks(ticks, [str(tick) if tick in PASSES else "all" for tick in ticks])
    ax.minorticks_off()
    ax.grid(lw=0.3)
