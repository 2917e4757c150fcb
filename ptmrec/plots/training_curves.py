"""Curves of a training run: losses and metrics against epochs."""

import re
from typing import Literal

import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

PARTS = ("train", "validation")
COLORS = dict(zip(PARTS, sns.color_palette("colorblind", len(PARTS)), strict=True))
"""One colour for training and one for validation, in every panel."""


def plot_loss(
    frame: pd.DataFrame, ax: Axes | None = None, scale: Literal["linear", "log"] = "linear", rolling: int = 0
) -> Axes:
    """Train and validation loss against epochs.

    Args:
        frame: ``History.to_frame()``: one row per epoch.
        ax: where to draw; a new figure when None.
        scale: scale of the loss axis; log needs losses above 0.
        rolling: epochs of a rolling mean drawn over the faint raw curves; 0 draws the raw curves only.

    Returns:
        The axes drawn on; ``.figure`` is its figure.
    """
    ax = _plot_parts(frame, "loss", ax, rolling)
    ax.set_yscale(scale)
    ax.set_title(
        {"linear": "Loss", "log": "Loss, log scale"}[scale] + (f", mean of {rolling} epochs" if rolling else "")
    )
    return ax


def plot_metric(frame: pd.DataFrame, metric: str, ax: Axes | None = None) -> Axes:
    """One metric of training and validation against epochs.

    Args:
        frame: ``History.to_frame()``: one row per epoch.
        metric: the metric's name without ``train_`` or ``validation_``.
        ax: where to draw; a new figure when None.

    Raises:
        ValueError: the frame has no such metric.
    """
    if metric not in metric_names(frame):
        raise ValueError(f"metric {metric!r} is not in the history; it holds {metric_names(frame)}")
    ax = _plot_parts(frame, metric, ax)
    ax.set_title(_label(metric))
    return ax


def plot_history(frame: pd.DataFrame) -> Figure:
    """All curves of a run in one figure: loss, its log scale and rolling mean, then one panel per metric.

    The log panel is left out when a loss is zero or negative.
    """
    metrics = metric_names(frame)
    losses = frame[[f"{part}_loss" for part in _parts(frame, "loss")]]
    scales = ["linear", "log"] if (losses.stack() > 0).all() else ["linear"]
    count = len(scales) + 1 + len(metrics)
    columns = min(3, count)
    rows = -(-count // columns)
    figure = Figure(figsize=(4.5 * columns, 3.2 * rows), layout="constrained")
    axes = list(figure.subplots(rows, columns, squeeze=False).flat)
    for scale, ax in zip(scales, axes, strict=False):
        plot_loss(frame, ax, scale)
    plot_loss(frame, axes[len(scales)], rolling=max(2, len(frame) // 10))
    for metric, ax in zip(metrics, axes[len(scales) + 1 :], strict=False):
        plot_metric(frame, metric, ax)
    for ax in axes[count:]:
        ax.remove()
    return figure


def metric_names(frame: pd.DataFrame) -> list[str]:
    """Names of the metrics in ``History.to_frame()``, without the loss, in order of appearance."""
    names = [match[1] for column in frame.columns if (match := re.fullmatch(r"(?:train|validation)_(.+)", column))]
    return [name for name in dict.fromkeys(names) if name != "loss"]


def _plot_parts(frame: pd.DataFrame, quantity: str, ax: Axes | None, rolling: int = 0) -> Axes:
    # Figure() instead of pyplot: nothing stays open in pyplot's list of figures.
    ax = Figure(figsize=(5.5, 3.6), layout="constrained").subplots() if ax is None else ax
    marker = "o" if len(frame) <= 20 else None  # a single epoch would be an invisible line
    for part in _parts(frame, quantity):
        values, color = frame[f"{part}_{quantity}"], COLORS[part]
        style = {"color": color, "marker": marker, "markersize": 3}
        if rolling:
            ax.plot(frame["epoch"], values, color=color, alpha=0.25)
            values = values.rolling(rolling, min_periods=1).mean()
        ax.plot(frame["epoch"], values, label=part, **style)
    ax.set_xlabel("Epoch")
    ax.set_ylabel(_label(quantity))
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.legend(frameon=False)
    sns.despine(ax=ax)
    return ax


def _parts(frame: pd.DataFrame, quantity: str) -> list[str]:
    """The parts for which the quantity was measured at least once."""
    columns = ((part, f"{part}_{quantity}") for part in PARTS)
    return [part for part, column in columns if column in frame and frame[column].notna().any()]


def _label(quantity: str) -> str:
    return quantity[:1].upper() + quantity[1:].replace("_", " ")
