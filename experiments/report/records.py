"""Committed results, read field by field: what is missing or damaged is one line that names the file and the field."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from ptmrec.core.errors import ArtifactError, one_line
from ptmrec.core.files import read_json

MEND = "restore it with git, or copy a run's results with ptmrec readme --copy"


class Record:
    """A JSON object or the row of a table; each field is checked when it is asked for.

    Args:
        path: the file.
        values: the fields.
        place: where in the file, as an error says it.
        mend: what to do, for the errors.
    """

    def __init__(self, path: Path, values: Any, place: str = "", mend: str = MEND) -> None:
        self._path, self._place, self._mend = path, place, mend
        if not isinstance(values, Mapping):
            self._refuse(f"is {_kind(values)}, no object")
        self._values = values

    def __contains__(self, field: str) -> bool:
        return field in self._values

    @property
    def fields(self) -> list[str]:
        """Names of the fields, in their order."""
        return list(self._values)

    def to_dict(self) -> dict[str, Any]:
        """All fields as they stand."""
        return dict(self._values)

    def value(self, field: str) -> Any:
        """A field as it stands."""
        if field not in self._values:
            self._refuse(f"no field {field!r}")
        return self._values[field]

    def number(self, field: str) -> float:
        """A finite number."""
        return self._number(field, self.value(field))

    def text(self, field: str) -> str:
        """A text."""
        value = self.value(field)
        return value if isinstance(value, str) else self._refuse(f"field {field!r} is {_kind(value)}, no text")

    def flag(self, field: str) -> bool:
        """A truth value."""
        value = self.value(field)
        return (
            value if isinstance(value, bool) else self._refuse(f"field {field!r} is {_kind(value)}, not true or false")
        )

    def numbers(self, field: str, count: int) -> list[float]:
        """A list of so many finite numbers."""
        values = self.value(field)
        if not isinstance(values, list) or len(values) != count:
            self._refuse(f"field {field!r} is no list of {count} numbers")
        return [self._number(field, value) for value in values]

    def part(self, field: str) -> "Record":
        """An object within this one."""
        return Record(self._path, self.value(field), f"{self._place}{field}: ", self._mend)

    def rows(self, field: str) -> list["Record"]:
        """A list of objects, at least one."""
        values = self.value(field)
        if not isinstance(values, list) or not values:
            self._refuse(f"field {field!r} is {_kind(values)}, expected a list with rows")
        return [
            Record(self._path, value, f"{self._place}{field}, row {count}: ", self._mend)
            for count, value in enumerate(values, 1)
        ]

    def _number(self, field: str, value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            self._refuse(f"field {field!r} is {_kind(value)}, no number")
        return value

    def _refuse(self, reason: str) -> Any:
        raise ArtifactError(one_line(f"{self._path}: {self._place}{reason}; {self._mend}"))


class Table:
    """A CSV whose columns are there and are what they should be.

    Args:
        path: the file.
        texts: columns of text; no cell is empty.
        numbers: columns of numbers; a cell may be empty until it is asked for.
        complete: columns of numbers; no cell is empty.
        mend: what to do, for the errors.
        may_be_empty: a table without rows is one.

    Raises:
        ArtifactError: it cannot be read, is empty, or a column is missing or damaged.
    """

    def __init__(
        self,
        path: Path,
        texts: Sequence[str],
        numbers: Sequence[str] = (),
        complete: Sequence[str] = (),
        mend: str = MEND,
        may_be_empty: bool = False,
    ) -> None:
        self.path, self._mend = path, mend
        try:
            self.frame = pd.read_csv(path)
        except FileNotFoundError:
            raise ArtifactError(f"{path}: file not found; {mend}") from None
        except ValueError as error:  # no text, no rows, or rows of different lengths
            raise ArtifactError(one_line(f"{path}: not readable as a table ({error}); {mend}")) from None
        if self.frame.empty and not may_be_empty:
            raise ArtifactError(f"{path}: holds no rows; {mend}")
        for column in (*texts, *numbers, *complete):
            if column not in self.frame:
                raise ArtifactError(f"{path}: no column {column!r}; {mend}")
        for column in texts:
            self._refuse(column, self.frame[column].isna(), "no text")
        for column in (*numbers, *complete):
            found = pd.to_numeric(self.frame[column], errors="coerce")
            infinite = found.abs() == float("inf")
            empty = self.frame[column].isna() & (column not in complete)
            self._refuse(column, (found.isna() & ~empty) | infinite, "no number")
            self.frame[column] = found

    def row(self, **where: str | float) -> Record:
        """The one row whose columns hold these texts and numbers."""
        chosen = self.frame
        for column, text in where.items():
            chosen = chosen[chosen[column] == text]
        named = ", ".join(f"{column} {text!r}" for column, text in where.items())
        if len(chosen) != 1:
            raise ArtifactError(f"{self.path}: {'two rows' if len(chosen) else 'no row'} of {named}; {self._mend}")
        return Record(self.path, chosen.iloc[0].to_dict(), f"row of {named}: ", self._mend)

    def _refuse(self, column: str, wrong: pd.Series, wanted: str) -> None:
        if wrong.any():
            index = int(wrong.to_numpy().argmax())
            value = _kind(self.frame[column].iloc[index])
            raise ArtifactError(
                one_line(f"{self.path}: row {index + 1}: column {column!r} is {value}, {wanted}; {self._mend}")
            )


def read_record(path: Path, mend: str = MEND) -> Record:
    """A JSON file that holds one object.

    Raises:
        ArtifactError: it is missing, is not JSON, or holds something else.
    """
    return Record(path, read_json(path), mend=mend)


def read_lines(path: Path) -> str:
    """A text file without the blanks at its end.

    Raises:
        ArtifactError: it is empty or not UTF-8.
    """
    try:
        text = path.read_text(encoding="utf-8").rstrip()
    except FileNotFoundError:
        raise ArtifactError(f"{path}: file not found; {MEND}") from None
    except UnicodeDecodeError:
        raise ArtifactError(f"{path}: not UTF-8; {MEND}") from None
    if not text:
        raise ArtifactError(f"{path}: empty; {MEND}")
    return text


def _kind(value: Any) -> str:
    """A value as an error shows it."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "empty"
    if isinstance(value, Mapping | list):
        return f"{'an object' if isinstance(value, Mapping) else 'a list'} of {len(value)}"
    return repr(value.item() if hasattr(value, "item") else value)[:60]
