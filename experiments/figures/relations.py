"""What relations weigh in the linear ranker."""

import pandas as pd
from matplotlib.figure import Figure

from ptmrec.plots.style import METHOD_COLOURS, REGIME_LABELS, TEXT_WIDTH, thesis_style, words

NEW = ", new model"
"""Ending of the columns of models that were never fine-tuned."""


def plot_weights(table: pd.DataFrame) -> Figure:
    """Weight of each relation, one panel per regime: filled for measured models, open for new ones.

    Args:
        table: one row per column of the ranker, one column per regime.
    """
    measured = [name for name in table.index if not name.endswith(NEW)]
    new = [name.removesuffix(NEW) for name in table.index if name.endswith(NEW)]
    with thesis_style():
        figure = Figure(figsize=(TEXT_WIDTH, 3.6), layout="constrained")
        axes = figure.subplots(1, len(table.columns), sharey=True, squeeze=False)[0]
        for ax, regime in zip(axes, table.columns, strict=True):
            own = table[regime]
            colour = METHOD_COLOURS["Cross-Select"]
            ax.plot(own[measured], words(measured), "o", ms=5, color=colour, label="measured models")
            ax.plot(
                own[[name + NEW for name in new]], words(new), "o", ms=5, mfc="none", color=colour, label="new models"
            )
            ax.axvline(0, color="0.3", lw=0.8)
            ax.set(title=REGIME_LABELS[regime], xlabel="weight")
            ax.grid(axis="y", lw=0.3)
        axes[0].invert_yaxis()
        figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure
