"""Scores that published methods gave to models, one JSON file per benchmark, beside the zoos they were computed on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from ptmrec.benchmark.published import Origin
from ptmrec.core.errors import ArtifactError
from ptmrec.core.files import read_json

FOLDER = "scores"
"""Where the files are, inside the folder of the published zoos."""


@dataclass(frozen=True)
class PublishedScores:
    """What published methods said of each model on each data set.

    Attributes:
        about: source and traps.
        columns: ``(K,)`` names of methods or features.
        datasets: ``(T,)`` names; models: ``(N,)`` names.
        values: ``(K, T, N)`` float64, in the unit of each method, NaN = not stated.
        cited: method -> data set -> figure printed in the source.
    """

    about: Origin
    columns: tuple[str, ...]
    datasets: tuple[str, ...]
    models: tuple[str, ...]
    values: np.ndarray
    cited: Mapping[str, Mapping[str, float]]

    def aligned(self, datasets: Sequence[str], models: Sequence[str]) -> np.ndarray:
        """Values ``(K, T', N')`` in another order of data sets and models.

        Raises:
            ArtifactError: one of them has no scores.
        """
        for known, wanted in ((self.datasets, datasets), (self.models, models)):
            if absent := [name for name in wanted if name not in known]:
                raise ArtifactError(f"scores of {self.about.name}: none for {absent[0]!r}; restore the committed file")
        rows, places = [self.datasets.index(d) for d in datasets], [self.models.index(m) for m in models]
        return self.values[:, rows][:, :, places]


def read_scores(path: Path) -> PublishedScores:
    """Read and check one file of scores.

    Raises:
        ArtifactError: damaged file, a part that is missing or of the wrong kind, or a model without all columns.
    """
    data = read_json(path)
    kinds = {"about": dict, "columns": list, "cited": dict, "scores": dict}
    for name, kind in kinds.items():
        if not isinstance(data, dict) or not isinstance(data.get(name), kind):
            raise ArtifactError(f"{path}: no {name!r} of the right kind; restore the committed file")
    missing = [entry.name for entry in fields(Origin) if entry.name not in data["about"]]
    if missing or data["about"]["name"] != path.stem:
        what = f"no {missing[0]!r}" if missing else f"the name is {data['about']['name']!r}, not the file's"
        raise ArtifactError(f"{path}: about: {what}; restore the committed file")
    columns, datasets = tuple(data["columns"]), tuple(data["scores"])
    models = tuple(next(iter(data["scores"].values()), {}))
    values = np.full((len(columns), len(datasets), len(models)), np.nan)
    for row, dataset in enumerate(datasets):
        if set(data["scores"][dataset]) != set(models):
            raise ArtifactError(f"{path}: {dataset!r} has other models than {datasets[0]!r}")
        for place, model in enumerate(models):
            numbers = data["scores"][dataset][model]
            kinds = [type(number) for number in numbers] if isinstance(numbers, list) else []
            if len(kinds) != len(columns) or not set(kinds) <= {int, float, type(None)}:
                raise ArtifactError(f"{path}: {dataset!r}: {model!r} should have {len(columns)} numbers")
            values[:, row, place] = np.array(numbers, dtype=np.float64)  # null becomes NaN
    about = Origin(**{entry.name: data["about"][entry.name] for entry in fields(Origin)})
    return PublishedScores(about, columns, datasets, models, values, data["cited"])
