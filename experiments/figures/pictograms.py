"""Small pictures for diagrams: networks, image tiles, a chip, matrices, histograms, point clouds, ranked lists.

Each is drawn into a :class:`~experiments.figures.diagram_parts.Box`, which arrows may end at, and returns it. What
looks random comes from a seed, so that a figure is the same every time.
"""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Circle, Ellipse, Patch, Polygon, Rectangle

from experiments.figures.diagram_parts import (
    DATA,
    FADED,
    HARDWARE,
    INK,
    LEARNED,
    MODEL,
    PLAIN,
    QUIET,
    RESULT,
    SMALL,
    Box,
    Colour,
    Paint,
    Point,
    box_at,
    mark_box,
    rounded_box,
    tint,
    write,
)
from ptmrec.extractors.kmeans import sorted_centres

SHAPES = ("disc", "triangle", "square")
"""What images of three classes show: shapes, which need no colour to be told apart."""
PROBES = ("stripes", "checks", "disc", "bars", "stroke", "square")
"""What probe images show: gratings, noise, shapes and strokes."""


def network(ax: Axes, box: Box, paint: Paint = MODEL, level: float = 2.0) -> Box:
    """A card with a little network on it."""
    rounded_box(ax, box, paint, radius=0.03)
    layers = [[box.at(x, 0.5 + 0.27 * y) for y in np.linspace(-1, 1, n)] for x, n in ((0.2, 2), (0.5, 3), (0.8, 2))]
    for before, after in zip(layers[:-1], layers[1:], strict=True):
        for start in before:
            for end in after:
                ax.add_line(Line2D(*zip(start, end, strict=True), color=paint.line, lw=0.35, zorder=level))
    for place in sum(layers, []):
        ax.add_patch(Circle(place, 0.07 * min(box.width, box.height), fc=paint.line, ec="none", zorder=level + 0.1))
    return box


def network_stack(ax: Axes, box: Box, paint: Paint = MODEL, count: int = 3, step: float = 0.05) -> Box:
    """Cards behind each other, the first with a network on it: a zoo."""
    side = Box(box.x, box.y, box.width - (count - 1) * step, box.height - (count - 1) * step)
    for place in reversed(range(1, count)):
        rounded_box(ax, Box(side.x + place * step, side.y + place * step, side.width, side.height), paint, radius=0.03)
    network(ax, side, paint)
    return mark_box(ax, box)


def tiles(ax: Axes, box: Box, rows: Sequence[Sequence[str]], paint: Paint = DATA) -> Box:
    """Little images in rows from the top; each is named by what it shows, see :data:`SHAPES` and :data:`PROBES`."""
    side = min(box.height / len(rows), box.width / len(rows[0]))
    for row, kinds in enumerate(rows):
        for column, kind in enumerate(kinds):
            middle = box.at((column + 0.5) / len(kinds), 1 - (row + 0.5) / len(rows))
            _tile(ax, box_at(middle, 0.84 * side, 0.84 * side), kind, paint)
    return mark_box(ax, box)


def _tile(ax: Axes, box: Box, kind: str, paint: Paint) -> None:
    ax.add_patch(Rectangle((box.x, box.y), box.width, box.height, fc=paint.fill, ec=paint.line, lw=0.6, zorder=2))
    for patch in _shape(box, kind):
        patch.set(fc=paint.line, ec="none", zorder=2.2)
        ax.add_patch(patch)


def _shape(box: Box, kind: str) -> list[Patch]:
    side, (x, y) = box.width, box.centre
    if kind == "disc":
        return [Circle((x, y), 0.28 * side)]
    if kind == "triangle":
        return [Polygon([box.at(0.2, 0.24), box.at(0.8, 0.24), box.at(0.5, 0.78)])]
    if kind == "square":
        return [Rectangle(box.at(0.25, 0.25), 0.5 * side, 0.5 * side)]
    if kind == "bars":
        return [Rectangle(box.at(0.12, up), 0.76 * side, 0.14 * side) for up in (0.15, 0.43, 0.71)]
    if kind == "stripes":
        return [Polygon([box.at(a, 0), box.at(a + 0.15, 0), box.at(a + 0.45, 1), box.at(a + 0.3, 1)]) for a in (0, 0.4)]
    if kind == "stroke":
        return [Polygon([box.at(*p) for p in ((0.2, 0.7), (0.5, 0.25), (0.85, 0.75), (0.85, 0.6), (0.5, 0.12))])]
    cells = [(column, row) for column in range(4) for row in range(4) if (column * 3 + row * row) % 4 < 2]
    return [Rectangle(box.at(column / 4, row / 4), side / 4, side / 4) for column, row in cells]


