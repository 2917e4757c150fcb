"""Diagrams of how models, data sets and their pairs become numbers. Numbers of the project come from the caller."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.figures import pictograms as draw
from experiments.figures.diagram_parts import (
    DATA,
    FADED,
    INK,
    LEARNED,
    MODEL,
    PLAIN,
    QUIET,
    RESULT,
    SMALL,
    Box,
    Paint,
    arrow,
    caption,
    new_canvas,
    panel,
    rounded_box,
    write,
)
from ptmrec.plots.style import thesis_style

PALE = Paint(PLAIN.fill, FADED.line)
"""What is there in training only."""


def draw_weights_pipeline(centres: int, vector_length: int, token_length: int) -> Figure:
    """Weights to a token: k-means of each tensor's values, one vector, and the code of an autoencoder.

    Args:
        centres: k-means centres per tensor at most.
        vector_length: length of the vector, cut or padded with zeros.
        token_length: length of the code.
    """
    with thesis_style():
        ax = new_canvas(2.85)
        panel(ax, Box(4.0, 0.72, 1.85, 2.08), dashed=True)
        heads = ((0.5, "weights", "last layer first"), (1.62, "1-D k-means", f"up to {centres} sorted\ncentres each"))
        for across, name, more in heads:
            caption(ax, (across, 2.66), name, more)
        vector = _tensors_to_vector(ax, (2.0, 1.43, 0.86))
        caption(ax, (vector.centre[0], 2.66), "vector", f"{vector_length} numbers")
        encoder = draw.trapezoid(ax, Box(2.98, 0.82, 0.52, 1.22), "right")
        write(ax, (encoder.centre[0], 2.2), "encoder")
        code = draw.matrix(ax, Box(3.71, 1.13, 0.13, 0.6), 8, 1, MODEL, seed=4)
        decoder = draw.trapezoid(ax, Box(4.14, 0.82, 0.52, 1.22), "left", PALE, dashed=True)
        write(ax, (decoder.centre[0], 2.2), "decoder", color=QUIET)
        again = draw.matrix(ax, Box(4.92, 0.86, 0.16, 1.14), 14, 1, FADED, seed=1)
        write(ax, (5.46, 1.43), "compared\nwith the\nvector", SMALL, QUIET)
        write(ax, (4.925, 2.66), "reconstruction, training only", SMALL, QUIET, style="italic")
        arrow(ax, (vector.at(1, 0)[0], 1.43), encoder.left)
        arrow(ax, encoder.right, code.left)
        arrow(ax, code.right, decoder.left, color=FADED.line)
        arrow(ax, decoder.right, again.left, color=FADED.line)
        token = rounded_box(ax, Box(2.9, 0.07, 1.75, 0.5), MODEL)
        arrow(ax, code.bottom, (code.bottom[0], token.top[1]))
        draw.matrix(ax, token.part(0.06, 0.14, 0.88, 0.26), 1, 16, MODEL, seed=4)
        write(ax, token.at(0.5, 0.7), f"model token, {token_length} numbers")
    return ax.figure


def _tensors_to_vector(ax: Axes, levels: tuple[float, ...]) -> Box:
    """A tensor, its histogram and its part of the vector in each row."""
    shapes, vector = (
        ((0.34, 0.34, 5, 5), (0.62, 0.34, 5, 9), (0.62, 0.14, 2, 9)),
        rounded_box(ax, Box(2.36, 0.24, 0.28, 2.11)),
    )
    for place, (level, (width, height, rows, columns)) in enumerate(zip(levels, shapes, strict=True)):
        middle = (0.5 - width / 2, level - height / 2)
        tensor = draw.matrix(ax, Box(*middle, width, height), rows, columns, MODEL, seed=place)
        counts = draw.histogram(ax, Box(1.22, level - 0.2, 0.78, 0.42), seed=place)
        part = Box(vector.x + 0.06, level - 0.26, 0.16, 0.52)
        draw.matrix(ax, part, 6, 1, MODEL, seed=place + 7, ordered=True)
        arrow(ax, tensor.right, (counts.x, level))
        arrow(ax, (counts.right[0], level), (vector.x, level))
    rest = rounded_box(ax, Box(part.x, 0.3, 0.16, 0.26), PALE, radius=0.01)
    write(ax, (vector.x - 0.07, rest.centre[1]), "zeros", SMALL, QUIET, ha="right")
    return vector


def draw_dataset_pipeline(shots: int, width: int, clusters: int) -> Figure:
    """A data set to tokens: features of a frozen image encoder, averaged per class, or per cluster without labels.

    Args:
        shots: images drawn of each class.
        width: length of a token.
        clusters: k-means clusters in place of classes, at most.
    """
    with thesis_style():
        ax = new_canvas(3.1)
        lanes = [
            panel(ax, Box(0.05, y, 5.8, 1.45), title) for y, title in ((1.6, "with labels"), (0.05, "without labels"))
        ]
        encoder = rounded_box(ax, Box(1.82, 0.35, 0.72, 2.4), MODEL)
        draw.network(ax, Box(1.98, 1.46, 0.4, 0.4))
        write(ax, (encoder.centre[0], 1.17), "CLIP\nimage\nencoder")
        draw.snowflake(ax, (encoder.centre[0], 2.2))
        write(ax, (encoder.centre[0], 2.02), "frozen", SMALL, QUIET)
        rows = tuple((kind,) * 5 for kind in draw.SHAPES)
        mixed = tuple(tuple(draw.SHAPES[(2 * row + column) % 3] for column in range(5)) for row in range(3))
        words = (
            (rows, f"{shots} images of each class", "features by class", f"a token of {width} per class"),
            (mixed, "images, no labels", f"up to {clusters} clusters", f"a token of {width} per cluster"),
        )
        for lane, (kinds, *names) in zip(lanes, words, strict=True):
            level = lane.y + 0.75
            images = draw.tiles(ax, Box(0.3, level - 0.36, 1.15, 0.72), kinds)
            points = draw.clouds(ax, Box(3.02, level - 0.42, 1.0, 0.84), told=kinds is rows, seed=2)
            tokens = draw.matrix(
                ax, Box(4.58, level - 0.33, 1.05, 0.66), 3, 10, DATA, seed=int(10 * level), gaps=(1, 2)
            )
            arrow(ax, images.right, (encoder.x, level))
            arrow(ax, (encoder.right[0], level), points.left)
            arrow(ax, points.right, tokens.left)
            write(ax, (4.3, level + 0.1), "mean", SMALL, QUIET)
            for box, name in zip((images, points, tokens), names, strict=True):
                write(ax, (box.centre[0], lane.y + 0.17), name, SMALL, INK)
    return ax.figure


def draw_transport(references: int, probes: int, rank: int) -> Figure:
    """Transport: what a candidate would make of images it never sees, from what the references make of them.

    Args:
        references: models of the zoo run beside the image encoder.
        probes: probe images made by code.
        rank: coordinates of an image in the space of the references.
    """
    with thesis_style():
        ax = new_canvas(3.55)
        upper = panel(ax, Box(0.05, 1.81, 5.8, 1.69), "once in a candidate's life")
        lower = panel(ax, Box(0.05, 0.05, 5.8, 1.66), "for the user's images")
        fit = _explain(ax, upper, f"{probes} probes and\nknown images", f"{rank} coordinates")
        known = _references(ax, lower.y + 1.08, f"{rank} coordinates")
        _apply(ax, lower, fit, known)
        for level in (upper.y + 1.12, lower.y + 1.08):
            write(ax, (1.82, level - 0.33), f"CLIP and {references} references", SMALL)
    return ax.figure


def _references(ax: Axes, level: float, name: str) -> tuple[Box, Box]:
    """The references, and the coordinates they give images."""
    bank = draw.network_stack(ax, Box(1.59, level - 0.22, 0.46, 0.44), count=4, step=0.035)
    known = draw.matrix(ax, Box(2.65, level - 0.2, 0.6, 0.4), 6, 9, DATA, seed=round(100 * level))
    write(ax, (known.centre[0], level - 0.33), name, SMALL)
    arrow(ax, (bank.right[0], level), known.left)
    return bank, known


def _explain(ax: Axes, ground: Box, images_name: str, known_name: str) -> Box:
    high, low = ground.y + 1.12, ground.y + 0.4
    middle = (high + low) / 2
    images = draw.tiles(ax, Box(0.25, middle - 0.25, 0.75, 0.5), (draw.PROBES[:3], draw.PROBES[3:]))
    write(ax, (images.centre[0], middle - 0.41), images_name, SMALL)
    bank, known = _references(ax, high, known_name)
    candidate = draw.network(ax, Box(1.64, low - 0.17, 0.34, 0.34))
    own = draw.matrix(ax, Box(2.71, low - 0.17, 0.48, 0.34), 5, 7, DATA, seed=2)
    arrow(ax, candidate.right, own.left)
    write(ax, (candidate.centre[0], low - 0.28), "the candidate", SMALL)
    write(ax, (own.centre[0], low - 0.28), "its features", SMALL)
    fit = rounded_box(ax, Box(3.66, middle - 0.4, 0.84, 0.8), LEARNED)
    write(ax, fit.at(0.5, 0.82), "linear map")
    draw.matrix(ax, fit.part(0.25, 0.14, 0.5, 0.5), 9, 7, LEARNED, seed=4)
    for network, features in ((bank, known), (candidate, own)):
        level = features.centre[1]
        arrow(ax, images.right, (1.12, middle), (1.12, level), (network.x, level))
        arrow(ax, features.right, (3.48, level), (3.48, middle), fit.left)
    write(ax, (5.17, middle), "writes the candidate\nin terms of the\nreferences (ridge)", SMALL, QUIET)
    return fit


def _apply(ax: Axes, ground: Box, fit: Box, references: tuple[Box, Box]) -> None:
    level, below = ground.y + 1.08, ground.y + 0.32
    bank, known = references
    images = draw.tiles(ax, Box(0.25, level - 0.25, 0.75, 0.5), (draw.SHAPES, draw.SHAPES[1:] + draw.SHAPES[:1]))
    write(ax, (images.centre[0], level - 0.33), "user's images", SMALL)
    times = draw.sign(ax, (fit.centre[0], level), times=True)
    virtual = draw.matrix(ax, Box(4.44, level - 0.2, 0.48, 0.4), 6, 7, DATA, seed=6)
    write(ax, (virtual.centre[0], level - 0.38), "virtual\nfeatures", SMALL)
    apart = draw.clouds(ax, Box(5.14, level - 0.22, 0.44, 0.44), told=True, means=False)
    write(ax, (apart.centre[0], level - 0.38), "class\nseparation", SMALL)
    for start, end in ((images, bank), (known, times), (times, virtual), (virtual, apart)):
        arrow(ax, (start.right[0], level), (end.left[0], level))
    arrow(ax, fit.bottom, times.top)
    absent = draw.network(ax, Box(1.64, below - 0.17, 0.34, 0.34), FADED)
    draw.crossed_out(ax, absent)
    write(ax, (2.09, absent.centre[1]), "the candidate never sees them", SMALL, QUIET, ha="left")
    score = rounded_box(ax, Box(5.08, below - 0.13, 0.66, 0.26), RESULT)
    write(ax, score.centre, "score")
    arrow(ax, apart.right, (5.69, level), (5.69, score.top[1]))
