"""The figures of the notebooks and the thesis, one function each: data in, figure out."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from sklearn.decomposition import PCA

from ptmrec.plots.style import METHOD_COLOURS, REGIME_LABELS, TEXT_WIDTH, thesis_style

MARKERS = "osD^vPX*<>hp"


def plot_token_map(
    tokens: np.ndarray,
    colours: Sequence[str],
    title: str,
    shapes: Sequence[str] | None = None,
) -> Figure:
    """First two principal components of tokens.

    Args:
        tokens: ``(n, D)`` finite.
        colours: ``(n,)`` category shown by colour, at most 20 of them.
        title: above the map.
        shapes: ``(n,)`` category shown by marker.
    """
    pca = PCA(2).fit(tokens)
    places, shares = pca.transform(tokens), pca.explained_variance_ratio_
    hues = dict(zip(dict.fromkeys(sorted(colours)), sns.color_palette("tab20", 20), strict=False))
    kinds = list(shapes) if shapes is not None else [""] * len(places)
    markers = dict(zip(dict.fromkeys(sorted(kinds)), MARKERS, strict=False))
    with thesis_style():
        figure = Figure(figsize=(TEXT_WIDTH, 3.9), layout="constrained")
        ax = figure.subplots()
        for place, colour, shape in zip(places, colours, kinds, strict=True):
            ax.plot(*place, markers[shape], color=hues[colour], ms=3.5, mew=0)
        ax.set(xlabel=f"component 1 ({shares[0]:.0%})", ylabel=f"component 2 ({shares[1]:.0%})", title=title)
        handles = [Patch(color=colour, label=name.replace("_", " ")) for name, colour in hues.items()]
        if shapes is not None:
            handles += [Line2D([], [], ls="", marker=m, color="0.4", ms=3.5, label=s) for s, m in markers.items()]
        figure.legend(handles=handles, loc="outside lower center", ncols=6, fontsize=6)
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
