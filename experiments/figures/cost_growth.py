"""How cost grows with the models to choose among, and with the known data sets."""

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ptmrec.plots.style import METHOD_COLOURS, TEXT_WIDTH, thesis_style

OVER = ("models", "data sets")
"""What the two panels count."""
_OURS = METHOD_COLOURS["Cross-Select"]
_OTHERS = [colour for colour in sns.color_palette("colorblind") if colour != _OURS]
_MARKS = "os^Dv"
_FEW = 30
"""Counts up to here stand on the axis themselves; larger ones as powers of ten."""


def fit_slopes(points: pd.DataFrame) -> pd.Series:
    """Slope of each line on log-log axes: 1 is as much time as there are models, 0 none more.

    Args:
        points: one row per measurement: ``over``, ``what``, ``count``, ``seconds``.

    Returns:
        Slopes by ``over`` and ``what``.
    """
    rows = {
        keys: np.polyfit(np.log(part["count"]), np.log(part["seconds"]), 1)[0]
        for keys, part in points.groupby(["over", "what"], sort=False)
    }
    return pd.Series(rows, name="slope")


def plot_cost_growth(points: pd.DataFrame) -> Figure:
    """Two log-log panels; each line's slope stands in the legend. Arguments as in :func:`fit_slopes`."""
    with thesis_style():
        figure = Figure(figsize=(TEXT_WIDTH, 3.4), layout="constrained")
        for ax, over in zip(figure.subplots(1, 2, width_ratios=(1.5, 1)), OVER, strict=True):
            _draw(ax, points[points["over"] == over])
            ax.set(xscale="log", yscale="log", xlabel=f"number of {over}", ylabel="seconds")
            counts = sorted(set(points.loc[points["over"] == over, "count"]))
            if counts[-1] <= _FEW:
                ax.set_xticks(counts, map(str, counts))
                ax.minorticks_off()
            ax.grid(lw=0.3)
            ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.22), frameon=False)
    return figure


def _draw(ax: Axes, points: pd.DataFrame) -> None:
    slopes, colours = fit_slopes(points), iter(_OTHERS)
    for (what, part), mark in zip(points.groupby("what", sort=False), _MARKS, strict=False):
        colour = _OURS if what in ("Cross-Select", "answering") else next(colours)
        label = f"{what} (slope {slopes.xs(what, level=1).iloc[0]:.2f})"
        ax.plot(part["count"], part["seconds"], mark, ls="-", ms=4, lw=1, color=colour, label=label)
