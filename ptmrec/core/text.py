"""Rows and frames as text: a table, JSON or CSV. pandas, which only who has a frame needs, is not imported here."""

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ptmrec.core.errors import ArtifactError
from ptmrec.core.words import csv_cell, visible

if TYPE_CHECKING:
    import pandas as pd

Rows = Sequence[Mapping[str, Any]]
"""Rows that all have the same columns; a value is text, a number, a truth value, or None (as NaN: unknown)."""

DECIMALS = 6
"""Most decimals shown in a table."""


def format_rows(rows: Rows, style: str) -> str:
    """Rows as text without the last line end; the empty text when there are none.

    Args:
        rows: the rows.
        style: ``table`` (columns padded to one width), ``json`` or ``csv``.
    """
    if style == "json":
        return json.dumps([{key: _known(value) for key, value in row.items()} for row in rows], indent=1)
    if not rows:
        return ""
    return _csv(rows) if style == "csv" else _table(rows)


def csv_text(frame: "pd.DataFrame") -> str:
    """A frame as CSV without its index; no cell or heading is a formula."""
    shown = frame.rename(columns=csv_cell)
    for place, (_, column) in enumerate(shown.items()):
        if column.dtype.kind not in "biuf":
            shown.isetitem(place, column.astype(object).map(csv_cell))
    return shown.to_csv(index=False, lineterminator="\n")


def format_cells(rows: Rows) -> dict[str, list[str]]:
    """Text of each column's cells; numbers of a column with the same decimals, unknown values empty."""
    return {name: _column([_known(row[name]) for row in rows]) for name in rows[0]}


def _known(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _column(values: list[Any]) -> list[str]:
    floats = [value for value in values if isinstance(value, float)]
    decimals = max((len(f"{value:.{DECIMALS}f}".rstrip("0").partition(".")[2]) for value in floats), default=0)
    return [
        "" if value is None else f"{value:.{max(decimals, 1)}f}" if isinstance(value, float) else visible(value)
        for value in values
    ]


def _csv(rows: Rows) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(map(csv_cell, rows[0]))
    writer.writerows([csv_cell(_known(row[name])) for name in rows[0]] for row in rows)
    return text.getvalue().removesuffix("\n")


def _table(rows: Rows) -> str:
    columns = [[str(name), *cells] for name, cells in format_cells(rows).items()]
    widths = [max(map(len, column)) for column in columns]
    lines = zip(*columns, strict=True)
    return "\n".join(" ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) for line in lines)


def read_rows(path: Path | str, otherwise: str) -> list[dict[str, str]]:
    """Read the rows of a CSV whose first line names the columns.

    Args:
        path: the file, in UTF-8.
        otherwise: what to do instead, for the error.

    Raises:
        ArtifactError: it cannot be read, or is no CSV.
    """
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            first = file.readline()
            delimiter = max(",;\t", key=first.count)  # as spreadsheets of other countries write it
            file.seek(0)
            return list(csv.DictReader(file, delimiter=delimiter, skipinitialspace=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        why = getattr(error, "strerror", None) or "no CSV in UTF-8"
        raise ArtifactError(f"{path}: {why}; {otherwise}") from None
