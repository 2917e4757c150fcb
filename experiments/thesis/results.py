"""Results the thesis is made of: all there, and all made by one code version and configuration."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path

import pandas as pd

from experiments.outputs import Origin, origin_path
from experiments.report.records import Record, Table, read_record
from ptmrec.config.sections import PathsConfig
from ptmrec.core.errors import ArtifactError, reading

RESULTS = (
    *("zoo.json", "autoencoder.json", "training.json", "quadrants.csv", "quadrants_summary.csv", "summary.csv"),
    *("passes.csv", "ablations.csv", "coverage.csv", "calibration.csv", "real_models.csv", "tune_summary.csv"),
    *("hardware_choice_summary.csv", "latency_estimates.csv", "published_summary.csv"),
)
"""Files under ``artifacts/results`` whose numbers the thesis gives."""
MEND = "run `make reproduce`"
_BAND = ("tau_w", "tau_w_low", "tau_w_high", "regret1", "regret1_low", "regret1_high")
_GAIN = ("gain", "gain_low", "gain_high")
_SUMMARY = (("group", "regime", "method"), ("of_ceiling", *_GAIN, "saved", "saved_low", "saved_high"))
COLUMNS = {
    **dict.fromkeys(("quadrants_summary", "summary"), (*_SUMMARY, ("targets", "ndcg5", *_BAND))),
    "quadrants": (("quadrant", "regime", "method", "target"), ("tau_w",)),
    "passes": (("regime", "target", "method"), (), ("k", "regret1")),
    "ablations": (("what", "regime", "target"), (), ("tau_w",)),
    "coverage": (("group", "regime", "dataset"), (), ("k", "level", "coverage", "width", "doubted")),
    "calibration": (("group", "regime", "dataset"), (), ("k", "expected", "measured")),
    "real_models": (("model", "dataset"), (), ("predicted", "measured")),
    "hardware_choice_summary": (
        ("regime", "method"),
        _GAIN,
        ("targets", "regret", "regret_low", "regret_high", "violations"),
    ),
    "latency_estimates": (("finding", "device"), ("low", "high", "median_error", "wrong_side")),
    "tune_summary": (
        ("method",),
        (),
        (*_GAIN, "budget", "accuracy", "of_best", "seconds", "data_sets", "seeds"),
    ),
    "published_summary": (
        ("benchmark", "protocol", "metric", "method"),
        _GAIN,
        ("targets", "value", "low", "high"),
    ),
}
"""Columns that the thesis reads: of text, of numbers that may be missing, and of numbers that may not."""
EMPTY = ("real_models",)
"""Tables of which a small profile has the heading only."""


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
            ArtifactError: it is empty or no table, or a column is missing or damaged.
        """
        return Table(self._folder / f"{name}.csv", *COLUMNS[name], mend=MEND, may_be_empty=name in EMPTY).frame

    def facts(self, name: str) -> Record:
        """Single results by name."""
        return read_record(self._folder / f"{name}.json", MEND)

    @contextmanager
    def content(self, file: str) -> Iterator[None]:
        """Let whatever goes wrong while a result is taken apart be one line that names its file."""
        path = self._folder / file
        rows = f" (rows by {', '.join(COLUMNS[path.stem][0])})" if path.suffix == ".csv" else ""
        try:
            with reading(f"{path}{rows}", MEND):
                yield
        except ArtifactError as error:
            raise (error if str(path) in str(error) else ArtifactError(f"{path}: {error}")) from None

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
    found = {what: read_record(path, MEND) for what, path in records.items()}
    return {what: Origin(**{one.name: own.text(one.name) for one in fields(Origin)}) for what, own in found.items()}


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
