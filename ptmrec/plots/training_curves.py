"""Curves of a training run: the loss and every metric that says something else, against epochs."""

import re

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ptmrec.plots.style import TEXT_WIDTH, thesis_style

PARTS = ("train", "validation")
PART_LABELS = {"train": "training", "validation": "validation"}
COLOURS = dict(zip(PARTS, sns.color_palette("colorblind", len(PARTS)), strict=True))
"""One colour for training and one for validation, in every panel."""
LABELS = {
    "tau_w": r"agreement $\tau_w$",
    "ranking": "ranking loss",
    "accuracy_nll": "accuracy loss (likelihood)",
    "reconstruction": "squared error per input",
}
"""Words for metrics whose column name says too little."""
SAME = 0.995
"""Correlation with the loss from which on a metric is the loss in other units."""


def plot_history(frame: pd.DataFrame, chosen: int | None = None) -> Figure:
    """One panel for the loss, on a log scale when it spans a decade, and one per metric that says something else.

    Args:
        frame: ``History.to_frame()``: one row per epoch.
        chosen: the epoch that is used, marked by a line in every panel; None marks none.
    """
    quantities = ["loss", *new_metrics(frame)]
    columns = 2 if len(quantities) in (2, 4) else min(3, len(quantities))
    rows = -(-len(quantities) // columns)
    with thesis_style():
        figure = Figure(figsize=(TEXT_WIDTH, 2.1 * rows + 0.3), layout="constrained")
        axes = list(figure.subplots(rows, columns, squeeze=False).flat)
        for quantity, ax in zip(quantities, axes, strict=False):
            _plot_quantity(frame, quantity, ax)
            if chosen is not None:
                ax.axvline(chosen, color="0.3", ls="--", lw=0.8, label=f"chosen: epoch {chosen}")
        for ax in axes[len(quantities) :]:
            ax.remove()
        entries = {label: handle for handle, label in zip(*axes[0].get_legend_handles_labels(), strict=True)}
        figure.legend(entries.values(), entries.keys(), loc="outside lower center", ncols=3)
    return figure


def new_metrics(frame: pd.DataFrame) -> list[str]:
    """Metrics in the history that are not the loss over again, in order of appearance."""
    names = [match[1] for column in frame.columns if (match := re.fullmatch(r"(?:train|validation)_(.+)", column))]
    return [name for name in dict.fromkeys(names) if name != "loss" and not _repeats_loss(frame, name)]


def _repeats_loss(frame: pd.DataFrame, metric: str) -> bool:
    pairs = [(frame[f"{part}_{metric}"], frame[f"{part}_loss"]) for part in _parts(frame, metric)]
    # Curves of one or two epochs always correlate.
    return bool(pairs) and all(len(frame) > 2 and abs(values.corr(loss)) >= SAME for values, loss in pairs)


def _plot_quantity(frame: pd.DataFrame, quantity: str, ax: Axes) -> None:
    marker = "o" if len(frame) <= 20 else None  # a single epoch would be an invisible line
    parts = _parts(frame, quantity)
    for part in parts:
        values = frame[f"{part}_{quantity}"]
        ax.plot(
            frame["epoch"], values, label=PART_LABELS[part], color=COLOURS[part], lw=1.2, marker=marker, markersize=2.5
        )
    values = frame[[f"{part}_{quantity}" for part in parts]].to_numpy()
    if quantity == "loss" and np.nanmin(values) > 0 and np.nanmax(values) > 10 * np.nanmin(values):
        ax.set_yscale("log")
    ax.set(xlabel="epoch", title=LABELS.get(quantity, quantity.replace("_", " ")))
    ax.xaxis.set_major_locator(MaxNLocator(4, integer=True))


def _parts(frame: pd.DataFrame, quantity: str) -> list[str]:
    """The parts for which the quantity was measured at least once."""
    columns = ((part, f"{part}_{quantity}") for part in PARTS)
    return [part for part, column in columns if column in frame and frame[column].notna().any()]
