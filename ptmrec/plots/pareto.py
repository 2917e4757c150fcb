"""What accuracy costs: expected accuracy against latency, with the front of models nobody should pass over."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, StrMethodFormatter

from ptmrec.plots.style import METHOD_COLOURS, TEXT_WIDTH, thesis_style

LABELLED = 6
"""Models of the front that are named, best first; others would cover each other."""


def plot_pareto(frame: pd.DataFrame, ax: Axes | None = None, accuracy: str = "expected accuracy") -> Axes:
    """Expected accuracy of each model against its latency on a logarithmic axis; the front is a line of steps.

    Where no latency is known parameters stand in its place. Hollow dots are estimated.

    Args:
        frame: rows of ``leaderboard(all_models=True)``.
        ax: where to draw; a figure of its own without it.
        accuracy: what the accuracies are, in words.
    """
    timed = frame["latency_high_ms"].notna().any()
    column = "latency_high_ms" if timed else "parameters"
    there = frame[frame[column].notna()]
    with thesis_style():
        if ax is None:
            ax = Figure(figsize=(TEXT_WIDTH, 3.2), layout="constrained").subplots()
        grey = METHOD_COLOURS["parameter count"]
        for estimated, rows in there.groupby(there["latency_basis"] == "estimated"):
            faces = "none" if estimated else [grey]
            ax.scatter(rows[column], rows["expected_accuracy"], s=10, edgecolors=[grey], facecolors=faces, lw=0.7)
        front = there[there["on_pareto"]].sort_values(column)
        colour = METHOD_COLOURS["Cross-Select"]
        ax.step(front[column], front["expected_accuracy"], where="post", color=colour, lw=1)
        ax.plot(front[column], front["expected_accuracy"], "o", color=colour, ms=4)
        ax.set_xscale("log")
        ax.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        narrow = there[column].max() < 20 * there[column].min()  # few or no powers of ten are within
        ax.xaxis.set_minor_formatter(StrMethodFormatter("{x:g}") if narrow else NullFormatter())
        _name(ax, front, column)
        ax.set(ylabel=accuracy, xlabel="latency of one image (ms)" if timed else "parameters")
        ax.grid(lw=0.3)
    return ax


def _name(ax: Axes, front: pd.DataFrame, column: str) -> None:
    """Names beside the last models of the front, each where no other name is."""
    low, high = ax.get_ylim()
    taken: list[float] = []
    for row in front.tail(LABELLED).iloc[::-1].to_dict("records"):
        height = row["expected_accuracy"]
        while taken and min(abs(height - other) for other in taken) < 0.05 * (high - low):
            height -= 0.01 * (high - low)
        taken.append(height)
        shift = np.sqrt(row[column] / front[column].min()) > 3  # a name on the right would leave the axes
        ax.annotate(
            row["model"],
            (row[column], height),
            xytext=(-5 if shift else 5, 0),
            textcoords="offset points",
            ha="right" if shift else "left",
            va="center",
            fontsize=7,
        )
