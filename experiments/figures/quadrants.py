"""The thesis's headline at a glance: a few methods in every quadrant, and what a selection costs."""

from collections.abc import Mapping, Sequence

import pandas as pd
from matplotlib.figure import Figure

from ptmrec.plots.style import METHOD_COLOURS, REGIME_LABELS, TEXT_WIDTH, thesis_style

MARKERS = "osD^vPX*<>hp"
NOTHING = 1e-4
"""Seconds at which what costs nothing is drawn: a logarithmic axis has no zero."""


def plot_quadrants(summary: pd.DataFrame, titles: Mapping[str, str], methods: Sequence[str]) -> Figure:
    """Mean tau_w of some methods in each quadrant with intervals over targets, one panel per regime.

    Args:
        summary: result of :func:`~experiments.evaluation.compare.summarise`.
        titles: groups of targets, with what stands below them.
        methods: the methods; one that has no row in a quadrant cannot rank there.
    """
    with thesis_style():
        figure = Figure(figsize=(TEXT_WIDTH, 2.9), layout="constrained")
        axes = figure.subplots(1, 2, sharey=True)
        for ax, (regime, label) in zip(axes, REGIME_LABELS.items(), strict=True):
            rows = summary[summary["regime"] == regime].set_index(["method", "group"])
            for index, method in enumerate(methods):
                there = [place for place, group in enumerate(titles) if (method, group) in rows.index]
                part = rows.loc[[(method, list(titles)[place]) for place in there]]
                places = [place + (index - (len(methods) - 1) / 2) * 0.14 for place in there]
                errors = [part["tau_w"] - part["tau_w_low"], part["tau_w_high"] - part["tau_w"]]
                style = {"color": METHOD_COLOURS[method], "ms": 4, "lw": 0, "elinewidth": 1}
                ax.errorbar(places, part["tau_w"], yerr=errors, fmt=MARKERS[index], label=method, **style)
            ceilings = (summary["tau_w"] / summary["of_ceiling"])[summary["regime"] == regime]
            means = ceilings.groupby(summary["group"]).median()
            for place, group in enumerate(titles):
                ax.hlines(means[group], place - 0.42, place + 0.42, color="0.3", ls="--", lw=0.8)
            ax.axhline(0, color="0.7", lw=0.5)
            ax.set_xticks(range(len(titles)), list(titles.values()))
            ax.grid(axis="y", lw=0.3)
            ax.set_title(label)
        axes[0].set_ylabel(r"mean $\tau_w$")
        figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4, columnspacing=1)
    return figure


def plot_cost_quality(frame: pd.DataFrame, group: str) -> Figure:
    """Seconds of one selection against tau_w, means over targets, one panel per regime.

    Filled marks run candidates on the user's images, hollow ones do not.

    Args:
        frame: one row per ``group, regime, method, dataset``: ``tau_w``, ``seconds``, ``candidate_passes``.
        group: which group of targets.
    """
    own = frame[frame["group"] == group]
    means = own.groupby(["regime", "method"], sort=False)[["tau_w", "seconds", "candidate_passes"]].mean()
    with thesis_style():
        figure = Figure(figsize=(TEXT_WIDTH, 3.3), layout="constrained")
        axes = figure.subplots(1, 2, sharex=True, sharey=True)
        for ax, (regime, label) in zip(axes, REGIME_LABELS.items(), strict=True):
            for index, (method, row) in enumerate(means.loc[regime].iterrows()):
                colour = METHOD_COLOURS[method]
                fill = colour if row["candidate_passes"] else "w"
                at = (max(row["seconds"], NOTHING), row["tau_w"])
                ax.plot(*at, MARKERS[index % len(MARKERS)], color=colour, mfc=fill, ms=5, label=method)
            ax.set_xscale("log")
            ax.grid(lw=0.3)
            ax.set(title=label, xlabel="seconds of one selection")
        axes[0].set_ylabel(r"mean $\tau_w$")
        figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4, columnspacing=1)
    return figure
