"""One look for every figure: sizes of the thesis, one colour per method, PDF and PNG side by side."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import matplotlib as mpl
import seaborn as sns
from matplotlib.figure import Figure

from ptmrec.files import atomic_write

TEXT_WIDTH = 5.9
"""Width of the thesis's text block, in inches."""
_COLOURS = sns.color_palette("colorblind", 10)
METHOD_COLOURS = {
    "Cross-Select": _COLOURS[3],
    "Cross-Select, one network": _COLOURS[1],
    "mean rank": _COLOURS[0],
    "parameter count": _COLOURS[7],
    "source accuracy": _COLOURS[5],
    "k-NN, data sets": _COLOURS[2],
    "k-NN, features": _COLOURS[8],
    "LogME": _COLOURS[4],
}
REGIME_LABELS = {"low_data": "low data", "fine_tuning": "fine-tuning"}
_STYLE = {
    "font.size": 8,
    "axes.titlesize": 9,
    "axes.labelsize": 8,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.dpi": 120,
    "savefig.dpi": 200,
    "pdf.fonttype": 42,
}


@contextmanager
def thesis_style() -> Iterator[None]:
    """Context in which figures get the thesis's look; the settings are put back after it."""
    with mpl.rc_context(_STYLE):
        yield


def save_figure(figure: Figure, name: str, folder: Path) -> list[Path]:
    """Write a figure as ``<name>.pdf`` and ``<name>.png``.

    The creation date is left out of the files, so that the same data give the same bytes.
    """
    metadata = {"pdf": {"CreationDate": None}, "png": {}}
    return [
        atomic_write(
            folder / f"{name}.{kind}",
            lambda path, kind=kind: figure.savefig(path, format=kind, metadata=metadata[kind]),
        )
        for kind in metadata
    ]
