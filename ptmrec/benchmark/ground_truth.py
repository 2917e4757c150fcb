"""The measured ground truth: its file, and its matrices."""

import json
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from ptmrec.config.sections import REGIMES
from ptmrec.core.errors import ArtifactError, reading
from ptmrec.core.files import is_number, read_json, write_text
from ptmrec.core.text import read_rows

RECORD_FIELDS = (
    "model_name",
    "model_type",
    "accuracy",
    "trained_on_dataset",
    "accuracy_std",
    "regime",
    "recipe",
    "source",
)
"""What every record of measured or published accuracy has."""


def write_records(path: Path, truth: Mapping[str, list[dict[str, Any]]]) -> Path:
    """Write ``dataset -> records`` as JSON with one record per line, which keeps diffs readable; atomically."""
    lines = (
        json.dumps(dataset) + ": [\n  " + ",\n  ".join(json.dumps(record) for record in records) + "\n ]"
        for dataset, records in truth.items()
    )
    return write_text(path, "{\n " + ",\n ".join(lines) + "\n}\n")


@dataclass(frozen=True)
class GroundTruth:
    """Accuracies in matrices.

    Attributes:
        datasets: ``(T,)`` names; models: ``(N,)`` names.
        accuracy: regime -> ``(T, N)`` float64 in 0..1, NaN = not measured.
        repeats: regime -> ``(T, N, R)`` single measurements, NaN = missing.
        by_shots: images per class (``1``, ``all``) -> ``(T, N)`` mean accuracy of the probe, NaN = not measured.
    """

    datasets: tuple[str, ...]
    models: tuple[str, ...]
    accuracy: dict[str, np.ndarray]
    repeats: dict[str, np.ndarray]
    by_shots: dict[str, np.ndarray] = field(default_factory=dict)

    def row(self, regime: str, dataset: str) -> np.ndarray:
        """Accuracies ``(N,)`` of all models on one data set."""
        return self.accuracy[regime][self.datasets.index(dataset)]

    def without(self, dataset: str, models: np.ndarray) -> "GroundTruth":
        """The same, as if some models ``(N,)`` bool had not been measured on one data set."""
        row = self.datasets.index(dataset)

        def cleared(array: np.ndarray) -> np.ndarray:
            array = array.copy()
            array[row, models] = np.nan
            return array

        return replace(self, **self._changed(cleared))

    def only(self, models: Sequence[str]) -> "GroundTruth":
        """The same for the models named, in that order; one never measured has NaN everywhere."""
        places = {name: column for column, name in enumerate(self.models)}
        columns = [places.get(name, -1) for name in models]

        def chosen(array: np.ndarray) -> np.ndarray:
            nothing = np.full_like(array[:, :1], np.nan)
            return np.concatenate([array, nothing], axis=1)[:, columns]

        return replace(self, models=tuple(models), **self._changed(chosen))

    def _changed(self, change: Callable[[np.ndarray], np.ndarray]) -> dict[str, dict[str, np.ndarray]]:
        """All matrices by attribute, each changed."""
        parts = {"accuracy": self.accuracy, "repeats": self.repeats, "by_shots": self.by_shots}
        return {name: {key: change(array) for key, array in part.items()} for name, part in parts.items()}


def read_ground_truth(path: Path, models: Iterable[str] | None = None) -> GroundTruth:
    """Read and check the ground truth file; while it stays as it is, the next call need not read it again.

    Args:
        path: the JSON file.
        models: names of the zoo's models, in the order the matrices shall have; those of the file, sorted,
            without it.

    Returns:
        Matrices that nobody may write into.

    Raises:
        ArtifactError: damaged file, a record without a needed field, an accuracy or one of its repeats outside
            0..1, a model that is not in the zoo, or a model measured twice on one data set in one regime.
    """
    with reading(path):
        status = path.stat()
        mark = (status.st_mtime_ns, status.st_size, status.st_ino)
        return _read(path.absolute(), mark, None if models is None else tuple(models))


