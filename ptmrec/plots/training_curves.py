"""Curves of a training run: the loss and every metric that says something else, against epochs."""

import re

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatter, MaxNLocator

from ptmrec.plots.style import ROLE_LABELS, TEXT_WIDTH, Drawing, thesis_style

PARTS = ("train", "validation")
COLOURS = dict(zip(PARTS, sns.color_palette("colorblind", len(PARTS)), strict=True))
"""One colour for training and one for validation, in every panel."""
LABELS = {
    "tau_w": r"agreement $\tau_w$",
    "ranking": "ranking loss",
    "accuracy_nll": "accuracy loss (likelihood)",
    "reconstruction": "squared error per input",
}
"""Words for metrics whose column name says too little."""
COLUMNS = 3
WINDOWS, SMALLEST_WINDOW = 10, 3
"""A rolling mean is over a tenth of the run, and over three epochs at least."""
SAME = 0.995
"""Correlation with the loss from which on a metric is the loss in other units."""


def plot_history(frame: pd.DataFrame, chosen: int | None = None) -> Figure:
    """The loss as it is, on a log scale and as a rolling mean, and a panel per metric that says something else.

    A loss that is not positive has no log scale, and a run of few epochs no mean worth a panel.

    Args:
        frame: ``History.to_frame()``: one row per epoch.
        chosen: the epoch that is used, marked by a line in every panel; None marks none.
    """
    titles = {name: LABELS.get(name, name.replace("_", " ")) for name in new_metrics(frame)}
    panels = [*_loss_panels(frame), *((name, title, 1) for name, title in titles.items())]
    columns = 2 if len(panels) in (2, 4) else min(COLUMNS, len(panels))
    rows = -(-len(panels) // columns)
    with thesis_style():
        figure = Drawing(figsize=(TEXT_WIDTH, 1.9 * rows + 0.4), layout="constrained")
        axes = list(figure.subplots(rows, columns, squeeze=False).flat)
        for (quantity, title, window), ax in zip(panels, axes, strict=False):
            _plot_quantity(frame, quantity, window, ax)
            ax.set(title=title, xlim=axes[0].get_xlim(), yscale="log" if "log scale" in title else "linear")
            if "log scale" in title:
                ax.yaxis.set_minor_formatter(LogFormatter(minor_thresholds=(1, 0.4)))  # 3.5, not 3.5 times 10 to the 0
            if chosen is not None:
                ax.axvline(chosen, color="0.3", ls="--", lw=0.8, label=f"chosen: epoch {chosen}")
        for ax in axes[len(panels) :]:
            ax.remove()
        entries = {label: handle for handle, label in zip(*axes[0].get_legend_handles_labels(), strict=True)}
        figure.legend(entries.values(), entries.keys(), loc="outside lower center", ncols=3)
    return figure


def window_of(epochs: int) -> int:
    """Epochs that a rolling mean is over, by the length of the run."""
    return max(SMALLEST_WINDOW, round(epochs / WINDOWS))


def new_metrics(frame: pd.DataFrame) -> list[str]:
    """Metrics in the history that are not the loss over again, in order of appearance."""
    names = [match[1] for column in frame.columns if (match := re.fullmatch(r"(?:train|validation)_(.+)", column))]
    return [name for name in dict.fromkeys(names) if name != "loss" and not _repeats_loss(frame, name)]


def _loss_panels(frame: pd.DataFrame) -> list[tuple[str, str, int]]:
    """Quantity, title and window of each panel of the loss."""
    columns = [f"{part}_loss" for part in _parts(frame, "loss")]
    panels, window = [("loss", "loss", 1)], window_of(len(frame))
    if columns and np.nanmin(frame[columns].to_numpy()) > 0:
        panels.append(("loss", "loss, log scale", 1))
    if len(frame) >= 2 * window:
        panels.append(("loss", f"loss, mean of {window} epochs", window))
    return panels


def _repeats_loss(frame: pd.DataFrame, metric: str) -> bool:
    pairs = [(frame[f"{part}_{metric}"], frame[f"{part}_loss"]) for part in _parts(frame, metric)]
    # Curves of one or two epochs always correlate.
    return bool(pairs) and all(len(frame) > 2 and abs(values.corr(loss)) >= SAME for values, loss in pairs)


def _plot_quantity(frame: pd.DataFrame, quantity: str, window: int, ax: Axes) -> None:
    marker = "o" if len(frame) <= 20 else None  # a single epoch would be an invisible line
    for part in _parts(frame, quantity):
        values = frame[f"{part}_{quantity}"].rolling(window).mean() if window > 1 else frame[f"{part}_{quantity}"]
        ax.plot(
            frame["epoch"], values, label=ROLE_LABELS[part], color=COLOURS[part], lw=1.2, marker=marker, markersize=2.5
        )
    ax.set(xlabel="epoch")
    ax.xaxis.set_major_locator(MaxNLocator(4, integer=True))


def _parts(frame: pd.DataFrame, quantity: str) -> list[str]:
    """The parts for which the quantity was measured at least once."""
    columns = ((part, f"{part}_{quantity}") for part in PARTS)
    return [part for part, column in columns if column in frame and frame[column].notna().any()]
