"""An answer as a file: JSON for programs, CSV for tables, HTML and PNG for people."""

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ptmrec.core.errors import ConfigError
from ptmrec.core.files import write_bytes, write_text
from ptmrec.core.text import csv_text

if TYPE_CHECKING:
    from ptmrec.recommender.recommendation import Recommendation

SCHEMA = 1
"""Number of the layout of the JSON: keys are added, never renamed or taken away."""
DECIMALS = 4
ENDINGS = (".json", ".csv", ".html", ".png")


def check_ending(path: Path) -> None:
    """Refuse a file that no answer can be written as, before there is one.

    Raises:
        ConfigError: an unknown ending, or a folder.
    """
    if path.suffix.lower() not in ENDINGS:
        raise ConfigError(f"{path}: an answer is written as {', '.join(ENDINGS)}; give one of these endings")
    if path.is_dir():
        raise ConfigError(f"{path}: a folder; name a file to write the answer to")
    for parent in path.parents:
        if parent.exists() and not parent.is_dir():
            raise ConfigError(f"{path}: {parent} is a file, no folder; name a file in a folder")


def save(answer: "Recommendation", path: Path, only_pareto: bool, count: int | None) -> Path:
    """Write an answer, see :meth:`~ptmrec.recommender.recommendation.Recommendation.save`."""
    path = path.expanduser()
    check_ending(path)
    kind = path.suffix.lower()
    if kind == ".json":
        return write_text(path, to_json(answer, count, only_pareto) + "\n")
    if kind == ".csv":
        board = answer.leaderboard(count=count, only_pareto=only_pareto)
        return write_text(path, csv_text(board.round(DECIMALS)))
    if kind == ".html":
        from ptmrec.recommender.page import page

        return write_text(path, page(answer, count, only_pareto))
    return write_bytes(path, _png(answer, only_pareto))


def to_json(answer: "Recommendation", count: int | None = None, only_pareto: bool = False) -> str:
    """Write an answer as JSON; ``device`` is that of the costs, an unknown number is null."""
    board, ran = answer.leaderboard(count=count, only_pareto=only_pareto), answer.verification
    request = {"data": answer.data, "regime": answer.regime, "n": answer.count, "limits": dict(answer.request.limits)}
    data = {
        "schema": SCHEMA,
        "request": request,
        "device": dict(answer.device) or None,
        "images": {
            "found": answer.images_there,
            "used": answer.images_used,
            "classes": answer.num_classes,
            "part": answer.request.images.part,
            **answer.account.to_dict(),
        },
        "results": [{name: _plain(value) for name, value in row.items()} for row in board.to_dict("records")],
        "rejected": list(answer.rejected),
        "relief": [{name: _plain(value) for name, value in step.items()} for step in answer.relief],
        "nearest": [{"dataset": name, "weight": round(share, DECIMALS)} for name, share in answer.nearest.items()],
        "trusted": answer.trusted,
        "notes": list(answer.notes),
        "verification": None if ran is None else ran.to_dict(),
        "measure_next": [str(name) for name in getattr(answer.ranking, "following", {}).get("models", ())],
        "models_ranked": len(answer),
        "seconds": round(answer.seconds, 2),
    }
    return json.dumps(data, indent=1, ensure_ascii=False)


def _plain(value: Any) -> Any:
    """A cell as JSON has it."""
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, float):
        return round(value, DECIMALS) if abs(value) < float("inf") else None
    return value


def _png(answer: "Recommendation", only_pareto: bool) -> bytes:
    """The plot with all that has to go with it into somebody's slides."""
    from ptmrec.plots.recommendation import entitle
    from ptmrec.plots.style import picture  # brings matplotlib, which the other endings do not need
    from ptmrec.recommender.page import title_of

    ax = answer.plot_pareto() if only_pareto else answer.plot()
    title = f"Models for {title_of(answer)}, {time.strftime('%d %B %Y')}"
    warnings = ["Do not rely on this answer.", *answer.doubts] if answer.doubts and answer.runnable else answer.doubts
    entitle(ax, title, list(filter(None, [answer.describe_tie()])), warnings)
    return picture(ax.figure)
