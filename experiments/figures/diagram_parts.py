"""What diagrams are made of: a canvas in inches, boxes, arrows and words.

Pictures are in :mod:`experiments.figures.pictograms`.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import FancyBboxPatch, Polygon, Rectangle

from ptmrec.plots.style import TEXT_WIDTH

Point = tuple[float, float]
Colour = tuple[float, float, float]
_COLOURS = sns.color_palette("colorblind")
LABEL, SMALL = 8.0, 7.0
"""Text sizes in points: names of things, and what is said of them."""
INK, QUIET = (0.12, 0.12, 0.12), (0.36, 0.36, 0.36)
"""Colours of names and arrows, and of what is said of them."""
BOX, ARROW, TIP = "box", "arrow", "tip"
"""Group ids of what arrows may end at, of their lines and of their heads: a figure can be checked by them."""
_HEAD = (0.075, 0.034)
"""Length and half the width of an arrow's head."""


class Paint(NamedTuple):
    """Colours of one kind of thing: of its area and of its border."""

    fill: Colour
    line: Colour


def tint(colour: Colour, share: float) -> Colour:
    """A colour mixed with white: so much of it."""
    return tuple(1 - share * (1 - part) for part in colour)


def _paint(colour: Colour) -> Paint:
    return Paint(tint(colour, 0.2), tuple(0.85 * part for part in colour))


MODEL, DATA = _paint(_COLOURS[0]), _paint(_COLOURS[2])
HARDWARE = Paint(tint(_COLOURS[8], 0.24), tuple(0.55 * part for part in _COLOURS[8]))  # yellow alone is no border
"""Networks somebody trained, images and what is made of them, and machines."""
LEARNED, RESULT = _paint(_COLOURS[3]), _paint(_COLOURS[4])
"""The project's own parts (the accent), and what comes out."""
FADED, PLAIN = Paint((0.955, 0.955, 0.955), (0.66, 0.66, 0.66)), Paint((1.0, 1.0, 1.0), QUIET)
"""What is not done, and things without a kind."""


@dataclass(frozen=True)
class Box:
    """A rectangle on the canvas, in inches from the lower left."""

    x: float
    y: float
    width: float
    height: float

    def at(self, across: float, up: float) -> Point:
        """A point by its shares of width and height."""
        return self.x + across * self.width, self.y + up * self.height

    @property
    def left(self) -> Point:
        """Middle of the left side."""
        return self.at(0, 0.5)

    @property
    def right(self) -> Point:
        """Middle of the right side."""
        return self.at(1, 0.5)

    @property
    def top(self) -> Point:
        """Middle of the upper side."""
        return self.at(0.5, 1)

    @property
    def bottom(self) -> Point:
        """Middle of the lower side."""
        return self.at(0.5, 0)

    @property
    def centre(self) -> Point:
        """Middle."""
        return self.at(0.5, 0.5)

    def part(self, across: float, up: float, width: float, height: float) -> "Box":
        """A box inside, all in shares of this one."""
        return Box(*self.at(across, up), width * self.width, height * self.height)


def box_at(centre: Point, width: float, height: float) -> Box:
    """A box by its middle."""
    return Box(centre[0] - width / 2, centre[1] - height / 2, width, height)


def new_canvas(height: float) -> Axes:
    """Axes that fill a new figure of text width; a unit is an inch."""
    ax = Figure(figsize=(TEXT_WIDTH, height)).add_axes((0, 0, 1, 1))
    ax.set(xlim=(0, TEXT_WIDTH), ylim=(0, height))
    ax.set_axis_off()
    return ax


def mark_box(ax: Axes, box: Box) -> Box:
    """Let arrows end at a box of which no border is drawn."""
    ax.add_patch(Rectangle((box.x, box.y), box.width, box.height, gid=BOX, visible=False))
    return box


def rounded_box(ax: Axes, box: Box, paint: Paint = PLAIN, dashed: bool = False, radius: float = 0.05) -> Box:
    """A box with round corners, whose border is the box itself."""
    shape = f"round,pad=0,rounding_size={min(radius, box.width / 3, box.height / 3)}"
    style = {"fc": paint.fill, "ec": paint.line, "lw": 0.8, "ls": (0, (3, 2)) if dashed else "-", "zorder": 2}
    ax.add_patch(FancyBboxPatch((box.x, box.y), box.width, box.height, boxstyle=shape, mutation_aspect=1, **style))
    return mark_box(ax, box)


def panel(ax: Axes, box: Box, title: str = "", dashed: bool = False, paint: Paint = FADED) -> Box:
    """A quiet ground behind what belongs together, with its title in the upper left corner."""
    fill = tint(paint.fill, 0.6) if paint is FADED else tint(paint.line, 0.05)
    shape = {"boxstyle": "round,pad=0,rounding_size=0.06", "gid": "panel", "zorder": 0}
    edge = {"ec": tint(paint.line, 0.7), "lw": 0.6, "ls": (0, (3, 2)) if dashed else "-"}
    ax.add_patch(FancyBboxPatch((box.x, box.y), box.width, box.height, fc=fill, **shape, **edge))
    if title:
        write(ax, (box.x + 0.08, box.y + box.height - 0.07), title, ha="left", va="top", color=QUIET, style="italic")
    return box


def write(ax: Axes, place: Point, text: str, size: float = LABEL, color: Colour = INK, **style) -> None:
    """Words about a point."""
    style = {"ha": "center", "va": "center", "linespacing": 1.15, "zorder": 5, **style}
    ax.text(*place, text, fontsize=size, color=color, **style)


def caption(ax: Axes, place: Point, name: str, more: str = "", **style) -> None:
    """A name standing at a point, and below it smaller what is said of it."""
    write(ax, place, name, **{"va": "baseline", **style})
    for line, words in enumerate(more.split("\n") if more else []):
        low = place[1] - 0.14 - 0.125 * line
        write(ax, (place[0], low), words, SMALL, QUIET, **{"va": "baseline", **style})


def arrow(ax: Axes, *points: Point, color: Colour = INK, dashed: bool = False) -> None:
    """An arrow along straight pieces, its tip exactly at the last point."""
    path = np.array(points, dtype=float)
    ahead = path[-1] - path[-2]
    ahead = ahead / np.linalg.norm(ahead)
    aside = np.array([-ahead[1], ahead[0]])
    neck = path[-1] - _HEAD[0] * ahead
    ends = [tuple(path[-1]), neck + _HEAD[1] * aside, neck - _HEAD[1] * aside]
    path[-1] = neck
    style = {"lw": 0.9, "ls": (0, (3, 2)) if dashed else "-", "solid_joinstyle": "round", "dash_joinstyle": "round"}
    ax.add_line(Line2D(*path.T, color=color, zorder=3, gid=ARROW, solid_capstyle="butt", **style))
    ax.add_patch(Polygon(ends, fc=color, ec="none", zorder=3, gid=TIP))
