"""Kill ``ptmrec reproduce`` and ``thesis`` at random instants; what goes on ends with what an unbroken run leaves."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

from ptmrec.core.files import is_temporary
from torture.outcome import Outcome

PROFILE = "smoke"
TIMES = ("seconds", "duration")
"""Parts of the names of columns and keys that hold times, which differ from run to run."""
PLACES = ("artifacts", "figures", "thesis_output")


def kill_reproductions(kills: int, seed: int, folder: Path) -> list[Outcome]:
    """T2: one run to its end, and one that is killed so often and started again each time; then the thesis of it.

    Args:
        kills: number of kills of each.
        seed: seed of the instants.
        folder: where both write.
    """
    draw, outcome = np.random.default_rng(seed), Outcome("kills of ptmrec reproduce, T2")
    started = time.monotonic()
    status = _run(folder / "whole").wait()
    span, whole = time.monotonic() - started, results(folder / "whole")
    outcome.add(status == 0 and bool(whole), f"without a kill: {status}")
    for kill in range(kills):
        status = _kill(_run(folder / "killed"), float(draw.uniform(0, span)))
        outcome.add(status in (0, -signal.SIGKILL), f"kill {kill}: ended with {status}")
    status = _run(folder / "killed").wait()
    found = results(folder / "killed")
    differ = sorted(name for name in whole | found if whole.get(name) != found.get(name))
    outcome.add(status == 0 and not differ, f"status {status}, other results in {differ[:5]}")
    return [outcome, _kill_theses(kills, draw, folder / "whole")]


def _kill_theses(kills: int, draw: np.random.Generator, place: Path) -> Outcome:
    """What stands as the PDF after a kill is the one of before or the one that an unbroken build makes."""
    outcome, pdf = Outcome("kills of ptmrec thesis, T2"), place / "thesis_output" / "build" / "thesis.pdf"
    started = time.monotonic()
    status = _run(place, "thesis").wait()
    span, whole = time.monotonic() - started, pdf.read_bytes() if pdf.exists() else b""
    outcome.add(status == 0 and bool(whole), f"without a kill: {status}")
    for kill in range(kills):
        status = _kill(_run(place, "thesis"), float(draw.uniform(0, span)))
        torn = pdf.exists() and pdf.read_bytes() != whole
        outcome.add(status in (0, -signal.SIGKILL) and not torn, f"kill {kill}: ended with {status}, {torn=}")
        if kill % 2:
            pdf.unlink(missing_ok=True)  # the next has nothing to start from but what the kill left
    status = _run(place, "thesis").wait()
    left = [path.name for path in (place / "thesis_output").rglob(".*") if is_temporary(path)]
    outcome.add(status == 0 and pdf.read_bytes() == whole and not left, f"in the end {status}, {left=}")
    return outcome


def _run(place: Path, command: str = "reproduce") -> subprocess.Popen:
    settings = [part for name in PLACES for part in ("--set", f"paths.{name}={place / name}")]
    words = [sys.executable, "-m", "ptmrec", "--profile", PROFILE, *settings, command]
    silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen(words, start_new_session=True, **silent)


def _kill(run: subprocess.Popen, after: float) -> int:
    """Its status, after so many seconds at most."""
    try:
        return run.wait(after)
    except subprocess.TimeoutExpired:
        os.killpg(run.pid, signal.SIGKILL)
        return run.wait()


def results(place: Path) -> dict[str, str]:
    """Hash of each table and file of facts of a run by name, without times."""
    found = {}
    for path in sorted((place / "artifacts" / "results").iterdir()):
        if path.suffix == ".csv":
            frame = pd.read_csv(path)
            text = frame[[name for name in frame if not _is_time(name)]].to_csv(index=False)
        else:
            text = json.dumps(without_times(json.loads(path.read_text(encoding="utf-8"))), sort_keys=True)
        found[path.name] = hashlib.sha256(text.replace(str(place), "").encode()).hexdigest()
    return found


def without_times(value: object) -> object:
    """Plain data without the fields that hold times."""
    if isinstance(value, dict):
        return {key: without_times(part) for key, part in value.items() if not _is_time(key)}
    return [without_times(part) for part in value] if isinstance(value, list) else value


def _is_time(name: str) -> bool:
    return any(part in name for part in TIMES)
