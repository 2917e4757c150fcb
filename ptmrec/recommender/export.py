"""An answer as a file: JSON for programs, CSV for tables, HTML and PNG for people."""

import base64
import json
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ptmrec.errors import ConfigError
from ptmrec.files import write_bytes, write_text
from ptmrec.words import csv_cell

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ptmrec.recommender.recommendation import Recommendation

SCHEMA = 1
"""Number of the layout of the JSON: keys are added, never renamed or taken away."""
DECIMALS = 4
ENDINGS = (".json", ".csv", ".html", ".png")


def to_json(found: "Recommendation") -> str:
    """The answer as JSON.

    ``device`` is what the costs are for; a number that is not known is null.
    """
    ran = found.verification
    limits = {} if found.limiting is None else found.limiting.limits.to_dict()
    relief = () if found.limiting is None else found.limiting.relief
    data = {
        "schema": SCHEMA,
        "request": {"data": found.data, "regime": found.regime, "n": found.count, "limits": limits},
        "device": None if found.limiting is None else dict(found.limiting.device) or None,
        "images": {
            "found": found.images_there,
            "used": found.images_used,
            "classes": found.num_classes,
            "part": found.part,
            **found.account.to_dict(),
        },
        "results": [
            {name: _plain(value) for name, value in row.items()} for row in found.leaderboard().to_dict("records")
        ],
        "rejected": list(found.rejected),
        "relief": [{name: _plain(value) for name, value in step.items()} for step in relief],
        "nearest": [{"dataset": name, "weight": round(share, DECIMALS)} for name, share in found.nearest.items()],
        "trusted": found.trusted,
        "notes": list(found.notes),
        "verification": None if ran is None else {"models": ran.passes, "seconds": round(ran.total_seconds, 2)},
        "models_ranked": len(found),
        "seconds": round(found.seconds, 2),
    }
    return json.dumps(data, indent=1, ensure_ascii=False)


def _plain(value: Any) -> Any:
    """A cell as JSON knows it."""
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, float):
        return round(value, DECIMALS) if abs(value) < float("inf") else None
    return value


def to_html(found: "Recommendation") -> str:
    """A page of its own with table, plot and remarks."""
    picture = base64.b64encode(_plot(found)).decode()
    title = f"Models for {escape(found.data)}"
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><h1>{title}</h1>'
        f"{found._repr_html_()}"
        f'<img alt="Expected accuracies of the models above, with intervals" src="data:image/png;base64,{picture}">'
        f"{_front(found)}</html>\n"
    )


def _front(found: "Recommendation") -> str:
    """The figure of accuracy against latency; nothing where costs are not known."""
    if found.limiting is None:
        return ""
    picture = base64.b64encode(_png(found.plot_pareto())).decode()
    words = "Expected accuracy of all models against latency, with the front of models nobody should pass over"
    return f'<img alt="{words}" src="data:image/png;base64,{picture}">'


def save(found: "Recommendation", path: Path, only_pareto: bool = False) -> Path:
    """Write the answer in the layout that the ending of the path asks for.

    Args:
        found: the answer.
        path: the file.
        only_pareto: of CSV and PNG the models on the Pareto front, and their figure.

    Raises:
        ConfigError: an ending nobody knows.
    """
    kind = path.suffix.lower()
    if kind == ".json":
        return write_text(path, to_json(found) + "\n")
    if kind == ".csv":
        board = found.leaderboard(only_pareto=only_pareto)
        return write_text(path, board.round(DECIMALS).map(csv_cell).to_csv(index=False))
    if kind == ".html":
        return write_text(path, to_html(found))
    if kind == ".png":
        return write_bytes(path, _png(found.plot_pareto()) if only_pareto else _plot(found))
    raise ConfigError(f"{path}: an answer is written as {', '.join(ENDINGS)}; give one of these endings")


def _plot(found: "Recommendation") -> bytes:
    return _png(found.plot())


def _png(ax: "Axes") -> bytes:
    from ptmrec.plots.style import picture  # brings matplotlib, which the other endings do not need

    return picture(ax.figure)