def chip(ax: Axes, box: Box, paint: Paint = HARDWARE) -> Box:
    """A chip with its pins."""
    core = box.part(0.2, 0.2, 0.6, 0.6)
    for share in (0.3, 0.5, 0.7):
        for low, high in ((0.05, 0.2), (0.8, 0.95)):
            for across, up in (((share, share), (low, high)), ((low, high), (share, share))):
                ends = box.at(across[0], up[0]), box.at(across[1], up[1])
                ax.add_line(Line2D(*zip(*ends, strict=True), color=paint.line, lw=1.1, zorder=2.1))
    rounded_box(ax, core, paint, radius=0.03)
    rounded_box(ax, core.part(0.27, 0.27, 0.46, 0.46), Paint(paint.line, paint.line), radius=0.02)
    return mark_box(ax, box)


def matrix(
    ax: Axes,
    box: Box,
    rows: int,
    columns: int,
    paint: Paint,
    seed: int = 0,
    gaps: Sequence[int] = (),
    ordered: bool = False,
) -> Box:
    """Cells in shades of one colour: tokens, features, weights.

    Args:
        ax: the canvas.
        box: where.
        rows: of cells.
        columns: of cells.
        paint: colours.
        seed: of the shades.
        gaps: rows before which a little room is left.
        ordered: let shades grow from row to row.
    """
    shades = np.random.default_rng(seed).uniform(0.12, 0.75, (rows, columns))
    shades = np.sort(shades, axis=0) if ordered else shades
    gap = 0.25 * box.height / rows if gaps else 0.0
    width, height = box.width / columns, (box.height - len(gaps) * gap) / rows
    for row in range(rows):
        low = box.y + box.height - (row + 1) * height - gap * sum(row >= place for place in gaps)
        for column in range(columns):
            fill = tint(paint.line, shades[row, column])
            style = {"fc": fill, "ec": "w", "lw": 0.4, "zorder": 2.1}
            ax.add_patch(Rectangle((box.x + column * width, low), width, height, **style))
    if not gaps:
        style = {"fill": False, "ec": paint.line, "lw": 0.7, "zorder": 2.2}
        ax.add_patch(Rectangle((box.x, box.y), box.width, box.height, **style))
    return mark_box(ax, box)


def histogram(ax: Axes, box: Box, seed: int, centres: int = 5, paint: Paint = MODEL) -> Box:
    """A histogram of values of one tensor, and ticks below it where their centres lie."""
    values = np.random.default_rng(seed).normal(size=400) * 0.5 + np.sin(seed)
    counts, edges = np.histogram(values, 18)
    places = (edges - edges[0]) / (edges[-1] - edges[0])
    for count, left in zip(counts / counts.max(), places, strict=False):
        low, height = box.at(left, 0.22), 0.78 * box.height * count
        ax.add_patch(Rectangle(low, box.width / 18, height, fc=tint(paint.line, 0.4), ec="w", lw=0.3, zorder=2))
    ax.add_line(Line2D(*zip(box.at(0, 0.22), box.at(1, 0.22), strict=True), color=QUIET, lw=0.6, zorder=2.1))
    for share in (sorted_centres(values, centres) - edges[0]) / (edges[-1] - edges[0]):
        ends = zip(box.at(share, 0.02), box.at(share, 0.42), strict=True)
        ax.add_line(Line2D(*ends, color=LEARNED.line, lw=1.3, zorder=2.3))
    return mark_box(ax, box)


def trapezoid(ax: Axes, box: Box, narrow: str, paint: Paint = LEARNED, dashed: bool = False) -> Box:
    """Half of an hourglass, narrow on the ``left`` or the ``right``."""
    left, right = (0.3, 0.0) if narrow == "left" else (0.0, 0.3)
    corners = [box.at(0, left), box.at(0, 1 - left), box.at(1, 1 - right), box.at(1, right)]
    style = {"fc": paint.fill, "ec": paint.line, "lw": 0.8, "ls": (0, (3, 2)) if dashed else "-", "zorder": 2}
    ax.add_patch(Polygon(corners, joinstyle="round", **style))
    return mark_box(ax, box)


def clouds(ax: Axes, box: Box, told: bool, paint: Paint = DATA, seed: int = 0, means: bool = True) -> Box:
    """Points of three classes in a plane, as their shapes; not told apart they are dots in dashed clusters."""
    rounded_box(ax, box, PLAIN)
    generator, middles = np.random.default_rng(seed), ((0.26, 0.68), (0.7, 0.74), (0.55, 0.27))
    for (across, up), kind in zip(middles, SHAPES, strict=True):
        for x, y in generator.uniform(-0.15, 0.15, (6, 2)):
            size = 0.05 * min(box.width, box.height) * (1.3 if told else 1)
            dot = box_at(box.at(across + x, up + y), size, size)
            (patch,) = _shape(Box(dot.x - size / 2, dot.y - size / 2, 2 * size, 2 * size), kind if told else "disc")
            patch.set(fc=tint(paint.line, 0.6) if told else QUIET, ec="none", zorder=2.2)
            ax.add_patch(patch)
        if not told:
            style = {"fill": False, "ec": LEARNED.line, "lw": 0.8, "ls": (0, (2.5, 1.5)), "zorder": 2.3}
            ax.add_patch(Ellipse(box.at(across, up), 0.42 * box.width, 0.42 * box.height, **style))
        if means:
            ax.add_line(Line2D(*[[v] for v in box.at(across, up)], marker="+", ms=5, mew=1.3, color=INK, zorder=2.4))
    return box


