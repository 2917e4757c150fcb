"""Choosing a model under a hardware limit: what each way loses, and how often it breaks the limit."""

import pandas as pd
from matplotlib.figure import Figure

from ptmrec.plots.style import METHOD_COLOURS, REGIME_LABELS, TEXT_WIDTH, thesis_style


def plot_choices(summary: pd.DataFrame, ours: str) -> Figure:
    """Accuracy points lost by the first pick that keeps the limit, with intervals over data sets, one panel per regime.

    A hollow mark is of a method that breaks limits; how often stands beside it.

    Args:
        summary: one row per ``regime, method``: ``regret, regret_low, regret_high`` (0 to 1) and ``violations``.
        ours: the method in our colour, with a line through it.
    """
    methods = list(dict.fromkeys(summary["method"]))
    with thesis_style():
        figure = Figure(figsize=(TEXT_WIDTH, 0.22 * len(methods) + 0.9), layout="constrained")
        axes = figure.subplots(1, 2, sharey=True)
        for ax, (regime, label) in zip(axes, REGIME_LABELS.items(), strict=True):
            for row in summary[summary["regime"] == regime].itertuples():
                colour = METHOD_COLOURS["Cross-Select" if row.method == ours else "parameter count"]
                low, high, middle = 100 * row.regret_low, 100 * row.regret_high, 100 * row.regret
                ax.plot([low, high], [row.method] * 2, color=colour, lw=1)
                ax.plot(middle, row.method, "o", color=colour, mfc="w" if row.violations else colour, ms=4)
                if row.violations:
                    words = f"{100 * row.violations:.0f} % break it"
                    ax.annotate(words, (high, row.method), xytext=(4, 0), textcoords="offset points", va="center")
                if row.method == ours:
                    ax.axvline(middle, color=colour, lw=0.5, ls=":")
            ax.set(title=label, xlabel="accuracy points lost, 95 % interval")
            ax.set_xlim(left=0)
            ax.grid(axis="x", lw=0.3)
        axes[0].invert_yaxis()
    return figure
