"""An answer as a picture: expected accuracies with their intervals."""

from collections.abc import Sequence
from textwrap import wrap

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ptmrec.core.words import figure_text
from ptmrec.plots.style import METHOD_COLOURS, TEXT_WIDTH, thesis_style

WARNING = "#bf360c"
LETTERS = 88
"""Letters of a line above a plot."""


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
        named = frame.assign(model=[figure_text(name) for name in frame["model"]])
        for place, row in enumerate(named.itertuples()):
            ax.plot([row.low_95, row.high_95], [row.model] * 2, color=colour, lw=0.8)
            ax.plot([row.low_80, row.high_80], [row.model] * 2, color=colour, lw=2.5)
            tied = row.tied_with_best and place > 0
            value = getattr(row, worth)
            ax.plot(value, row.model, "o", color=colour, mfc="w" if tied else colour, ms=5, zorder=3)
            if getattr(row, "verified", False):
                ax.plot(value, row.model, "x", color="k", ms=5, zorder=4)
        intervals = ", 80 % and 95 % interval" if frame["low_80"].notna().any() else ""
        ax.set(xlim=(0, 1), ylim=(len(frame) - 0.5, -0.5), xlabel=f"{worth.replace('_', ' ')}{intervals}")
        ax.grid(axis="x", lw=0.3)
        _explain_marks(
            ax, bool(frame["tied_with_best"].iloc[1:].any()), "verified" in frame and frame["verified"].any()
        )
    return ax


def entitle(ax: Axes, title: str, notes: Sequence[str] = (), warnings: Sequence[str] = ()) -> None:
    """Say above a plot what it is about, what to know of it, and in a colour what speaks against it."""
    figure = ax.get_figure(root=True)
    said, warned = ([line for text in texts for line in wrap(text, LETTERS)] for texts in (notes, warnings))
    with thesis_style():
        figure.set_figheight(figure.get_figheight() + 0.3 + 0.16 * (len(said) + len(warned)))
        figure.suptitle("\n".join([title, *said]), x=0.01, ha="left", fontsize=9)
        ax.set_title("\n".join(warned), color=WARNING, fontsize=8, loc="left")


def _explain_marks(ax: Axes, tied: bool, run: bool) -> None:
    colour = METHOD_COLOURS["Cross-Select"]
    dot = {"marker": "o", "ls": "", "color": colour, "ms": 5}
    marks = [Line2D([], [], label="first, or told apart from it", **dot)]
    marks += [Line2D([], [], label="tied with the first", mfc="w", **dot)] if tied else []
    marks += [Line2D([], [], label="run on the images", marker="x", ls="", color="k", ms=5)] if run else []
    if len(marks) > 1:
        figure = ax.get_figure(root=True)
        if figure.get_layout_engine() is None:
            ax.legend(handles=marks)
        else:
            figure.legend(handles=marks, loc="outside lower right", ncols=3)
