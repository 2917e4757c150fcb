"""Heat maps over data sets; in each of them lines part the roles of the data sets."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from scipy.cluster.hierarchy import leaves_list, linkage

from ptmrec.benchmark.ground_truth import GroundTruth
from ptmrec.plots.style import REGIME_LABELS, ROLE_LABELS, TEXT_WIDTH, category_colours, thesis_style, words
from ptmrec.zoo.card import Card

SCORE_LIMIT = 2.5
"""Standard deviations at the ends of the colour scale, in every regime."""


def cluster_order(vectors: np.ndarray) -> np.ndarray:
    """Order ``(n,)`` of vectors ``(n, D)`` in which similar ones lie side by side (average linkage)."""
    if len(vectors) < 2:
        return np.arange(len(vectors))
    return leaves_list(linkage(vectors, method="average", optimal_ordering=True))


def role_order(vectors: np.ndarray, roles: Sequence[str]) -> np.ndarray:
    """Like :func:`cluster_order` within each role, the roles in the order of :data:`ROLE_LABELS`."""
    parts = [np.flatnonzero([role == own for own in roles]) for role in ROLE_LABELS]
    return np.concatenate([part[cluster_order(vectors[part])] for part in parts])


def mark_roles(ax: Axes, roles: Sequence[str], rows: bool) -> None:
    """Lines where the role changes from column to column (and row to row), and the roles above the columns."""
    starts = [index for index, role in enumerate(roles) if index == 0 or role != roles[index - 1]]
    for start, end in zip(starts, [*starts[1:], len(roles)], strict=True):
        ax.annotate(
            ROLE_LABELS[roles[start]],
            ((start + end - 1) / 2, 1),
            xycoords=("data", "axes fraction"),
            xytext=(0, 2),
            textcoords="offset points",
            ha="center",
            fontsize=7,
        )
        if start:
            ax.axvline(start - 0.5, color="k", lw=0.8)
            if rows:
                ax.axhline(start - 0.5, color="k", lw=0.8)


def plot_ground_truth(truth: GroundTruth, cards: Mapping[str, Card], regime: str, roles: Mapping[str, str]) -> Figure:
    """Heat map of accuracies, models by data sets, clustered both ways; families in colour beside it.

    Accuracies are standardised on each data set, so that a column shows its ranking and not its difficulty.
    """
    values = truth.accuracy[regime]
    scores = ((values - values.mean(axis=1, keepdims=True)) / values.std(axis=1, keepdims=True)).T
    own = [roles[name] for name in truth.datasets]
    rows, columns = cluster_order(scores), role_order(scores.T, own)
    families = [cards[truth.models[row]].family for row in rows]
    colours = category_colours(families)
    with thesis_style():
        figure = Figure(figsize=(TEXT_WIDTH, 5.8), layout="constrained")
        figure.suptitle(f"Accuracy, standardised on each data set: {REGIME_LABELS[regime]}")
        strip, ax = figure.subplots(1, 2, width_ratios=[0.03, 1], sharey=True)
        strip.imshow([[colours[family]] for family in families], aspect="auto", interpolation="nearest")
        strip.set(xticks=[], yticks=[], ylabel=f"{len(families)} models")
        limits = {"vmin": -SCORE_LIMIT, "vmax": SCORE_LIMIT}
        image = ax.imshow(scores[rows][:, columns], aspect="auto", interpolation="nearest", **limits)
        ax.set_xticks(range(len(columns)), words(truth.datasets[column] for column in columns), rotation=90)
        ax.tick_params(length=0)
        mark_roles(ax, [own[column] for column in columns], rows=False)
        label = "standard deviations above the mean of the data set"
        figure.colorbar(image, ax=ax, shrink=0.6, extend="both", label=label)
        handles = [Patch(color=colour, label=family) for family, colour in colours.items()]
        figure.legend(handles=handles, loc="outside lower center", ncols=5)
    return figure


def plot_tau_matrices(matrices: Mapping[str, np.ndarray], datasets: Sequence[str], roles: Sequence[str]) -> Figure:
    """How well the ranking on one data set serves another, one panel per regime, in one common order and scale.

    Args:
        matrices: regime -> tau_w ``(T, T)``, see :func:`~experiments.evaluation.zoo_statistics.tau_matrix`.
        datasets: ``(T,)`` names.
        roles: ``(T,)`` roles.
    """
    order = role_order(sum(matrices.values()), roles)
    names, own = words(datasets[index] for index in order), [roles[index] for index in order]
    with thesis_style():
        figure = Figure(figsize=(TEXT_WIDTH, 8.4), layout="constrained")
        figure.suptitle(r"Agreement $\tau_w$ of the ranking on one data set (column) with another's (row)")
        axes = figure.subplots(len(matrices), 1, sharex=True)
        for ax, (regime, matrix) in zip(axes, matrices.items(), strict=True):
            image = ax.imshow(matrix[order][:, order], cmap="vlag", vmin=-1, vmax=1, interpolation="nearest")
            ax.set_yticks(range(len(names)), names)
            ax.tick_params(length=0)
            mark_roles(ax, own, rows=True)
            off = matrix[~np.eye(len(matrix), dtype=bool)]
            ax.set_title(f"{REGIME_LABELS[regime]}, mean {off.mean():.2f}", pad=12)
        axes[-1].set_xticks(range(len(names)), names, rotation=90)
        figure.colorbar(image, ax=axes, shrink=0.5, label=r"$\tau_w$")
    return figure


def plot_dataset_similarity(tokens: np.ndarray, names: Sequence[str], roles: Sequence[str]) -> Figure:
    """Cosine similarity of mean dataset tokens.

    Args:
        tokens: ``(n, D)``.
        names: ``(n,)`` data sets, in the order they are drawn.
        roles: ``(n,)`` role of each; a line is drawn where it changes.
    """
    unit = tokens / np.linalg.norm(tokens, axis=1, keepdims=True)
    with thesis_style():
        figure = Figure(figsize=(TEXT_WIDTH, 5.2), layout="constrained")
        ax = figure.subplots()
        image = ax.imshow(unit @ unit.T, cmap="vlag", vmin=-1, vmax=1, interpolation="nearest")
        ax.set_xticks(range(len(names)), words(names), rotation=90)
        ax.set_yticks(range(len(names)), words(names))
        ax.tick_params(length=0)
        mark_roles(ax, roles, rows=True)
        ax.set_title("Cosine similarity of mean dataset tokens", pad=14)
        figure.colorbar(image, ax=ax, shrink=0.7, label="cosine similarity")
    return figure
