"""From the published tables, as CSV files, to the JSON files of :mod:`ptmrec.benchmark.published`."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from experiments.zoo_build.published_sources import ABOUT
from experiments.zoo_build.published_tables import TABLES, Cards
from ptmrec.benchmark.published import NOT_STATED, write_published
from ptmrec.errors import ArtifactError


def transcribe(folder: Path, target: Path, names: Iterable[str] | None = None) -> list[Path]:
    """Write the published zoos as JSON, one file each.

    Args:
        folder: the CSV files (those of timm in ``timm/``).
        target: folder of the JSON files.
        names: zoos to write; all without it.

    Returns:
        The files written.

    Raises:
        ArtifactError: a CSV file is missing, damaged, without a needed column, or has a value that is no accuracy.
    """
    if not folder.is_dir():
        raise ArtifactError(f"{folder}: no such folder; give the one that holds the published tables (CSV)")
    return [_write(name, folder, target) for name in (TABLES if names is None else names)]


def _write(name: str, folder: Path, target: Path) -> Path:
    about = ABOUT[name]
    cards, frame = TABLES[name](folder)
    _check(f"{folder}: {name}", cards, frame)
    if "recipe" not in frame:
        frame = frame.assign(recipe=[{}] * len(frame))
    truth: dict[str, list[dict[str, Any]]] = {}
    for row in frame.itertuples(index=False):
        card = cards[row.model]
        record = {
            "model_name": row.model,
            "model_type": card["family"],
            "accuracy": round(float(row.accuracy), 6),
            "trained_on_dataset": card.get("source_dataset", NOT_STATED),
            "accuracy_std": None,
            "regime": about.regime,
            "recipe": row.recipe,
            "source": f"{name}@{about.commit[:7]}",
        }
        truth.setdefault(row.dataset, []).append(record)
    return write_published(target / f"{name}.json", about, cards, truth)


def _check(where: str, cards: Cards, frame: pd.DataFrame) -> None:
    problems = {
        "is not in 0..1": ~pd.to_numeric(frame["accuracy"], errors="coerce").between(0, 1),
        "is there twice": frame.duplicated(["dataset", "model"]),
        "is of a model without a card": ~frame["model"].isin(list(cards)),
    }
    for problem, rows in problems.items():
        if rows.any():
            row = frame[rows].iloc[0]
            said = f"accuracy {row['accuracy']} of {row['model']!r} on {row['dataset']!r}"
            raise ArtifactError(f"{where}: {said} {problem}; mend the CSV file")