def ranked_list(ax: Axes, box: Box, rows: int, paint: Paint = RESULT, first: bool = True) -> list[Box]:
    """Numbered bars, best first, the first one strong; the boxes of the rows are returned, which arrows may end at."""
    height, boxes = box.height / rows, []
    for row in range(rows):
        line = Box(box.x, box.y + box.height - (row + 1) * height, box.width, height)
        write(ax, (line.x + 0.07, line.centre[1]), str(row + 1), SMALL, INK if row == 0 else QUIET)
        bar = Box(line.x + 0.17, line.y + 0.2 * height, (line.width - 0.17) * (1 - 0.8 * row / rows), 0.6 * height)
        fill = paint.line if first and row == 0 else tint(paint.line, 0.4)
        ax.add_patch(Rectangle((bar.x, bar.y), bar.width, bar.height, fc=fill, ec="none", zorder=2.2))
        boxes.append(mark_box(ax, line))
    return boxes


def bars(ax: Axes, box: Box, shares: Sequence[float], paint: Paint = RESULT) -> Box:
    """A tiny bar chart: a bar for each share, from left to right."""
    width = box.width / len(shares)
    for place, share in enumerate(shares):
        low = (box.x + (place + 0.15) * width, box.y)
        ax.add_patch(Rectangle(low, 0.7 * width, share * box.height, fc=tint(paint.line, 0.5), ec="none", zorder=2.2))
    ax.add_line(Line2D(*zip(box.at(0, 0), box.at(1, 0), strict=True), color=paint.line, lw=0.7, zorder=2.3))
    return mark_box(ax, box)


def snowflake(ax: Axes, middle: Point, radius: float = 0.07, color: Colour = MODEL.line) -> None:
    """The sign of a network that is not trained further."""
    for angle in np.arange(3) * np.pi / 3:
        step = radius * np.array([np.sin(angle), np.cos(angle)])
        ax.add_line(Line2D(*np.array([middle - step, middle + step]).T, color=color, lw=0.9, zorder=3))
        for end in (middle + 0.6 * step, middle - 0.6 * step):
            for turn in (-0.9, 0.9):
                out = np.sign((end - np.array(middle)) @ step) * step
                arm = 0.45 * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) @ out
                ax.add_line(Line2D(*np.array([end, end + arm]).T, color=color, lw=0.6, zorder=3))


def crossed_out(ax: Axes, box: Box, color: Colour = QUIET) -> None:
    """A cross over a picture: it is not run."""
    for start, end in (((0, 0), (1, 1)), ((0, 1), (1, 0))):
        ax.add_line(Line2D(*zip(box.at(*start), box.at(*end), strict=True), color=color, lw=1.2, zorder=4))


def sign(ax: Axes, middle: Point, times: bool = False, radius: float = 0.11) -> Box:
    """A circle with a plus, or with a times sign: what is added up or multiplied."""
    box = box_at(middle, 2 * radius, 2 * radius)
    ax.add_patch(Circle(middle, radius, fc="w", ec=INK, lw=0.9, zorder=2.5))
    strokes = (((0.32, 0.32), (0.68, 0.68)), ((0.32, 0.68), (0.68, 0.32)))
    for start, end in strokes if times else (((0.25, 0.5), (0.75, 0.5)), ((0.5, 0.25), (0.5, 0.75))):
        ax.add_line(Line2D(*zip(box.at(*start), box.at(*end), strict=True), color=INK, lw=1, zorder=2.6))
    return mark_box(ax, box)


def settings_grid(ax: Axes, box: Box, rows: int, columns: int, paint: Paint = FADED) -> Box:
    """Small empty squares in rows: runs that would be made."""
    side = min(box.width / columns, box.height / rows)
    for row in range(rows):
        for column in range(columns):
            middle = box.at((column + 0.5) / columns, (row + 0.5) / rows)
            cell = box_at(middle, 0.68 * side, 0.68 * side)
            style = {"fc": tint(paint.line, 0.35), "ec": paint.line, "lw": 0.5, "zorder": 2}
            ax.add_patch(Rectangle((cell.x, cell.y), cell.width, cell.height, **style))
    return mark_box(ax, box)
