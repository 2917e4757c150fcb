"""Regions of the pages about speed, damage and the time a whole run takes."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pandas as pd

from experiments.figures.cost_growth import OVER
from experiments.report.records import MEND, Record, Table, read_record
from ptmrec.core.errors import ArtifactError, reading

BENCH, TORTURE, PLANTED, PROFILE = "bench.json", "torture.json", "planted_robustness.csv", "profile.json"
"""Files of results that the tables are made of."""
MUTATIONS, TIMES = "mutations.csv", "times.json"
MOST = 1e12
"""More models, data sets or seconds than that are none."""
LEAST = 0.05
"""Share of a whole run from which on a cell is listed."""


def bench_table(folder: Path) -> str:
    """Speed and memory against peers and limits, as ``make bench`` found them."""
    found = read_record(folder / BENCH)
    heads = ("work", "against", "ours", "theirs", "ratio (quartiles)", "reach", "met", "")
    lines = [f"Measured on {_machine(found.part('machine'))}.", "", _line(heads), "|---" * len(heads) + "|"]
    for row in found.rows("rows"):
        ratio, low, high = (_short(row.number(key)) for key in ("ratio", "low", "high"))
        sign = "at least" if row.flag("larger") else "at most"
        reach = "" if row.value("reach") is None else f"{sign} {row.number('reach'):g}"
        values = [f"{_short(row.number(key))} {row.text('unit')}".strip() for key in ("ours", "theirs")]
        answer = "" if row.value("met") is None else "yes" if row.flag("met") else "no"
        names = (row.text("work"), row.text("peer"))
        lines.append(_line((*names, *values, f"{ratio} [{low}, {high}]", reach, answer, row.text("note"))))
    return "\n".join(lines)


def missed(folder: Path) -> str:
    """How many goals of ``make bench`` are met, and which are not."""
    rows = [row for row in read_record(folder / BENCH).rows("rows") if row.value("met") is not None]
    short = [f"{row.text('work')} against {row.text('peer')}" for row in rows if not row.flag("met")]
    text = f"{len(rows) - len(short)} of {len(rows)} goals are met."
    return f"{text} Missed: {'; '.join(short)}." if short else text


def growth(folder: Path) -> pd.DataFrame:
    """Seconds by the number of models and of known data sets: ``over, what, count, seconds``."""
    path = folder / BENCH
    rows = [
        {"over": row.text("over"), "what": row.text("what")} | {key: row.number(key) for key in ("count", "seconds")}
        for row in read_record(path).rows("growth")
    ]
    for place, row in enumerate(rows, 1):
        for key in ("count", "seconds"):
            if not 0 < row[key] < MOST:
                raise ArtifactError(
                    f"{path}: growth, row {place}: field {key!r} is {row[key]:g}, no such number; {MEND}"
                )
    if {row["over"] for row in rows} != {*OVER}:
        raise ArtifactError(f"{path}: field 'growth' needs rows over {' and '.join(OVER)}; {MEND}")
    return pd.DataFrame(rows)


def torture_table(folder: Path) -> str:
    """What the package was put through, as ``make torture`` found it, and how many planted faults were caught."""
    rows = read_record(folder / TORTURE).rows("rows")
    columns = [key for key in rows[0].fields if key != "failures"]
    lines = [_line(columns), "|---" * len(columns) + "|"]
    lines += [_line(row.value(key) for key in columns) for row in rows]
    return "\n".join([*lines, "", _planted(folder / PLANTED)])


def _planted(path: Path) -> str:
    faults = Table(path, ("fault", "caught")).frame.astype({"caught": str})
    odd = set(faults["caught"]) - {"True", "False"}
    if odd:
        raise ArtifactError(f"{path}: column 'caught' holds {min(odd)[:60]!r}, not True or False; {MEND}")
    caught = faults["caught"] == "True"
    words = "" if caught.all() else f" (missed: {', '.join(faults.loc[~caught, 'fault'])})"
    return f"Of {len(faults)} faults planted in the package the tests caught {caught.sum()}{words}."


def mutations_table(folder: Path) -> str:
    """How many changes of the package its tests notice, room by room, as ``make mutations`` found them."""
    columns = ("room", "sampled", "killed", "equal", "survived")
    frame = Table(folder / MUTATIONS, columns[:1], complete=columns[1:]).frame
    lines = [_line(columns), "|---" * len(columns) + "|"]
    lines += [_line((row.room, *(f"{getattr(row, name):.0f}" for name in columns[1:]))) for row in frame.itertuples()]
    noticed = 1 - frame["survived"].sum() / frame["sampled"].sum()
    words = f"Of {frame['sampled'].sum():.0f} sampled changes {noticed:.0%} fail a test or change nothing that counts."
    return "\n".join([*lines, "", words])


def profile_table(folder: Path) -> str:
    """Where the time of ``make reproduce`` goes."""
    found = read_record(folder / PROFILE)
    cells = found.rows("cells") if found.value("cells") else []
    lines = [_line(("notebook", "step", "seconds", "share")), "|---|---|---|---|"]
    for row in cells:
        names = (row.text("notebook"), row.text("step"))
        lines.append(_line((*names, f"{row.number('seconds'):.0f}", f"{row.number('share'):.0%}")))
    others, rest = found.number("count") - len(cells), found.number("rest")
    words = f"{others:.0f} other cells, each less than {LEAST:.0%}"
    return "\n".join([*lines, _line((words, "", f"{rest:.0f}", f"{rest / max(found.number('total'), 1):.0%}"))])


def times(folder: Path) -> str:
    """How long each notebook takes."""
    found = read_record(folder / TIMES)
    spans = {name: found.numbers(name, 2) for name in found.fields}
    if not spans:
        raise ArtifactError(f"{folder / TIMES}: names no notebook; {MEND}")
    parts = [f"{name[:2]} {_range(*span, 's')}" for name, span in spans.items()]
    total = [sum(span[end] for span in spans.values()) / 60 for end in (0, 1)]
    return f"Measured on two cores: {_range(*total, 'minutes')} in all; by notebook {', '.join(parts)}."


def notebook_times(paths: list[Path]) -> dict[str, list[float]]:
    """The shortest and the longest run of each notebook, from the times papermill notes."""
    found: dict[str, list[float]] = {}
    for path in paths:
        seconds = _read(path).metadata.get("papermill", {}).get("duration")
        if seconds:
            found.setdefault(path.stem, []).append(round(seconds, 1))
    return {name: [min(values), max(values)] for name, values in found.items()}


def profile_notebooks(paths: list[Path]) -> dict[str, Any]:
    """Which cells of executed notebooks took how long, from the times papermill notes."""
    cells = [cell for path in paths for cell in _cells(path)]
    total = sum(cell["seconds"] for cell in cells)
    shown = [cell | {"share": cell["seconds"] / total} for cell in cells if cell["seconds"] >= LEAST * max(total, 1)]
    rest = total - sum(cell["seconds"] for cell in shown)
    return {"total": total, "count": len(cells), "rest": rest, "cells": shown}


def _cells(path: Path) -> Iterator[dict[str, Any]]:
    heading = ""
    for cell in _read(path).cells:
        if cell.cell_type == "markdown":
            heading = next((line.strip("# ") for line in cell.source.splitlines() if line.startswith("#")), heading)
        elif seconds := cell.metadata.get("papermill", {}).get("duration"):
            yield {"notebook": path.stem, "step": heading, "seconds": round(seconds, 1)}


def _read(path: Path) -> nbformat.NotebookNode:
    with reading(path, "run ptmrec reproduce again"):
        return nbformat.read(path, as_version=4)


def _range(low: float, high: float, unit: str) -> str:
    return f"{low:.0f} {unit}" if round(low) == round(high) else f"{low:.0f} to {high:.0f} {unit}"


def _machine(machine: Record) -> str:
    return ", ".join(str(machine.value(key)) for key in ("processor", "cores") if key in machine) + " cores, one thread"


def _line(cells: Any) -> str:
    return f"| {' | '.join(str(cell) for cell in cells)} |"


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
