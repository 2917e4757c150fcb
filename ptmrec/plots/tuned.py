"""What a fine-tuned model gets wrong: its confusion matrix and the images it was most wrong about."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from ptmrec.core.words import figure_text
from ptmrec.plots.style import TEXT_WIDTH, thesis_style

NAMED = 20
"""Classes that are named beside the matrix at most."""
COLUMNS = 6
"""Images in a row."""


def plot_report(
    counts: np.ndarray, names: Sequence[str], worst: Sequence[tuple[np.ndarray, int, int, float]]
) -> Figure:
    """Confusion matrix above the worst images.

    Args:
        counts: ``(C, C)`` images by true class (rows) and answered class.
        names: of the classes.
        worst: images ``(H, W, 3)`` uint8 with their class, the answer and its probability; may be none.
    """
    rows = -(-len(worst) // COLUMNS)
    with thesis_style():
        figure = Figure(figsize=(TEXT_WIDTH, 4.2 + 1.3 * rows), layout="constrained")
        heights = [4.2, 1.3 * rows][: 1 + bool(rows)]
        top, *below = figure.subfigures(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0]
        _draw_matrix(top.subplots(), counts, names)
        if rows:
            below[0].suptitle("Images it was most wrong about, worst first", fontsize=8)
            _draw_worst(below[0].subplots(rows, COLUMNS, squeeze=False), names, worst)
    return figure


def _draw_matrix(ax, counts: np.ndarray, names: Sequence[str]) -> None:
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    image = ax.imshow(shares, vmin=0, vmax=1, cmap="cividis")
    if len(names) <= NAMED:
        places = range(len(names))
        ax.set_xticks(places, [_short(name) for name in names], rotation=90)
        ax.set_yticks(places, [_short(name) for name in names])
        for row, column in zip(*np.nonzero(counts), strict=True):
            dark = shares[row, column] < 0.6
            ax.text(column, row, counts[row, column], ha="center", va="center", color="w" if dark else "k", fontsize=7)
    ax.set(xlabel="answered", ylabel="true class", title="Images held out, by class")
    ax.figure.colorbar(image, ax=ax, label="share of the class")


def _draw_worst(axes: np.ndarray, names: Sequence[str], worst: Sequence[tuple[np.ndarray, int, int, float]]) -> None:
    for ax in axes.flat:
        ax.axis("off")
    for ax, (image, label, answer, probability) in zip(axes.flat, worst, strict=False):
        ax.imshow(image)
        ax.set_title(f"{_short(names[label])}\nanswered {_short(names[answer])} ({probability:.2f})", fontsize=6)


def _short(name: str) -> str:
    """A name that fits."""
    return figure_text(name if len(name) <= 16 else f"{name[:15]}\N{HORIZONTAL ELLIPSIS}")
