"""Figures of expected accuracies: against what was measured, and how often their intervals hold."""

import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ptmrec.plots.style import REGIME_LABELS, TEXT_WIDTH, category_colours, thesis_style, words

_COLOURS = dict(zip(REGIME_LABELS, sns.color_palette("colorblind", 2), strict=True))


def plot_expected(frame: pd.DataFrame, group: str, level: float) -> Figure:
    """Expected against measured accuracy on the targets of a group, one square per regime, a colour per data set.

    Dots are models; a bar is a data set's mean with the mean of its intervals.

    Args:
        frame: one row per target and model: ``group, dataset, regime, expected, measured`` and the ends of the
            interval, such as ``low_80`` and ``high_80``.
        group: targets that are drawn.
        level: level of the intervals, 0.8 or 0.95.
    """
    part = frame[frame["group"] == group].dropna(subset="measured")
    colours, ends = category_colours(part["dataset"]), [f"{end}_{100 * level:.0f}" for end in ("low", "high")]
    with thesis_style():
        figure = Figure(figsize=(TEXT_WIDTH, 3.7), layout="constrained")
        axes = figure.subplots(1, 2, sharex=True, sharey=True)
        for ax, (regime, label) in zip(axes, REGIME_LABELS.items(), strict=True):
            own = part[part["regime"] == regime]
            ax.plot([0, 1], [0, 1], color="0.3", lw=0.8)
            for name, colour in colours.items():
                points = own[own["dataset"] == name]
                ax.plot(points["expected"], points["measured"], ".", ms=2, mew=0, alpha=0.5, color=colour)
                mean = points[["expected", "measured", *ends]].mean()
                ax.plot(mean[ends], [mean["measured"]] * 2, color=colour, lw=1.2)
                ax.plot(mean["expected"], mean["measured"], "o", ms=4, mec="w", mew=0.5, color=colour)
            error = (own["measured"] - own["expected"]).abs().groupby(own["dataset"]).mean().mean()
            ax.set(title=f"{label}: {100 * error:.1f} points of error", xlabel="expected accuracy")
            ax.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
        axes[0].set_ylabel("measured accuracy")
        handles = [
            Line2D([], [], ls="", marker="o", ms=4, color=colour, label=words([name])[0])
            for name, colour in colours.items()
        ]
        handles.append(Line2D([], [], color="0.3", lw=1.2, label=f"{100 * level:.0f} % interval"))
        figure.legend(handles=handles, loc="outside lower center", ncols=5, columnspacing=1)
    return figure


def plot_coverage(frame: pd.DataFrame, level: float) -> Figure:
    """Share of each data set's measured accuracies inside their intervals, beside what was asked for.

    Data sets stand in the order of what is held of them in both regimes: models of one are right or wrong together,
    and a mean over data sets would hide it.

    Args:
        frame: one row per data set, regime and level: ``dataset, regime, level, coverage``, shares.
        level: of the intervals.
    """
    held = frame[frame["level"] == level].pivot_table(index="dataset", columns="regime", values="coverage")
    held = held.loc[held.mean(axis=1).sort_values(kind="stable").index]
    with thesis_style():
        figure = Figure(figsize=(TEXT_WIDTH, 2.7), layout="constrained")
        ax = figure.subplots()
        ax.axhline(level, color="0.3", lw=0.8, label=f"asked for: {level:.0%}")
        for marker, (regime, label) in zip("os", REGIME_LABELS.items(), strict=True):
            name = f"{label}: {held[regime].mean():.0%} on average"
            ax.plot(words(held.index), held[regime], marker, ms=4, color=_COLOURS[regime], label=name)
        ax.tick_params(axis="x", rotation=60)
        for text in ax.get_xticklabels():
            text.set(ha="right", rotation_mode="anchor")
        ax.set(ylabel="accuracies within the interval", ylim=(0, 1.03))
        ax.grid(lw=0.3)
        figure.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure
