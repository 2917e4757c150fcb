"""The figures of the notebooks and the thesis, one function each: data in, figure out."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from sklearn.decomposition import PCA

from ptmrec.plots.style import METHOD_COLOURS, REGIME_LABELS, TEXT_WIDTH, thesis_style
from ptmrec.zoo.ground_truth import GroundTruth

MARKERS = "osD^vPX*<>"


def plot_ground_truth(truth: GroundTruth, regime: str, datasets: Sequence[str]) -> Figure:
    """Heat map of measured accuracies, models by data sets, each data set scaled to its best model."""
    rows = np.stack([truth.row(regime, name) for name in datasets])
    scaled = rows / np.nanmax(rows, axis=1, keepdims=True)
    with thesis_style():
        figure = Figure(figsize=(TEXT_WIDTH, 6.4), layout="constrained")
        ax = figure.subplots()
        sns.heatmap(
            scaled.T,
            ax=ax,
            cmap="viridis",
            xticklabels=[name.replace("_", " ") for name in datasets],
            yticklabels=truth.models,
            cbar_kws={"label": "accuracy / best accuracy on the data set", "shrink": 0.6},
        )
        ax.tick_params(axis="y", labelsize=5.5, length=0)
        ax.tick_params(axis="x", labelsize=6.5, length=0, rotation=90)
        ax.set_title(f"Measured accuracy, {REGIME_LABELS[regime]}")
    return figure


def plot_token_map(
    tokens: np.ndarray,
    colours: Sequence[str],
    title: str,
    shapes: Sequence[str] | None = None,
) -> Figure:
    """First two principal components of tokens.

    Args:
        tokens: ``(n, D)`` finite.
        colours: ``(n,)`` category shown by colour.
        title: above the map.
        shapes: ``(n,)`` category shown by marker.
    """
    pca = PCA(2).fit(tokens)
    places = pca.transform(tokens)
    with thesis_style():
        figure = Figure(figsize=(TEXT_WIDTH, 3.6), layout="constrained")
        ax = figure.subplots()
        frame = pd.DataFrame({"x": places[:, 0], "y": places[:, 1], "colour": colours})
        style = {}
        if shapes is not None:
            frame["shape"] = list(shapes)
            style = {"style": "shape", "markers": dict(zip(dict.fromkeys(shapes), MARKERS, strict=False))}
        sns.scatterplot(frame, x="x", y="y", hue="colour", palette="colorblind", s=30, ax=ax, **style)
        shares = pca.explained_variance_ratio_
        ax.set(xlabel=f"component 1 ({shares[0]:.0%})", ylabel=f"component 2 ({shares[1]:.0%})", title=title)
        handles, names = ax.get_legend_handles_labels()
        kept = [(h, n) for h, n in zip(handles, names, strict=True) if n not in ("colour", "shape")]
        ax.legend(*zip(*kept, strict=True), loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def plot_dataset_similarity(tokens: np.ndarray, names: Sequence[str], roles: Sequence[str]) -> Figure:
    """Cosine similarity of mean dataset tokens.

    Args:
        tokens: ``(n, D)``.
        names: ``(n,)`` data sets, in the order they are drawn.
        roles: ``(n,)`` role of each; a line is drawn where it changes.
    """
    unit = tokens / np.linalg.norm(tokens, axis=1, keepdims=True)
    labels = [name.replace("_", " ") for name in names]
    with thesis_style():
        figure = Figure(figsize=(TEXT_WIDTH, 4.6), layout="constrained")
        ax = figure.subplots()
        sns.heatmap(
            unit @ unit.T,
            ax=ax,
            cmap="vlag",
            vmin=-1,
            vmax=1,
            square=True,
            xticklabels=labels,
            yticklabels=[f"{label} ({role})" for label, role in zip(labels, roles, strict=True)],
            cbar_kws={"label": "cosine similarity", "shrink": 0.7},
        )
        for place in [i for i in range(1, len(roles)) if roles[i] != roles[i - 1]]:
            ax.axhline(place, color="k", lw=0.8)
            ax.axvline(place, color="k", lw=0.8)
        ax.tick_params(length=0, labelsize=6.5)
        ax.set_title("Similarity of mean dataset tokens")
    return figure


def plot_method_bars(summary: pd.DataFrame, groups: Sequence[str]) -> Figure:
    """Mean tau_w of each method with its interval, one panel per group and regime, and the ceiling."""
    with thesis_style():
        figure = Figure(figsize=(TEXT_WIDTH, 2.0 * len(groups) + 0.4), layout="constrained")
        axes = figure.subplots(len(groups), 2, sharex=True, sharey=True, squeeze=False)
        for row, group in enumerate(groups):
            for column, regime in enumerate(REGIME_LABELS):
                part = summary[(summary["group"] == group) & (summary["regime"] == regime)].iloc[::-1]
                ax = axes[row, column]
                errors = [part["tau_w"] - part["tau_w_low"], part["tau_w_high"] - part["tau_w"]]
                colours = [METHOD_COLOURS[method] for method in part["method"]]
                ax.barh(part["method"], part["tau_w"], xerr=np.abs(errors), color=colours, error_kw={"lw": 0.8})
                ceiling = (part["tau_w"] / part["of_ceiling"]).median()
                ax.axvline(ceiling, color="0.3", ls="--", lw=0.8)
                ax.axvline(0, color="0.3", lw=0.5)
                ax.set_title(f"{REGIME_LABELS[regime]}, {int(part['targets'].iloc[0])} {group} sets")
        for ax in axes[-1]:
            ax.set_xlabel(r"mean $\tau_w$ (dashed: ceiling)")
    return figure


def plot_targets(frame: pd.DataFrame, group: str, methods: Sequence[str]) -> Figure:
    """tau_w of some methods on each target of a group, with the target's ceiling."""
    with thesis_style():
        figure = Figure(figsize=(TEXT_WIDTH, 2.6), layout="constrained")
        axes = figure.subplots(1, 2, sharey=True)
        for ax, regime in zip(axes, REGIME_LABELS, strict=True):
            part = frame[(frame["group"] == group) & (frame["regime"] == regime)]
            datasets = list(dict.fromkeys(part["dataset"]))
            for index, method in enumerate(methods):
                values = part[part["method"] == method].set_index("dataset")["tau_w"].loc[datasets]
                places = np.arange(len(datasets)) + (index - (len(methods) - 1) / 2) * 0.15
                ax.plot(places, values, MARKERS[index], color=METHOD_COLOURS[method], ms=4, label=method)
            ceilings = part.groupby("dataset")["ceiling"].first().loc[datasets]
            ax.hlines(ceilings, np.arange(len(datasets)) - 0.4, np.arange(len(datasets)) + 0.4, color="0.3", lw=0.8)
            ax.set_xticks(
                np.arange(len(datasets)), [name.replace("_", " ") for name in datasets], rotation=60, ha="right"
            )
            ax.axhline(0, color="0.7", lw=0.5)
            ax.set_title(f"{group}, {REGIME_LABELS[regime]}")
        axes[0].set_ylabel(r"$\tau_w$ (line: ceiling)")
        axes[1].legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def plot_calibration(frame: pd.DataFrame) -> Figure:
    """Expected against measured accuracy, one panel per group, colour by regime."""
    groups = list(dict.fromkeys(frame["group"]))
    with thesis_style():
        figure = Figure(figsize=(TEXT_WIDTH, 2.9), layout="constrained")
        axes = figure.subplots(1, len(groups), sharex=True, sharey=True, squeeze=False)[0]
        palette = dict(zip(REGIME_LABELS, sns.color_palette("colorblind", 2), strict=True))
        for ax, group in zip(axes, groups, strict=True):
            part = frame[frame["group"] == group]
            for regime, label in REGIME_LABELS.items():
                own = part[part["regime"] == regime]
                ax.plot(own["expected"], own["measured"], ".", ms=2, alpha=0.5, color=palette[regime], label=label)
            ax.plot([0, 1], [0, 1], color="0.3", lw=0.8)
            ax.set(title=group, xlabel="expected accuracy", aspect="equal")
        axes[0].set_ylabel("measured accuracy")
        axes[0].legend(markerscale=4, loc="upper left")
    return figure
