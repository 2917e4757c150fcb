"""An answer as a picture: expected accuracies with their intervals."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ptmrec.core.words import figure_text
from ptmrec.plots.style import METHOD_COLOURS, TEXT_WIDTH, thesis_style


def plot_recommendation(frame: pd.DataFrame, ax: Axes | None = None, worth: str = "expected_accuracy") -> Axes:
    """Expected accuracy of each model with its 80 % (thick) and 95 % (thin) interval, best on top.

    Hollow dots are tied with the best; a cross marks models that were run on the images.

    Args:
        frame: rows of :meth:`~ptmrec.recommender.recommendation.Recommendation.leaderboard`.
        ax: where to draw; a figure of its own without it.
        worth: column of what models are chosen by.
    """
    colour = METHOD_COLOURS["Cross-Select"]
    with thesis_style():
        if ax is None:
            figure = Figure(figsize=(TEXT_WIDTH, 0.25 * len(frame) + 0.8), layout="constrained")
            ax = figure.subplots()
        for row in frame.assign(model=[figure_text(name) for name in frame["model"]]).itertuples():
            ax.plot([row.low_95, row.high_95], [row.model] * 2, color=colour, lw=0.8)
            ax.plot([row.low_80, row.high_80], [row.model] * 2, color=colour, lw=2.5)
            tied = row.tied_with_best and row.rank > 1
            value = getattr(row, worth)
            ax.plot(value, row.model, "o", color=colour, mfc="w" if tied else colour, ms=5, zorder=3)
            if getattr(row, "verified", False):
                ax.plot(value, row.model, "x", color="k", ms=5, zorder=4)
        intervals = ", 80 % and 95 % interval" if frame["low_80"].notna().any() else ""
        ax.invert_yaxis()
        ax.set(xlim=(0, 1), xlabel=f"{worth.replace('_', ' ')}{intervals}")
        ax.grid(axis="x", lw=0.3)
    return ax