@lru_cache(maxsize=2)
def _read(path: Path, mark: tuple[int, int, int], models: tuple[str, ...] | None) -> GroundTruth:
    """The ground truth as of one state of the file, which the mark stands for."""
    data = read_json(path)
    if not isinstance(data, dict) or not data:
        raise ArtifactError(f"{path}: expected an object: dataset -> list of records")
    datasets = tuple(data)
    models = tuple(sorted(_names(data)) if models is None else models)
    columns = {name: index for index, name in enumerate(models)}
    repeats: dict[tuple[str, int, int], list[float]] = {}
    shape = (len(datasets), len(models))
    accuracy = {regime: np.full(shape, np.nan) for regime in REGIMES}
    by_shots: dict[str, np.ndarray] = {}
    for row, (dataset, records) in enumerate(data.items()):
        for record in records if isinstance(records, list) else [None]:
            _check_record(f"{path}: {dataset!r}", record, columns)
            key = (record["regime"], row, columns[record["model_name"]])
            if key in repeats:
                raise ArtifactError(f"{path}: {dataset!r}: {record['model_name']!r} is measured twice in {key[0]}")
            accuracy[key[0]][key[1:]] = record["accuracy"]
            repeats[key] = list(record.get("accuracies", [record["accuracy"]]))
            for shots, (mean, _) in record.get("by_shots", {}).items():
                by_shots.setdefault(shots, np.full(shape, np.nan))[key[1:]] = mean
    truth = GroundTruth(datasets, models, accuracy, _repeat_arrays(repeats, shape), by_shots)
    for part in (truth.accuracy, truth.repeats, truth.by_shots):
        for array in part.values():
            array.flags.writeable = False
    return truth


def read_short_runs(path: Path, datasets: Sequence[str], models: Sequence[str], column: str = "accuracy") -> np.ndarray:
    """Accuracies ``(K, N)`` of short fine-tunings on images held out of a data set's training part, NaN = not run.

    With ``column`` their ``seconds``.

    Raises:
        ArtifactError: the file is missing, or a row is damaged.
    """
    found = np.full((len(datasets), len(models)), np.nan)
    rows, columns = ({name: place for place, name in enumerate(names)} for names in (datasets, models))
    for number, row in enumerate(read_rows(path, "restore it with git"), start=2):
        try:
            accuracy, value = float(row.get("accuracy") or "nan"), float(row.get(column) or "nan")
        except ValueError:
            accuracy = value = np.nan
        if not 0 <= accuracy <= 1 or not value >= 0 or not row.get("dataset") or not row.get("model"):
            raise ArtifactError(f"{path}: line {number}: expected dataset, model, {column} and an accuracy of 0..1")
        if row["dataset"] in rows and row["model"] in columns:
            found[rows[row["dataset"]], columns[row["model"]]] = value
    return found


def _names(data: dict[str, Any]) -> set[str]:
    records = (record for part in data.values() if isinstance(part, list) for record in part)
    return {str(record["model_name"]) for record in records if isinstance(record, dict) and "model_name" in record}


def check_record(where: str, record: Any, models: Container[str], otherwise: str) -> None:
    """Check what records of measured and of published accuracy have in common.

    Args:
        where: file and data set, for the error.
        record: what the file has there.
        models: names that are known.
        otherwise: what is wrong with a model that is not.

    Raises:
        ArtifactError: it is no record of a known model, or the accuracy is no share.
    """
    if not isinstance(record, dict):
        raise ArtifactError(f"{where}: expected a list of records; restore the committed file")
    missing = [key for key in RECORD_FIELDS if key not in record]
    if missing:
        raise ArtifactError(f"{where}: a record has no {missing[0]!r}; restore the committed file")
    if not isinstance(record["model_name"], str) or record["model_name"] not in models:
        raise ArtifactError(f"{where}: model {record['model_name']!r} {otherwise}")
    _check_share(where, record, record["accuracy"])


def _check_share(where: str, record: Mapping[str, Any], value: Any) -> None:
    if not is_number(value) or not 0 <= value <= 1:
        raise ArtifactError(f"{where}: accuracy {value!r} of {record['model_name']!r} is not in 0..1")


def _check_record(where: str, record: Any, models: Container[str]) -> None:
    check_record(where, record, models, "is not in the zoo")
    if record["regime"] not in REGIMES:
        raise ArtifactError(f"{where}: regime {record['regime']!r} is not one of {', '.join(REGIMES)}")
    repeats, by_shots = record.get("accuracies", [0.0]), record.get("by_shots", {})
    if not isinstance(repeats, list) or not repeats:
        raise ArtifactError(f"{where}: accuracies of {record['model_name']!r} should be a list")
    if not isinstance(by_shots, dict) or not all(isinstance(v, list) and len(v) == 2 for v in by_shots.values()):
        raise ArtifactError(f"{where}: by_shots of {record['model_name']!r} should be mean and deviation")
    for value in (*repeats, *(mean for mean, _ in by_shots.values())):
        _check_share(where, record, value)


def _repeat_arrays(repeats: dict[tuple[str, int, int], list[float]], shape: tuple[int, int]) -> dict[str, np.ndarray]:
    arrays = {}
    for regime in REGIMES:
        longest = max((len(values) for (name, _, _), values in repeats.items() if name == regime), default=1)
        arrays[regime] = np.full((*shape, longest), np.nan)
        for (name, row, column), values in repeats.items():
            if name == regime:
                arrays[regime][row, column, : len(values)] = values
    return arrays
