"""What accuracy costs: expected accuracy against latency, with the front of models nobody should pass over."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.text import Text
from matplotlib.ticker import NullFormatter, StrMethodFormatter
from matplotlib.transforms import Bbox

from ptmrec.core.words import figure_text
from ptmrec.plots.style import METHOD_COLOURS, TEXT_WIDTH, settle, thesis_style

LABELLED = 6
"""Models of the front that are named, best first; others would cover each other."""
NEAR = 5
"""Points between a model and a name that needs no line to it."""
LEAST_RANGE = 0.1
"""Accuracies shown at least, from bottom to top; models that are expected to be as good are to look so."""
TIE = {"arrowstyle": "-", "lw": 0.4, "color": "0.5", "shrinkA": 0, "shrinkB": 2}
PLACES = (
    *((NEAR, 0), (-NEAR, 0), (0, NEAR), (0, -NEAR)),
    *((x * away, y * away) for away in (10, 18, 26, 34) for x, y in ((1, -1), (-1, 1), (1, 1), (-1, -1))),
)
"""Where a name may stand, in points from its model."""


def plot_pareto(
    frame: pd.DataFrame, ax: Axes | None = None, accuracy: str = "expected accuracy", machine: str = ""
) -> Axes:
    """Expected accuracy of each model against its latency on a logarithmic axis; the front is a line of steps.

    Where no latency is known parameters stand in its place. Hollow dots are estimated.

    Args:
        frame: rows of ``leaderboard(all_models=True)``.
        ax: where to draw; a figure of its own without it.
        accuracy: what the accuracies are, in words.
        machine: where the latencies hold, in words.
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
        where = f" on {machine}" if machine else ""
        ax.set(ylabel=accuracy, xlabel=f"latency of one image{where} (ms)" if timed else "parameters")
        ax.grid(lw=0.3)
        low, high = ax.get_ylim()
        wider = max(LEAST_RANGE - (high - low), 0) / 2
        ax.set_ylim(low - wider, high + wider)
        _name(ax, front, there, column)
    return ax


def _name(ax: Axes, front: pd.DataFrame, models: pd.DataFrame, column: str) -> None:
    """Names of the last models of the front, best first.

    Each stands beside its own point, or is tied to it by a line, and covers no other name, no other point and no part
    of the front; a name for which there is no such place is left out, for it would be read as that of another model.
    """
    settle(ax.get_figure(root=True))  # where things are on the page is known after that
    spots, every = (
        ax.transData.transform(frame[[column, "expected_accuracy"]].to_numpy(float)) for frame in (front, models)
    )
    corners = np.column_stack([spots[1:, 0], spots[:-1, 1]])
    steps = np.insert(spots, range(1, len(spots)), corners, axis=0)
    every = np.concatenate([every, *(np.linspace(*ends, 50) for ends in zip(steps[:-1], steps[1:], strict=True))])
    taken: list[Bbox] = []
    reach = (NEAR + 1) * ax.get_figure(root=True).dpi / 72
    for place in reversed(range(max(len(front) - LABELLED, 0), len(front))):
        row, others = front.iloc[place], np.delete(spots, place, axis=0)
        for x, y in PLACES:
            name = ax.annotate(
                figure_text(row["model"]),
                (row[column], row["expected_accuracy"]),
                xytext=(x, y),
                textcoords="offset points",
                ha="left" if x > 0 else "right" if x < 0 else "center",
                va="bottom" if y > 0 else "top" if y < 0 else "center",
                fontsize=7,
                path_effects=[withStroke(linewidth=2, foreground="w")],
                arrowprops=None if max(abs(x), abs(y)) <= NEAR else TIE | {"relpos": (x < 0, y < 0)},
            )
            name.get_window_extent()  # puts it in its place; with its line, which may cross others, it is larger
            box = Text.get_window_extent(name)
            mistaken = name.arrow_patch is None and box.padded(reach).count_contains(others)
            covers = box.count_overlaps(taken) or box.padded(2).count_contains(every)
            if _is_within(box, ax.bbox) and not mistaken and not covers:
                taken.append(box)
                break
            name.remove()


def _is_within(box: Bbox, outer: Bbox) -> bool:
    return box.x0 >= outer.x0 and box.x1 <= outer.x1 and box.y0 >= outer.y0 and box.y1 <= outer.y1
