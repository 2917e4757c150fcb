"""Results the thesis is made of: all there, and all made by one code version and configuration."""

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd

from experiments.outputs import Origin, origin_path
from ptmrec.config.sections import PathsConfig
from ptmrec.core.errors import ArtifactError
from ptmrec.core.files import read_json

RESULTS = (
    *("zoo.json", "autoencoder.json", "training.json", "quadrants.csv", "quadrants_summary.csv", "summary.csv"),
    *("passes.csv", "ablations.csv", "coverage.csv", "calibration.csv", "real_models.csv", "tune_summary.csv"),
    *("hardware_choice_summary.csv", "latency_estimates.csv", "published_summary.csv"),
)
"""Files under ``artifacts/results`` whose numbers the thesis gives."""


class Results:
    """Result files of a run.

    Args:
        paths: where they lie.
        figures: names of the figures that have to be of the same run.

    Raises:
        ArtifactError: naming each file that is missing, or made by another code version or configuration than the rest.
    """

    def __init__(self, paths: PathsConfig, figures: Iterable[str] = ()) -> None:
        self._folder = paths.artifacts / "results"
        files = {f"results/{name}": self._folder / name for name in RESULTS}
        files |= {f"figures/{name}": paths.figures / f"{name}.pdf" for name in figures}
        self.origins = _read_origins(paths, files)
        check_agreement(self.origins)

    def table(self, name: str) -> pd.DataFrame:
        """A table of results.

        Raises:
            ArtifactError: it is empty or no table.
        """
        path = self._folder / f"{name}.csv"
        try:
            return pd.read_csv(path)
        except (pd.errors.EmptyDataError, pd.errors.ParserError, UnicodeDecodeError) as error:
            raise ArtifactError(f"{path}: no table ({error}); run `make reproduce`") from None

    def facts(self, name: str) -> dict:
        """Single results by name."""
        return read_json(self._folder / f"{name}.json")

    def origin(self, file: str) -> str:
        """What made a result file, for a comment in LaTeX."""
        return f"results/{file}: {self.origins[f'results/{file}']}"

    def alternatives(self) -> dict[str, str]:
        """Alternative text of each figure."""
        marker = "figures/"
        return {what.removeprefix(marker): own.alt for what, own in self.origins.items() if what.startswith(marker)}


def _read_origins(paths: PathsConfig, files: Mapping[str, Path]) -> dict[str, Origin]:
    records = {what: origin_path(paths, what) for what in files}
    missing = [what for what, path in files.items() if not (path.is_file() and records[what].is_file())]
    if missing:
        raise ArtifactError(f"the thesis needs {', '.join(missing)}, which no run has made; run `make reproduce`")
    return {what: Origin(**read_json(path)) for what, path in records.items()}


def check_agreement(origins: Mapping[str, Origin]) -> None:
    """Refuse results of different code versions or configurations.

    Raises:
        ArtifactError: naming those that differ from the most common ones.
    """
    versions = {what: (own.code_version, own.config) for what, own in origins.items()}
    ((usual, _), *others) = Counter(versions.values()).most_common()
    if others:
        stale = [f"{what} (code {one[0]}, configuration {one[1]})" for what, one in versions.items() if one != usual]
        raise ArtifactError(
            f"stale: {', '.join(stale)}; the rest was made by code {usual[0]}, configuration {usual[1]}; "
            "run `make reproduce`"
        )
