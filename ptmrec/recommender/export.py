"""An answer as a file: JSON for programs, CSV for tables, HTML and PNG for people."""

import base64
import json
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ptmrec.core.errors import ConfigError
from ptmrec.core.files import write_bytes, write_text
from ptmrec.core.words import csv_cell

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SCHEMA = 1
"""Number of the layout of the JSON: keys are added, never renamed or taken away."""
DECIMALS = 4
ENDINGS = (".json", ".csv", ".html", ".png")


def check_ending(path: Path) -> None:
    """Refuse a file that no answer can be written as, before there is one.

    Raises:
        ConfigError: an ending nobody knows, or a folder.
    """
    if path.suffix.lower() not in ENDINGS:
        raise ConfigError(f"{path}: an answer is written as {', '.join(ENDINGS)}; give one of these endings")
    if path.is_dir():
        raise ConfigError(f"{path}: a folder; name a file to write the answer to")


class Exports:
    """What an answer can be written as."""

    def to_json(self) -> str:
        """The answer as JSON.

        ``device`` is what the costs are for; a number that is not known is null.
        """
        ran = self.verification
        limits = {} if self.limiting is None else self.limiting.limits.to_dict()
        relief = () if self.limiting is None else self.limiting.relief
        data = {
            "schema": SCHEMA,
            "request": {"data": self.data, "regime": self.regime, "n": self.count, "limits": limits},
            "device": None if self.limiting is None else dict(self.limiting.device) or None,
            "images": {
                "found": self.images_there,
                "used": self.images_used,
                "classes": self.num_classes,
                "part": self.part,
                **self.account.to_dict(),
            },
            "results": [
                {name: _plain(value) for name, value in row.items()} for row in self.leaderboard().to_dict("records")
            ],
            "rejected": list(self.rejected),
            "relief": [{name: _plain(value) for name, value in step.items()} for step in relief],
            "nearest": [{"dataset": name, "weight": round(share, DECIMALS)} for name, share in self.nearest.items()],
            "trusted": self.trusted,
            "notes": list(self.notes),
            "verification": None if ran is None else {"models": ran.passes, "seconds": round(ran.total_seconds, 2)},
            "models_ranked": len(self),
            "seconds": round(self.seconds, 2),
        }
        return json.dumps(data, indent=1, ensure_ascii=False)

    def _page(self) -> str:
        """A page of its own with table, plot and remarks."""
        picture = base64.b64encode(_png(self.plot())).decode()
        title = f"Models for {escape(self.data)}"
        return (
            f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><h1>{title}</h1>'
            f"{self._repr_html_()}"
            f'<img alt="Expected accuracies of the models above, with intervals" src="data:image/png;base64,{picture}">'
            f"{self._front()}</html>\n"
        )

    def _front(self) -> str:
        """The figure of accuracy against latency; nothing where costs are not known."""
        if self.limiting is None:
            return ""
        picture = base64.b64encode(_png(self.plot_pareto())).decode()
        words = "Expected accuracy of all models against latency, with the front of models nobody should pass over"
        return f'<img alt="{words}" src="data:image/png;base64,{picture}">'

    def save(self, path: Path | str, only_pareto: bool = False) -> Path:
        """Write the answer in the layout that the ending of the path asks for.

        Args:
            path: the file.
            only_pareto: of CSV and PNG the models on the Pareto front, and their figure.

        Raises:
            ConfigError: an ending nobody knows.
        """
        path = Path(path).expanduser()
        check_ending(path)
        kind = path.suffix.lower()
        if kind == ".json":
            return write_text(path, self.to_json() + "\n")
        if kind == ".csv":
            board = self.leaderboard(only_pareto=only_pareto)
            return write_text(path, board.round(DECIMALS).map(csv_cell).to_csv(index=False))
        if kind == ".html":
            return write_text(path, self._page())
        return write_bytes(path, _png(self.plot_pareto() if only_pareto else self.plot()))


def _plain(value: Any) -> Any:
    """A cell as JSON knows it."""
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, float):
        return round(value, DECIMALS) if abs(value) < float("inf") else None
    return value


def _png(ax: "Axes") -> bytes:
    from ptmrec.plots.style import picture  # brings matplotlib, which the other endings do not need

    return picture(ax.figure)
