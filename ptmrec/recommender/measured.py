"""Accuracies that users measured themselves, on their own images: read, checked, and put beside the models."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np

from ptmrec.core.errors import ArtifactError, ConfigError
from ptmrec.core.text import read_rows
from ptmrec.core.words import count_of, suggest
from ptmrec.relations.conformal import LEVELS

if TYPE_CHECKING:
    import pandas as pd

    from ptmrec.relations.odds import Moved

HOW = "write model=0.83, or model=0.83/400 with the number of test images"
COLUMNS = ("model", "accuracy", "images")
"""Columns of a file; images may be left away."""
SCALES = {
    "low_data": "a probe of frozen features",
    "fine_tuning": "fine-tuning",
    "zero_shot": "zero-shot classification",
    "as_trained": "the network as it was trained",
}
"""Regime -> what an accuracy is of; one of them says nothing exact of another."""
FITTED = "intervals are fitted for as many"
OTHER_SCALE = "on another scale than the table they can move the order, not the numbers"
NO_EVIDENCE = "the table does not tell what they say of other models"
"""What measured accuracies do."""


@dataclass(frozen=True)
class Measured:
    """An accuracy that was measured.

    Attributes:
        accuracy: from 0 to 1; images: how many test images it was judged on, None where that is not said.
    """

    accuracy: float
    images: int | None = None


@dataclass(frozen=True)
class Measurements:
    """Measured accuracies of N models.

    Attributes:
        accuracies: ``(N,)``, NaN = not measured; images: ``(N,)`` test images of each.
    """

    accuracies: np.ndarray
    images: np.ndarray

    @property
    def count(self) -> int:
        """Models that were measured."""
        return int((~np.isnan(self.accuracies)).sum())

    def describe(self, scale: str, moved: "Moved | None" = None, effect: str = FITTED) -> str:
        """One sentence or two: how many were measured, of what, and what that brought on data sets left out."""
        if not self.count:
            return ""
        models = count_of(self.count, "measured model")
        taken = f"{models}, taken for accuracies of {scale}: {effect}."
        if moved is None:
            return taken
        from ptmrec.relations.odds import ORDERS  # brings scipy, and reading what was measured needs none of it

        lost = ", ".join(f"{100 * loss:.1f} by {order}" for order, loss in zip(ORDERS, moved.losses, strict=True))
        return f"{taken} On data sets left out the first model then loses points: {lost}; so it is {moved.order}."

    def differing(self, names: Sequence[str], run: np.ndarray) -> str:
        """One sentence about models whose accuracy here is another than running them ``(N,)`` gave; mostly empty."""
        both = np.flatnonzero(~np.isnan(run) & ~np.isnan(self.accuracies) & (run != self.accuracies))
        parts = [f"{names[place]} {run[place]:.2f} and {self.accuracies[place]:.2f}" for place in both]
        return f"Run here and measured by you, which counts: {'; '.join(parts)}." if parts else ""

    def only(self, rows: np.ndarray) -> "Measurements":
        """Those of some models, by index."""
        return Measurements(self.accuracies[rows], self.images[rows])

    def joined(self, accuracies: np.ndarray, images: int) -> "Measurements":
        """With others ``(N,)``, judged on so many images, where these are not measured."""
        open_ = np.isnan(self.accuracies)
        return Measurements(np.where(open_, accuracies, self.accuracies), np.where(open_, images, self.images))


def read_measured(given: Mapping[str, Any] | Iterable[str] | Path | str | None) -> dict[str, Measured]:
    """Read measured accuracies.

    Args:
        given: model -> accuracy, ``(accuracy, images)`` or text such as ``0.83/400``; or texts such as
            ``model=0.83/400`` and names of CSV files with the columns :data:`COLUMNS`.

    Raises:
        ConfigError: no number from 0 to 1, no number of images, a damaged file, or one model with two values.
    """
    if isinstance(given, str | Path):
        given = [str(given)]
    if not isinstance(given, Mapping) and not all(isinstance(text, str) for text in given or ()):
        raise ConfigError(f"measured: give a dictionary of models and accuracies, or texts; {HOW}")
    pairs = given.items() if isinstance(given, Mapping) else (pair for text in given or () for pair in _pairs(text))
    found: dict[str, Measured] = {}
    for model, value in pairs:
        put(found, str(model), _measured(str(model), value))
    return found


def put(found: dict[Any, Measured], model: Any, value: Measured, name: str | None = None) -> None:
    """Add a measured accuracy.

    Raises:
        ConfigError: the model has another one already.
    """
    if found.setdefault(model, value) != value:
        both = f"{found[model].accuracy:g} and {value.accuracy:g}"
        raise ConfigError(f"measured: {name or model} is given twice, {both}; keep one")


def place_measured(found: Mapping[str, Measured], places: Mapping[str, int], count: int, images: int) -> Measurements:
    """Put measured accuracies beside models.

    Args:
        found: by name.
        places: every name a model goes by -> its index.
        count: number of models N.
        images: taken for the number of test images where it is not said.

    Raises:
        ConfigError: a model that nobody lists, or one under two names with two values.
    """
    own: dict[int, Measured] = {}
    for name, value in found.items():
        if name not in places:
            raise ConfigError(f"measured: no model {name!r} in this zoo{suggest(name, places, 'see --format ids')}")
        put(own, places[name], value, name)
    accuracies, counts = np.full(count, np.nan), np.full(count, float(images))
    for place, value in own.items():
        accuracies[place], counts[place] = value.accuracy, value.images or images
    return Measurements(accuracies, counts)


def measured_columns(found: Measurements) -> dict[str, np.ndarray]:
    """What was measured of each model, NaN for the others, its binomial interval, and on what an accuracy rests."""
    low, high = wilson_interval(found.accuracies, found.images, LEVELS[0])
    basis = np.where(np.isnan(found.accuracies), "expected", "measured")
    return {"measured_accuracy": found.accuracies, "measured_low_80": low, "measured_high_80": high, "basis": basis}


def further_down(frame: "pd.DataFrame", count: int) -> str:
    """One sentence about measured models behind the first so many of an answer; empty where there are none."""
    if "measured_accuracy" not in frame:
        return ""
    rest = frame.iloc[count:].dropna(subset=["measured_accuracy"])
    parts = [f"{row.model} {row.measured_accuracy:.2f} (rank {row.rank})" for row in rest.itertuples()]
    return f"Measured, and behind the models shown: {', '.join(parts)}" if parts else ""


def wilson_interval(share: np.ndarray, count: np.ndarray | int, level: float) -> tuple[np.ndarray, np.ndarray]:
    """Interval of a probability from a share ``(N,)`` of so many trials (Wilson, 1927)."""
    z = NormalDist().inv_cdf((1 + level) / 2)
    centre = (share + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z * np.sqrt(share * (1 - share) / count + z**2 / (4 * count**2)) / (1 + z**2 / count)
    return centre - half, centre + half


def _pairs(text: str) -> list[tuple[str, Any]]:
    name, equal, value = text.rpartition("=")
    if equal and name.strip():
        return [(name.strip(), value)]
    if not text.lower().endswith(".csv"):
        raise ConfigError(f"measured {text!r}: {HOW}, or name a CSV file")
    try:
        rows = read_rows(text, f"name a CSV file with the columns {','.join(COLUMNS)}")
    except ArtifactError as error:
        raise ConfigError(f"measured: {error}") from None
    if not rows or not {"model", "accuracy"} <= set(rows[0]):
        raise ConfigError(f"measured: {text}: expected a line 'model,accuracy' or 'model,accuracy,images', then models")
    return [(row["model"], (row["accuracy"], row.get("images") or None)) for row in rows]


def _measured(model: str, value: Any) -> Measured:
    if isinstance(value, Measured):
        value = (value.accuracy, value.images)
    if isinstance(value, str):
        share, slash, images = value.partition("/")
        value = (share, images if slash else None)
    share, images = value if isinstance(value, tuple | list) and len(value) == 2 else (value, None)
    return Measured(_share(model, share), _count(model, images))


def _share(model: str, value: Any) -> float:
    text = str(value).strip()
    try:
        number = float(text.removesuffix("%"))
    except ValueError:
        number = math.nan
    if 1 < number <= 100:
        raise ConfigError(f"measured: {model} = {text}: an accuracy is a share from 0 to 1; write {number / 100:g}")
    if not 0 <= number <= 1 or text.endswith("%"):
        raise ConfigError(f"measured: {model} = {text or 'nothing'}: no accuracy from 0 to 1; {HOW}")
    return number


def _count(model: str, value: Any) -> int | None:
    if value is None:
        return None
    try:
        number = float(str(value).strip())
    except ValueError:
        number = math.nan
    if not number >= 1 or not number.is_integer():
        raise ConfigError(f"measured: {model}: {value!r} is no number of test images; {HOW}")
    return int(number)
