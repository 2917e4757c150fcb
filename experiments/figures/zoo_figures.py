"""Figures of the zoo and its ground truth, one function each: data in, figure out."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from ptmrec.benchmark.battery import BatterySet
from ptmrec.plots.style import REGIME_LABELS, TEXT_WIDTH, category_colours, thesis_style, words
from ptmrec.zoo.card import Card

SIZE_MARKERS = {"small": "o", "large": "s"}


def plot_variance_shares(shares: Mapping[str, pd.DataFrame]) -> Figure:
    """Stacked bars of what explains the accuracies; a tick marks what each term gets from noise alone.

    Args:
        shares: regime -> result of :func:`~experiments.evaluation.zoo_statistics.variance_shares`.
    """
    with thesis_style():
        figure = Figure(figsize=(TEXT_WIDTH, 1.9), layout="constrained")
        ax = figure.subplots()
        colours = sns.color_palette("colorblind", 4)
        for place, (regime, frame) in enumerate(shares.items()):
            start = 0.0
            for colour, row in zip(colours, frame.itertuples(), strict=True):
                label = row.term if place == 0 else None
                ax.barh(REGIME_LABELS[regime], row.share, left=start, color=colour, label=label)
                ax.text(start + row.share / 2, place, f"{row.share:.0%}", ha="center", va="center", color="w")
                ax.plot([start + row.by_chance] * 2, [place - 0.4, place - 0.3], color="k", lw=1)
                start += row.share
        ax.set(xlim=(0, 1), xlabel="share of the variance within data sets (tick: by chance)")
        ax.invert_yaxis()
        figure.legend(loc="outside upper center", ncols=4)
    return figure


def plot_ceilings(ceiling: pd.DataFrame, roles: Mapping[str, str]) -> Figure:
    """Ceiling of each data set in both regimes; blind ones are drawn hollow.

    Args:
        ceiling: result of :func:`~experiments.evaluation.zoo_statistics.ceilings`.
        roles: data set -> role.
    """
    ordered = ceiling.loc[ceiling.mean(axis=1).sort_values().index]
    with thesis_style():
        figure = Figure(figsize=(TEXT_WIDTH, 3.8), layout="constrained")
        ax = figure.subplots()
        for colour, (regime, values) in zip(sns.color_palette("colorblind", 2), ordered.items(), strict=True):
            fills = ["none" if roles[name] == "blind" else colour for name in ordered.index]
            ax.scatter(values, range(len(values)), s=18, facecolors=fills, edgecolors=[colour], zorder=2)
            ax.axvline(values.mean(), color=colour, lw=0.8, ls="--")
            ax.plot([], [], "o", color=colour, label=f"{REGIME_LABELS[regime]}, mean {values.mean():.3f}")
        ax.plot([], [], "o", color="0.4", mfc="none", label="blind data set")
        ax.set_yticks(range(len(ordered)), words(ordered.index))
        ax.grid(axis="x", lw=0.3)
        ax.set_xlabel(r"ceiling: $\tau_w$ of the ground truth with itself")
        figure.legend(loc="outside lower center", ncols=3)
    return figure


def plot_cost_accuracy(costs: pd.DataFrame, cards: Mapping[str, Card]) -> Figure:
    """Latency against mean accuracy of every model, one panel per regime, with the Pareto front.

    Args:
        costs: index = model, columns ``latency_p50_ms``, ``low_data`` and ``fine_tuning`` (mean accuracies).
        cards: cards of the models.
    """
    colours = category_colours(cards[name].family for name in costs.index)
    with thesis_style():
        figure = Figure(figsize=(TEXT_WIDTH, 2.9), layout="constrained")
        axes = figure.subplots(1, 2, sharex=True)
        for ax, regime in zip(axes, REGIME_LABELS, strict=True):
            for name, row in costs.iterrows():
                size = str(cards[name].architecture.get("size"))
                marker = SIZE_MARKERS.get(size, "D")
                ax.plot(row["latency_p50_ms"], row[regime], marker, ms=2.5, color=colours[cards[name].family])
            front = pareto_front(costs["latency_p50_ms"].to_numpy(), costs[regime].to_numpy())
            ax.step(costs["latency_p50_ms"].iloc[front], costs[regime].iloc[front], where="post", color="0.3", lw=0.8)
            ax.set(title=REGIME_LABELS[regime], xlabel="latency, batch 1, median (ms)")
        axes[0].set_ylabel("mean accuracy over data sets")
        handles = [Patch(color=colour, label=family) for family, colour in colours.items()]
        handles += [Line2D([], [], ls="", marker=m, color="0.4", ms=3, label=s) for s, m in SIZE_MARKERS.items()]
        handles.append(Line2D([], [], color="0.3", lw=0.8, label="best for the time"))
        figure.legend(handles=handles, loc="outside lower center", ncols=6, columnspacing=1)
    return figure


def pareto_front(costs: np.ndarray, gains: np.ndarray) -> np.ndarray:
    """Positions of the points no other one beats, cheapest first: none is cheaper and at least as good."""
    best, front = -np.inf, []
    for index in np.lexsort([-gains, costs]):
        if gains[index] > best:
            front.append(int(index))
            best = gains[index]
    return np.array(front)


def plot_shots(by_shots: pd.DataFrame) -> Figure:
    """Mean accuracy of a linear probe by the number of images per class, one line per kind of model.

    Args:
        by_shots: index = images per class, ``all`` last; one column per kind of model.
    """
    with thesis_style():
        figure = Figure(figsize=(TEXT_WIDTH, 2.6), layout="constrained")
        ax = figure.subplots()
        for colour, (kind, values) in zip(sns.color_palette("colorblind"), by_shots.items(), strict=False):
            ax.plot(range(len(values)), values, "o-", ms=3, color=colour, label=kind)
        ax.set_xticks(range(len(by_shots)), list(by_shots.index))
        ax.set(xlabel="images per class", ylabel="mean accuracy of a linear probe")
        ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def plot_contact_sheet(images: np.ndarray, columns: int = 24) -> Figure:
    """Images ``(n, H, W, 3)`` uint8 side by side."""
    rows = -(-len(images) // columns)
    height, width = images.shape[1:3]
    sheet = np.full((rows * (height + 2), columns * (width + 2), 3), 255, np.uint8)
    for index, image in enumerate(images):
        top, left = (index // columns) * (height + 2), (index % columns) * (width + 2)
        sheet[top : top + height, left : left + width] = image
    with thesis_style():
        figure = Figure(figsize=(TEXT_WIDTH, TEXT_WIDTH * sheet.shape[0] / sheet.shape[1]))
        ax = figure.add_axes((0, 0, 1, 1))
        ax.imshow(sheet, interpolation="nearest")
        ax.set_axis_off()
    return figure


def plot_battery(battery: Mapping[str, BatterySet], columns: int = 18) -> Figure:
    """One image of each class of each image set of the battery, a row for each; at most ``columns`` classes."""
    side = next(iter(battery.values())).images.shape[1] + 2
    sheet = np.full((len(battery) * side, columns * side, 3), 255, np.uint8)
    for row, part in enumerate(battery.values()):
        for column, label in enumerate(np.unique(part.labels)[:columns]):
            image = part.images[part.labels == label][0]
            top, left = row * side, column * side
            sheet[top : top + len(image), left : left + image.shape[1]] = image
    with thesis_style():
        figure = Figure(figsize=(TEXT_WIDTH, TEXT_WIDTH * 0.9 * sheet.shape[0] / sheet.shape[1]), layout="constrained")
        ax = figure.subplots()
        ax.imshow(sheet, interpolation="nearest")
        ax.set_yticks(side * (np.arange(len(battery)) + 0.5), [name.replace("_", " ") for name in battery])
        ax.set_xticks([])
        ax.tick_params(length=0)
        for spine in ax.spines.values():
            spine.set_visible(False)
    return figure
