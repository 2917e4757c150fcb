"""Diagrams of the whole: what recommendation is, and how the ranker answers. Numbers come from the caller.

How models and data sets become numbers is drawn by :mod:`experiments.figures.pipeline_diagrams`.
"""

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from experiments.figures import pictograms as draw
from experiments.figures.diagram_parts import (
    DATA,
    FADED,
    HARDWARE,
    INK,
    LEARNED,
    MODEL,
    QUIET,
    RESULT,
    SMALL,
    Box,
    arrow,
    caption,
    mark_box,
    new_canvas,
    panel,
    rounded_box,
    tint,
    write,
)
from ptmrec.plots.style import thesis_style


def draw_problem_overview() -> Figure:
    """The task: model zoo, data set and hardware limits go in, a ranked list comes out, its first model is fine-tuned.

    Below, in grey, what that saves: fine-tuning every model with every setting, and measuring each.
    """
    with thesis_style():
        ax = new_canvas(3.1)
        ours = rounded_box(ax, Box(2.25, 1.3, 1.2, 1.7), LEARNED)
        for card in _inputs(ax):
            arrow(ax, card.right, (ours.x, card.right[1]))
        write(ax, ours.at(0.5, 0.87), "Cross-Select", weight="bold")
        _pairs(ax, ours.part(0.19, 0.36, 0.62, 0.36))
        write(ax, ours.at(0.5, 0.15), "a score for every\nmodel on these data,\nwithout running it", SMALL, QUIET)
        ranking = rounded_box(ax, Box(3.8, 1.3, 0.95, 1.7), RESULT)
        write(ax, ranking.at(0.5, 0.88), r"ranked list $\pi$")
        rows = draw.ranked_list(ax, ranking.part(0.06, 0.05, 0.86, 0.72), 6)
        arrow(ax, ours.right, ranking.left)
        level = rows[0].centre[1]
        tuned = rounded_box(ax, Box(5.08, level - 0.26, 0.74, 0.52))
        caption(ax, tuned.at(0.5, 0.56), "fine-tune", "one run")
        arrow(ax, (ranking.at(1, 0)[0], level), tuned.left)
        ready = draw.network(ax, Box(5.25, 1.56, 0.4, 0.4), RESULT)
        arrow(ax, tuned.bottom, ready.top)
        write(ax, (ready.centre[0], 1.42), "ready to use", SMALL, QUIET)
        _saved(ax, panel(ax, Box(0.05, 0.05, 5.8, 1.08), "What this saves"))
    return ax.figure


def _inputs(ax: Axes) -> list[Box]:
    words = (
        (MODEL, r"model zoo $\mathcal{M}$", "pre-trained models"),
        (DATA, r"data set $\mathcal{D}$", "images to classify"),
        (HARDWARE, r"hardware limits $\mathcal{H}$", "memory, time"),
    )
    cards = [rounded_box(ax, Box(0.05, 2.5 - 0.6 * row, 1.85, 0.5), words[row][0]) for row in range(3)]
    for card, (_, name, more) in zip(cards, words, strict=True):
        caption(ax, (card.x + 0.6, card.y + 0.285), name, more, ha="left")
    draw.network_stack(ax, Box(0.13, 2.56, 0.38, 0.38))
    draw.tiles(ax, Box(0.13, 1.96, 0.38, 0.38), (("disc", "triangle"), ("square", "disc")))
    draw.chip(ax, Box(0.11, 1.34, 0.42, 0.42))
    return cards


def _pairs(ax: Axes, box: Box) -> None:
    """Models down, data across: each cell is a pair."""
    draw.matrix(ax, box.part(0.28, 0, 0.72, 1), 4, 5, LEARNED, seed=3)
    for row in range(4):
        draw.network(ax, box.part(0, 0.25 * row + 0.02, 0.22, 0.21))


def _saved(ax: Axes, ground: Box) -> None:
    middle = ground.y + 0.45
    write(ax, (1.05, middle), "fine-tuning every model\nwith every setting", SMALL, QUIET)
    for row in (-1, 0, 1):
        draw.network(ax, Box(2.0, middle + 0.26 * row - 0.1, 0.2, 0.2), FADED)
    runs = draw.settings_grid(ax, Box(2.26, middle - 0.39, 1.18, 0.78), 3, 5)
    measured = draw.bars(ax, Box(3.87, middle - 0.36, 0.81, 0.66), (0.5, 0.75, 0.35, 0.95, 0.6, 0.2), FADED)
    arrow(ax, (runs.right[0], middle), (measured.x, middle), color=FADED.line)
    write(ax, (5.28, middle), "and measuring\neach of them", SMALL, QUIET)


