"""Tables of the README about speed, damage and the time a whole run takes."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pandas as pd

from ptmrec.files import read_json

BENCH, TORTURE, PLANTED, PROFILE = "bench.json", "torture.json", "planted_robustness.csv", "profile.json"
"""Files of results that the tables are made of."""
LEAST = 0.05
"""Share of a whole run from which on a cell is listed."""


def bench_table(folder: Path) -> str:
    """Speed and memory against peers and limits, as ``make bench`` found them."""
    found = read_json(folder / BENCH)
    heads = ("work", "against", "ours", "theirs", "ratio (quartiles)", "reach", "met", "")
    lines = [f"Measured on {_machine(found['machine'])}.", "", _line(heads), "|---" * len(heads) + "|"]
    for row in found["rows"]:
        ratio, met = f"{_short(row['ratio'])} [{_short(row['low'])}, {_short(row['high'])}]", row["met"]
        sign = "at least" if row["larger"] else "at most"
        reach = "" if row["reach"] is None else f"{sign} {row['reach']:g}"
        values = [f"{_short(row[key])} {row['unit']}".strip() for key in ("ours", "theirs")]
        answer = "" if met is None else "yes" if met else "no"
        lines.append(_line((row["work"], row["peer"], *values, ratio, reach, answer, row["note"])))
    return "\n".join(lines)


def torture_table(folder: Path) -> str:
    """What the package was put through, as ``make torture`` found it, and how many planted faults were caught."""
    found, planted = read_json(folder / TORTURE), pd.read_csv(folder / PLANTED)
    columns = [key for key in found["rows"][0] if key != "failures"]
    lines = [_line(columns), "|---" * len(columns) + "|"]
    lines += [_line(row[key] for key in columns) for row in found["rows"]]
    missed = planted.loc[~planted["caught"], "fault"].tolist()
    words = f" (missed: {', '.join(missed)})" if missed else ""
    lines += ["", f"Of {len(planted)} faults planted in the package the tests caught {planted['caught'].sum()}{words}."]
    return "\n".join(lines)


def profile_table(folder: Path) -> str:
    """Where the time of ``make reproduce`` goes."""
    found = read_json(folder / PROFILE)
    heads = ("notebook", "step", "seconds", "share")
    lines = [_line(heads), "|---" * len(heads) + "|"]
    for row in found["cells"]:
        lines.append(_line((row["notebook"], row["step"], f"{row['seconds']:.0f}", f"{row['share']:.0%}")))
    others = found["count"] - len(found["cells"])
    rest = f"{others} other cells, each less than {LEAST:.0%}"
    return "\n".join(
        [*lines, _line((rest, "", f"{found['rest']:.0f}", f"{found['rest'] / max(found['total'], 1):.0%}"))]
    )


def profile_notebooks(paths: list[Path]) -> dict[str, Any]:
    """Which cells of executed notebooks took how long, from the times papermill notes."""
    cells = [cell for path in paths for cell in _cells(path)]
    total = sum(cell["seconds"] for cell in cells)
    shown = [cell | {"share": cell["seconds"] / total} for cell in cells if cell["seconds"] >= LEAST * max(total, 1)]
    rest = total - sum(cell["seconds"] for cell in shown)
    return {"total": total, "count": len(cells), "rest": rest, "cells": shown}


def _cells(path: Path) -> Iterator[dict[str, Any]]:
    heading = ""
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "markdown":
            heading = next((line.strip("# ") for line in cell.source.splitlines() if line.startswith("#")), heading)
        elif seconds := cell.metadata.get("papermill", {}).get("duration"):
            yield {"notebook": path.stem, "step": heading, "seconds": round(seconds, 1)}


def _machine(machine: dict[str, Any]) -> str:
    return ", ".join(str(machine[key]) for key in ("processor", "cores") if key in machine) + " cores, one thread"


def _line(cells: Any) -> str:
    return f"| {' | '.join(str(cell) for cell in cells)} |"


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
