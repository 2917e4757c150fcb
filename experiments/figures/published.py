"""Figures of the published benchmarks."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ptmrec.plots.style import METHOD_COLOURS, TEXT_WIDTH, thesis_style

COLOURS = {
    "ours": METHOD_COLOURS["Cross-Select"],
    "mean rank": METHOD_COLOURS["mean rank"],
    "mean accuracy": METHOD_COLOURS["k-NN, data sets"],
    "ImageNet accuracy": METHOD_COLOURS["source accuracy"],
    "parameters": METHOD_COLOURS["parameter count"],
}


def plot_against_goals(table: pd.DataFrame) -> Figure:
    """Ours with its interval, the best rule, the ceiling and the goal, where more is better.

    Args:
        table: result of :func:`~experiments.evaluation.published.goals.against_goals`.
    """
    rows = table[~table["metric"].str.startswith(("mae", "regret1"))].reset_index(drop=True)
    places = np.arange(len(rows))[::-1]
    with thesis_style():
        figure = Figure(figsize=(TEXT_WIDTH, 0.8 + 0.24 * len(rows)), layout="constrained")
        ax = figure.subplots()
        errors = [rows["value"] - rows["low"], rows["high"] - rows["value"]]
        ax.errorbar(rows["value"], places, xerr=errors, fmt="o", ms=4, color=COLOURS["ours"], label="ours")
        ax.plot(rows["rule_value"], places, "s", ms=4, color=COLOURS["mean rank"], label="best rule")
        ax.plot(rows["ceiling"], places, "^", ms=4, mfc="none", color="0.5", label="hindsight")
        ax.plot(rows["goal"], places, "|", ms=9, color=METHOD_COLOURS["Cross-Select"], label="goal")
        ax.set_yticks(places, rows["benchmark"] + ", " + rows["protocol"] + ", " + rows["metric"])
        ax.set_xlabel("mean over targets")
        ax.grid(axis="x", lw=0.3)
        figure.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return figure


def plot_caps(summary: pd.DataFrame, benchmark: str, protocol: str) -> Figure:
    """Accuracy lost by the first pick under FLOPs caps that more and more candidates meet.

    Args:
        summary: means and intervals.
        benchmark: which one.
        protocol: which of its protocols.
    """
    part = summary[(summary["benchmark"] == benchmark) & (summary["protocol"] == protocol)]
    part = part[part["metric"].str.startswith("regret1_flops") & part["method"].isin(COLOURS)]
    part = part.assign(share=part["metric"].str.removeprefix("regret1_flops").astype(float))
    with thesis_style():
        figure = Figure(figsize=(TEXT_WIDTH * 0.7, 2.4), layout="constrained")
        ax = figure.subplots()
        for place, (method, own) in enumerate(part.groupby("method", sort=False)):
            own = own.sort_values("share")
            errors = [own["value"] - own["low"], own["high"] - own["value"]]
            style = {"color": COLOURS[method], "marker": "osD^v"[place], "ms": 4, "lw": 1, "elinewidth": 0.6}
            ax.errorbar(own["share"] + 0.008 * (place - 2), own["value"], yerr=errors, label=method, **style)
        ax.set(xlabel="share of the candidates under the cap", ylabel="accuracy lost")
        ax.grid(lw=0.3)
        ax.legend(fontsize=7)
    return figure
