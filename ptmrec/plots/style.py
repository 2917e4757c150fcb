"""One look for every figure: sizes of the thesis, one colour per method, PDF and PNG side by side."""

import io
import re
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from html import escape
from itertools import cycle
from pathlib import Path

import matplotlib as mpl
import seaborn as sns
from matplotlib.figure import Figure

from ptmrec.core.errors import ArtifactError
from ptmrec.core.files import write_bytes
from ptmrec.core.words import figure_text

TEXT_WIDTH = 5.9
"""Width of the thesis's text block, in inches."""
TOLERANCE = 0.02
"""Inches that something may leave a figure by: the rounding of letters to dots."""
ROUNDS = 8
"""Times that a figure is laid out, at most."""
_COLOURS = sns.color_palette("colorblind", 10)
METHOD_COLOURS = {
    "Cross-Select": _COLOURS[3],
    "Cross-Select, one network": _COLOURS[1],
    "mean rank": _COLOURS[0],
    "parameter count": _COLOURS[7],
    "source accuracy": _COLOURS[5],
    "k-NN, data sets": _COLOURS[2],
    "k-NN, features": _COLOURS[9],
    "LogME": _COLOURS[4],
    "transport": sns.color_palette("dark")[4],
    "Cross-Select, linear part": _COLOURS[6],
    "Cross-Select, one draw": (0.1, 0.1, 0.1),
    "Cross-Select, encoder only": _COLOURS[8],
    "ridge, features": sns.color_palette("dark")[9],
    "ridge, features, four draws": sns.color_palette("dark")[7],
    "LogME, four draws": sns.color_palette("dark")[6],
    "random order": sns.color_palette("dark")[8],
    "successive halving": sns.color_palette("dark")[2],
    "kernel ridge, tokens": sns.color_palette("dark")[0],
    "learned tokens, self-attention": sns.color_palette("dark")[3],
    **dict(zip(("H-score", "LEEP", "NCE", "N-LEEP", "PARC", "TransRate"), sns.color_palette("Dark2"), strict=False)),
}
"""Every method that can be compared has its colour in every figure."""
ROLE_LABELS = {"train": "training", "validation": "validation", "blind": "blind"}
REGIME_LABELS = {"low_data": "low data", "fine_tuning": "fine-tuning"}
_STYLE = {
    # The thesis is set in Times; STIX is its like, and comes with matplotlib.
    "font.family": "STIXGeneral",
    "mathtext.fontset": "stix",
    "image.cmap": "cividis",
    "font.size": 9,
    "figure.titlesize": 10,
    "axes.titlesize": 10,
    "axes.labelsize": 9,
    "legend.fontsize": 8,
    "legend.frameon": False,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.dpi": 120,
    "savefig.dpi": 200,
    "pdf.fonttype": 42,
}


def words(names: Iterable[str]) -> list[str]:
    """Names as a reader wants them: blanks for underscores."""
    return [figure_text(name.replace("_", " ")) for name in names]


def category_colours(names: Iterable[str]) -> dict[str, tuple[float, ...]]:
    """One colour for each name, the same for the same set of names."""
    return dict(zip(sorted(set(names)), cycle(sns.color_palette("tab10")), strict=False))


class Drawing(Figure):
    """A figure that Jupyter shows where ``%matplotlib inline`` was not asked for, too."""

    def _repr_png_(self) -> bytes:
        return picture(self)


def thesis_style() -> AbstractContextManager[None]:
    """Context in which figures get the thesis's look; the settings are put back after it."""
    return mpl.rc_context(_STYLE)


def save_figure(figure: Figure, name: str, folder: Path, alt: str) -> list[Path]:
    """Write a figure as ``<name>.pdf`` and ``<name>.png``, see :func:`pictures`.

    Args:
        figure: the figure.
        name: file name without its ending.
        folder: where it goes.
        alt: what the figure shows, in a sentence or two, for who cannot see it.

    Raises:
        ValueError: there is no alternative text.
        ArtifactError: a part of the figure lies outside it, where nobody sees it.
    """
    if not alt.strip():
        raise ValueError(f"figure {name!r}: say what it shows, for readers who cannot see it")
    contents = pictures(figure, alt)
    sides = cut_off(figure)
    if sides:
        raise ArtifactError(
            f"figure {name!r}: cut off by {', '.join(sides)}; draw it larger, or with shorter words, and save it again"
        )
    return [write_bytes(folder / f"{name}.{kind}", content) for kind, content in contents.items()]


def pictures(figure: Figure, alt: str) -> dict[str, bytes]:
    """A figure as PDF and PNG, its alternative text inside.

    The creation date is left out, so that the same data give the same bytes.
    """
    notes = {"pdf": {"CreationDate": None, "Subject": alt}, "png": {"Description": alt}}
    return {kind: picture(figure, kind, own) for kind, own in notes.items()}


def picture(figure: Figure, kind: str = "png", metadata: Mapping[str, str | None] | None = None) -> bytes:
    """A figure as a file's content, in the style that it was drawn in: some settings act only when it is saved.

    Args:
        figure: the figure.
        kind: ``png`` or ``pdf``.
        metadata: what is noted in the file.
    """
    buffer = io.BytesIO()
    with thesis_style():
        settle(figure)
        figure.savefig(buffer, format=kind, metadata=metadata)
    return buffer.getvalue()


def vector(figure: Figure, alt: str) -> str:
    """A figure as SVG for a page, in the page's own colours of text and ground, dark ones too."""
    for patch in (figure.patch, *(ax.patch for ax in figure.axes)):
        patch.set_visible(False)
    with mpl.rc_context({"svg.hashsalt": "ptmrec"}):
        text = picture(figure, "svg", {"Date": None, "Creator": None}).decode()
    text = re.sub(r"<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)
    text = text.replace("#000000", "currentColor").replace("#ffffff", "var(--jp-layout-color1, Canvas)")
    size = 'style="width:100%;height:auto" fill="currentColor"'
    return text.replace("<svg", f'<svg role="img" aria-label="{escape(alt)}" {size}', 1)


def settle(figure: Figure) -> None:
    """Lay a figure out until nothing moves: at first a legend beside the axes is not reckoned with in full."""
    before = None
    for _ in range(ROUNDS):
        figure.draw_without_rendering()
        places = [ax.get_position().bounds for ax in figure.axes]
        if places == before:
            return
        before = places


def cut_off(figure: Figure) -> list[str]:
    """Sides on which something drawn leaves the figure, each with the inches by which it does."""
    with thesis_style():
        settle(figure)
        drawn = figure.get_tightbbox()
    width, height = figure.get_size_inches()
    beyond = {"left": -drawn.x0, "right": drawn.x1 - width, "bottom": -drawn.y0, "top": drawn.y1 - height}
    return [f"{inches:.2f} inches at the {side}" for side, inches in beyond.items() if inches > TOLERANCE]
