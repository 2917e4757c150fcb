"""Records of anybody as a zoo without weights: a CSV with a line for each accuracy."""

import math
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ptmrec.benchmark.published import About, PublishedZoo
from ptmrec.core.errors import ArtifactError
from ptmrec.core.text import read_rows

COLUMNS = ("model", "dataset", "regime", "metric", "value")
"""Columns that are read; others are not."""
WORDS = {"probe": "low_data", "low_data": "low_data", "fine": "fine_tuning", "zero": "zero_shot"}
"""Part of the name of a regime -> regime."""
ACCURACIES = ("acc", "top", "per class", "per_class", "per-class")
"""Parts of the names of metrics that are accuracies; others are left out."""
FAMILIES = (
    *("siglip", "clip", "dinov2", "dino", "moco", "align", "blip", "swin", "convnext", "efficientnet", "mobilenet"),
    *("regnet", "resnet", "beit", "deit", "vit"),
)
"""Families that a name can tell, the special ones first."""


class Cell(NamedTuple):
    """Where an accuracy belongs; the regime as it is written."""

    model: str
    dataset: str
    regime: str


def read_records(path: Path) -> PublishedZoo:
    """Read accuracies that others measured: a line for each model, data set and regime, as :data:`COLUMNS`.

    Of several recipes of one regime (``fine_tuning_vtab1k`` and ``fine_tuning, lr 0.1``) the one with most records is
    kept, as recipes are never mixed; the notes say what was left out.

    Raises:
        ArtifactError: a damaged file, a column missing, no accuracy from 0 to 1, an unknown regime, two metrics for one
            data set, or two values for one cell.
    """
    values, metrics, others = _read(path)
    counts = Counter(cell.regime for cell in values)
    recipes: dict[str, str] = {}
    for recipe, _ in counts.most_common():
        recipes.setdefault(_regime(path, recipe), recipe)
    kept = {cell: value for cell, value in values.items() if cell.regime in recipes.values()}
    models = tuple(sorted({cell.model for cell in kept}))
    rows = sorted({(list(recipes.values()).index(cell.regime), cell.dataset) for cell in kept})
    regimes = tuple(list(recipes)[place] for place, _ in rows)
    twice = {name for name, count in Counter(name for _, name in rows).items() if count > 1}
    names = [f"{name} ({own})" if name in twice else name for (_, name), own in zip(rows, regimes, strict=True)]
    columns = {model: place for place, model in enumerate(models)}
    places = {(name, recipes[own]): row for row, ((_, name), own) in enumerate(zip(rows, regimes, strict=True))}
    accuracy = np.full((len(rows), len(models)), np.nan)
    for cell, value in kept.items():
        accuracy[places[cell.dataset, cell.regime], columns[cell.model]] = value
    left = {name: count for name, count in counts.items() if name not in recipes.values()}
    notes = [f"Left out, another recipe: {name} ({count} records)." for name, count in left.items()]
    notes += [f"Left out, no accuracy: {name} ({count} records)." for name, count in others.items()]
    metric = Counter(metrics.values()).most_common(1)[0][0]
    about = About(path.stem, str(path), "", "none stated", notes or ["As given."], path.name, regimes[0], metric)
    cards = {model: {"family": family_of(model)} for model in models}
    return PublishedZoo(about, cards, tuple(names), models, accuracy, regimes)


def family_of(name: str) -> str:
    """Family of a model by its name; ``unknown`` where the name does not tell."""
    return next((family for family in FAMILIES if family in name.lower()), "unknown")


def _read(path: Path) -> tuple[dict[Cell, float], Mapping[tuple[str, str], str], Counter]:
    """Accuracies, the metric of each data set and regime, and how many records are of metrics that are none."""
    rows = read_rows(path, f"give a CSV with the columns {','.join(COLUMNS)}")
    if not rows:
        raise ArtifactError(
            f"{path}: no records; below the columns {','.join(COLUMNS)} stands a line for each accuracy"
        )
    missing = [column for column in COLUMNS if column not in rows[0]]
    if missing:
        raise ArtifactError(f"{path}: no column {missing[0]!r}; a table of records has {','.join(COLUMNS)}")
    values: dict[Cell, float] = {}
    metrics: dict[tuple[str, str], str] = {}
    others: Counter = Counter()
    for line, row in enumerate(rows, start=2):
        where, cell = f"{path}: line {line}", Cell(*((row[column] or "").strip() for column in COLUMNS[:3]))
        if not all(cell):
            raise ArtifactError(f"{where}: model, dataset and regime should not be empty")
        if not (row["value"] or "").strip():  # not measured
            continue
        metric = (row["metric"] or "").strip()
        if not any(word in metric.lower() for word in ACCURACIES):
            others[metric or "a metric without a name"] += 1
            continue
        value = _value(where, row["value"])
        if values.setdefault(cell, value) != value:
            both = f"{values[cell]:g} and {value:g}"
            raise ArtifactError(f"{where}: {cell.model} on {cell.dataset} ({cell.regime}) has two values, {both}")
        own = metrics.setdefault((cell.dataset, cell.regime), metric)
        if own != metric:
            raise ArtifactError(f"{where}: two metrics on {cell.dataset}, {own!r} and {metric!r}; keep one")
    if not values:
        why = f"an accuracy, only {', '.join(others)}; call it top-1 if it is one" if others else "a value"
        raise ArtifactError(f"{path}: no line has {why}")
    return values, metrics, others


def _value(where: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if 1 < value <= 100:
        raise ArtifactError(f"{where}: value {text} is no share from 0 to 1; write {value / 100:g}")
    if not 0 <= value <= 1:
        raise ArtifactError(
            f"{where}: value {text!r} is no accuracy from 0 to 1; leave it empty where none was measured"
        )
    return value


def _regime(path: Path, text: str) -> str:
    for part, regime in WORDS.items():
        if part in text.lower().replace("-", "_"):
            return regime
    raise ArtifactError(f"{path}: regime {text!r}: its name should hold one of {', '.join(WORDS)}")