def draw_architecture(relations: int) -> Figure:
    """The ranker: a linear part on the relations of every pair, and a correction by cross-attention over the tokens.

    Args:
        relations: number of relations of a model to a data set, R.
    """
    with thesis_style():
        ax = new_canvas(3.3)
        models, dataset, pairs = _tokens(ax, relations)
        linear = rounded_box(ax, Box(2.3, 0.3, 1.55, 0.58), LEARNED)
        caption(ax, (linear.centre[0], 1.11), "linear part", "ridge, in closed form")
        draw.bars(ax, linear.part(0.1, 0.2, 0.36, 0.62), (0.5, 0.8, 0.3, 1.0, 0.2, 0.4), LEARNED)
        write(ax, linear.at(0.74, 0.5), "$R$ weights,\na buffer", SMALL, QUIET)
        correction = rounded_box(ax, Box(2.3, 1.42, 1.55, 1.46), LEARNED, dashed=True)
        caption(ax, (correction.centre[0], 3.1), "correction", "cross-attention, trained")
        _attention(ax, correction, models.centre[1], dataset.centre[1])
        for tokens in (models, dataset):
            arrow(ax, tokens.right, (correction.x, tokens.right[1]))
        arrow(ax, pairs.right, linear.left)
        arrow(ax, (2.08, pairs.right[1]), (2.08, 1.54), (correction.x, 1.54))
        added = draw.sign(ax, (4.35, linear.centre[1]))
        arrow(ax, linear.right, added.left)
        _switch(ax, correction, added)
        scores = draw.matrix(ax, Box(4.78, 0.31, 0.13, 0.56), 4, 1, RESULT, seed=5)
        arrow(ax, added.right, scores.left)
        write(ax, (scores.centre[0], 0.18), "$N$ scores", SMALL, QUIET)
        ranking = rounded_box(ax, Box(5.18, 0.22, 0.67, 0.74), RESULT)
        arrow(ax, scores.right, ranking.left)
        draw.ranked_list(ax, ranking.part(0.05, 0.06, 0.88, 0.88), 4)
        write(ax, (ranking.centre[0], 1.08), r"list $\pi$")
    return ax.figure


def _tokens(ax: Axes, relations: int) -> tuple[Box, Box, Box]:
    width = 1.3
    heads = (
        (3.1, "model tokens", "$N$ models, several views"),
        (2.25, "data set tokens", "one per class or cluster"),
        (1.11, "relations of each pair", f"$N$ models, $R$ = {relations}"),
    )
    for up, name, more in heads:
        caption(ax, (0.9, up), name, more)
    models = draw.matrix(ax, Box(0.25, 2.42, width, 0.44), 4, 12, MODEL, seed=1)
    dataset = draw.matrix(ax, Box(0.25, 1.7, width, 0.33), 3, 12, DATA, seed=2)
    pairs = draw.matrix(ax, Box(0.25, 0.3, width, 0.58), 4, relations, LEARNED, seed=3)
    return models, dataset, pairs


def _attention(ax: Axes, box: Box, high: float, low: float) -> None:
    """Every model, in the upper row, looks at every data set token in the lower row."""
    models = [Box(box.x + 0.14 + 0.21 * place, high - 0.08, 0.15, 0.15) for place in range(4)]
    dataset = [Box(box.x + 0.245 + 0.21 * place, low - 0.07, 0.15, 0.15) for place in range(3)]
    for query in models:
        for key in dataset:
            ends = zip(query.bottom, key.top, strict=True)
            ax.add_line(Line2D(*ends, color=tint(LEARNED.line, 0.55), lw=0.6, zorder=2.05))
    for cells, paint in ((models, MODEL), (dataset, DATA)):
        for cell in cells:
            rounded_box(ax, cell, type(paint)(tint(paint.line, 0.5), paint.line), radius=0.02)
    write(ax, (box.x + 1.02, models[0].centre[1]), "queries", SMALL, QUIET, ha="left")
    write(ax, (box.x + 1.02, dataset[0].centre[1]), "keys,\nvalues", SMALL, QUIET, ha="left")


def _switch(ax: Axes, correction: Box, added: Box) -> None:
    """The correction's way to the sum, with an open switch: it is closed only where it gains."""
    x, level = added.top[0], 2.64
    contact = mark_box(ax, Box(x - 0.03, 1.83, 0.06, 0.3))
    upper, lower = contact.top, contact.bottom
    style = {"color": INK, "zorder": 3, "lw": 0.9}
    ax.add_line(Line2D((correction.right[0], x, x), (level, level, upper[1]), ls=(0, (3, 2)), gid="arrow", **style))
    ax.add_line(Line2D((lower[0], lower[0] + 0.15), (lower[1], upper[1] - 0.03), **style))
    for place in (upper, lower):
        ax.add_line(Line2D([place[0]], [place[1]], marker="o", ms=3.4, mfc="w", mec=INK, zorder=3.1))
    arrow(ax, lower, added.top, dashed=True)
    words = "starts at zero, counts\nonly if it gains on\nvalidation data sets"
    write(ax, (x + 0.26, 2.45), words, SMALL, QUIET, ha="left")
    write(ax, (x + 0.26, 1.86), "by default open:\nthe linear part\nanswers alone", SMALL, INK, ha="left")
