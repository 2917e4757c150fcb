"""What somebody waits for at the command line."""

import subprocess
import sys
import time

import numpy as np

from benchmarks.timing import Row, against_limit

COMMANDS = {
    "ptmrec --help": (["--help"], 0.3, 5, 0),
    "ptmrec recommend on a mistyped path": (["recommend", "my_imagse/"], 1.0, 5, 4),
    "ptmrec recommend --demo, a new process": (["recommend", "--demo", "--format", "ids"], 5.0, 3, 0),
}
"""Arguments, seconds wanted at most, rounds, and exit status."""


def _seconds(arguments: list[str], status: int) -> float:
    started = time.perf_counter()
    done = subprocess.run([sys.executable, "-m", "ptmrec", *arguments], capture_output=True)
    if done.returncode != status:
        raise RuntimeError(f"ptmrec {' '.join(arguments)} ended with {done.returncode}: {done.stderr.decode()}")
    return time.perf_counter() - started


def _warm() -> np.ndarray:
    from ptmrec.benchmark.battery import DEMO, read_battery
    from ptmrec.config.parser import ConfigParser
    from ptmrec.config.sections import PathsConfig
    from ptmrec.recommender.request import recommend

    part = read_battery(ConfigParser().get(PathsConfig).battery)[DEMO]
    labels, seconds = [part.class_names[label] for label in part.labels], []
    for _ in range(4):
        started = time.perf_counter()
        recommend(part.images, labels)
        seconds.append(time.perf_counter() - started)
    return np.array(seconds[1:])


def run() -> list[Row]:
    """Seconds of each command as a whole process, and of a second question in one process."""
    rows = []
    for work, (arguments, limit, rounds, status) in COMMANDS.items():
        _seconds(arguments, status)
        rows.append(against_limit(work, np.array([_seconds(arguments, status) for _ in range(rounds)]), limit))
    rows.append(against_limit("ptmrec.recommend, asked again", _warm(), 1.0))
    return rows
