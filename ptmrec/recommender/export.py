"""An answer as a file: JSON for programs, CSV for tables, HTML and PNG for people."""

import base64
import io
import json
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ptmrec.errors import ConfigError
from ptmrec.files import atomic_write, write_text

if TYPE_CHECKING:
    from ptmrec.recommender.recommendation import Recommendation

SCHEMA = 1
"""Number of the layout of the JSON: keys are added, never renamed or taken away."""
DECIMALS = 4
ENDINGS = (".json", ".csv", ".html", ".png")


def to_json(found: "Recommendation") -> str:
    """The answer as JSON.

    ``limits`` and ``device`` have their place for limits of hardware; a number that is not known is null.
    """
    ran = found.verification
    data = {
        "schema": SCHEMA,
        "request": {"data": found.data, "regime": found.regime, "n": found.count, "limits": {}},
        "device": None,
        "images": {
            "found": found.images_there,
            "used": found.images_used,
            "classes": found.num_classes,
            "part": found.part,
        },
        "results": [
            {name: _plain(value) for name, value in row.items()} for row in found.leaderboard().to_dict("records")
        ],
        "rejected": list(found.rejected),
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
        "</html>\n"
    )


def save(found: "Recommendation", path: Path) -> Path:
    """Write the answer in the layout that the ending of the path asks for.

    Raises:
        ConfigError: an ending nobody knows.
    """
    kind = path.suffix.lower()
    if kind == ".json":
        return write_text(path, to_json(found) + "\n")
    if kind == ".csv":
        return write_text(path, found.leaderboard().round(DECIMALS).to_csv(index=False))
    if kind == ".html":
        return write_text(path, to_html(found))
    if kind == ".png":
        return atomic_write(path, lambda to: to.write_bytes(_plot(found)))
    raise ConfigError(f"{path}: an answer is written as {', '.join(ENDINGS)}; give one of these endings")


def _plot(found: "Recommendation") -> bytes:
    picture = io.BytesIO()
    found.plot().figure.savefig(picture, format="png")
    return picture.getvalue()
