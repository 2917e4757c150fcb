"""The measured ground truth: assembling it from the builder's cells, reading it, and its matrices."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ptmrec.artifacts import read_json, write_json
from ptmrec.config.sections import REGIMES
from ptmrec.errors import ArtifactError
from ptmrec.evaluation.statistics import ceiling_tau
from ptmrec.zoo.card import Card

_REQUIRED = (
    "model_name",
    "model_type",
    "accuracy",
    "trained_on_dataset",
    "accuracy_std",
    "regime",
    "recipe",
    "source",
)


def assemble_ground_truth(cells: Iterable[dict[str, Any]], cards: dict[str, Card], path: Path) -> Path:
    """Join the builder's cells into one file: dataset -> one record per model and regime.

    Args:
        cells: measurements; those of one model, data set and regime are joined.
        cards: cards by model name.
        path: the JSON file to write.
    """
    groups: dict[tuple[str, str, str], list[dict[str, Any]]] = defaultdict(list)
    for cell in cells:
        groups[cell["dataset"], cell["regime"], cell["model_name"]].append(cell)
    truth: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for (dataset, regime, model_name), parts in sorted(groups.items()):
        card = cards[model_name]
        values = [value for part in parts for value in part["accuracies"]]
        record = {
            "model_name": model_name,
            "model_type": card.family,
            "accuracy": round(float(np.mean(values)), 5),
            "trained_on_dataset": card.source_dataset,
            "accuracy_std": round(float(np.std(values, ddof=1)), 5) if len(values) > 1 else 0.0,
            "accuracies": [round(value, 5) for value in values],
            "regime": regime,
            "recipe": parts[0]["recipe"],
            "source": "measured by ptmrec zoo build",
        }
        truth[dataset].append(record)
    return write_json(path, truth)


@dataclass(frozen=True)
class GroundTruth:
    """Accuracies in matrices.

    Attributes:
        datasets: ``(T,)`` names; models: ``(N,)`` names.
        accuracy: regime -> ``(T, N)`` float64 in 0..1, NaN = not measured.
        repeats: regime -> ``(T, N, R)`` single measurements, NaN = missing.
    """

    datasets: tuple[str, ...]
    models: tuple[str, ...]
    accuracy: dict[str, np.ndarray]
    repeats: dict[str, np.ndarray]

    def row(self, regime: str, dataset: str) -> np.ndarray:
        """Accuracies ``(N,)`` of all models on one data set."""
        return self.accuracy[regime][self.datasets.index(dataset)]

    def ceiling(self, regime: str, dataset: str) -> float:
        """Agreement of the measurement with itself, see :func:`~ptmrec.evaluation.statistics.ceiling_tau`."""
        return ceiling_tau(self.repeats[regime][self.datasets.index(dataset)].T)


def read_ground_truth(path: Path, models: Iterable[str]) -> GroundTruth:
    """Read and check the ground truth file.

    Args:
        path: the JSON file.
        models: names of the zoo's models, in the order the matrices shall have.

    Raises:
        ArtifactError: damaged file, a record without a needed field, an accuracy outside 0..1, a model that
            is not in the zoo, or a model measured twice on one data set in one regime.
    """
    data = read_json(path)
    if not isinstance(data, dict) or not data:
        raise ArtifactError(f"{path}: expected an object: dataset -> list of records")
    models, datasets = tuple(models), tuple(data)
    columns = {name: index for index, name in enumerate(models)}
    repeats: dict[tuple[str, int, int], list[float]] = {}
    accuracy = {regime: np.full((len(datasets), len(models)), np.nan) for regime in REGIMES}
    for row, (dataset, records) in enumerate(data.items()):
        for record in records if isinstance(records, list) else [None]:
            _check_record(path, dataset, record, columns)
            key = (record["regime"], row, columns[record["model_name"]])
            if key in repeats:
                raise ArtifactError(f"{path}: {dataset!r}: {record['model_name']!r} is measured twice in {key[0]}")
            accuracy[key[0]][key[1:]] = record["accuracy"]
            repeats[key] = list(record.get("accuracies", [record["accuracy"]]))
    return GroundTruth(datasets, models, accuracy, _repeat_arrays(repeats, (len(datasets), len(models))))


def _check_record(path: Path, dataset: str, record: Any, columns: dict[str, int]) -> None:
    if not isinstance(record, dict):
        raise ArtifactError(f"{path}: {dataset!r}: expected a list of records")
    missing = [key for key in _REQUIRED if key not in record]
    if missing:
        raise ArtifactError(f"{path}: {dataset!r}: a record has no {missing[0]!r}")
    if record["model_name"] not in columns:
        raise ArtifactError(f"{path}: {dataset!r}: model {record['model_name']!r} is not in the zoo")
    if record["regime"] not in REGIMES:
        raise ArtifactError(f"{path}: {dataset!r}: regime {record['regime']!r} is not one of {', '.join(REGIMES)}")
    value = record["accuracy"]
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= 1:
        raise ArtifactError(f"{path}: {dataset!r}: accuracy {value!r} of {record['model_name']!r} is not in 0..1")


def _repeat_arrays(repeats: dict[tuple[str, int, int], list[float]], shape: tuple[int, int]) -> dict[str, np.ndarray]:
    arrays = {}
    for regime in REGIMES:
        longest = max((len(values) for (name, _, _), values in repeats.items() if name == regime), default=1)
        arrays[regime] = np.full((*shape, longest), np.nan)
        for (name, row, column), values in repeats.items():
            if name == regime:
                arrays[regime][row, column, : len(values)] = values
    return arrays
