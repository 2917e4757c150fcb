"""Kill ``ptmrec reproduce`` at random instants; its continuation has to end with the results of an unbroken run."""

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

from torture.outcome import Outcome

PROFILE = "smoke"
TIMES = ("seconds", "duration")
"""Parts of the names of columns and keys that hold times, which differ from run to run."""
PLACES = ("artifacts", "figures", "thesis_output")


def kill_reproductions(kills: int, seed: int, folder: Path) -> Outcome:
    """T2: one run to its end, and one that is killed so often and started again each time.

    Args:
        kills: number of kills.
        seed: seed of the instants.
        folder: where both write.
    """
    draw, outcome = np.random.default_rng(seed), Outcome("kills of ptmrec reproduce, T2")
    started = time.monotonic()
    _run(folder / "whole").wait()
    span, whole = time.monotonic() - started, results(folder / "whole")
    for kill in range(kills):
        run = _run(folder / "killed")
        try:
            run.wait(float(draw.uniform(0, span)))
        except subprocess.TimeoutExpired:
            os.killpg(run.pid, signal.SIGKILL)
            run.wait()
        outcome.add(run.returncode in (0, -signal.SIGKILL), f"kill {kill}: ended with {run.returncode}")
    status = _run(folder / "killed").wait()
    found = results(folder / "killed")
    differ = sorted(name for name in whole | found if whole.get(name) != found.get(name))
    outcome.add(status == 0 and bool(whole) and not differ, f"status {status}, other results in {differ[:5]}")
    return outcome


def _run(place: Path) -> subprocess.Popen:
    settings = [part for name in PLACES for part in ("--set", f"paths.{name}={place / name}")]
    command = [sys.executable, "-m", "ptmrec", "--profile", PROFILE, *settings, "reproduce"]
    silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen(command, start_new_session=True, **silent)


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
