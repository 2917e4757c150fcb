"""``python -m torture``: the matrix at nightly counts; ``python -m torture planted``: whether it can fail."""

import argparse
import logging
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ["PTMREC_PROGRESS"] = "off"
os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from rich.console import Console
from rich.table import Table

from ptmrec.files import write_json
from torture.faults import damage_checkpoints, fail_trainings, fail_writes
from torture.kills import kill_trainings
from torture.names import hostile_names
from torture.outcome import Outcome
from torture.parsers import feed, make_parsers
from torture.planted import plant_all
from torture.store import share_store

ROOT = Path(__file__).resolve().parents[1]
RESULT = ROOT / "constants" / "results" / "torture.json"
COUNTS = {"kills": 40, "damaged": 2000, "mutants": 3000, "slow mutants": 300, "rounds": 10, "names": 5000}
"""How often each is done at night; T5 does every operation there is."""
SLOW = ("INI",)


def main() -> int:
    """Run what is asked for; 1 when anything failed."""
    parser = argparse.ArgumentParser(prog="python -m torture", description=__doc__)
    parser.add_argument("what", nargs="?", choices=("matrix", "planted"), default="matrix")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--share", type=float, default=1.0, help="share of the counts, for a quick look")
    asked = parser.parse_args()
    if asked.what == "planted":
        return plant_all(ROOT)
    torch.set_num_threads(1)
    sys.unraisablehook = lambda _: None  # files that could not be written say so again when they are thrown away
    logging.getLogger("ptmrec").setLevel(logging.ERROR)
    outcomes = run_matrix(asked.seed, asked.share)
    show(outcomes)
    if asked.share == 1.0:
        rows = [outcome.row() | {"failures": outcome.failures} for outcome in outcomes]
        write_json(RESULT, {"seed": asked.seed, "rows": rows})
    return int(any(outcome.tried > outcome.survived for outcome in outcomes))


def run_matrix(seed: int, share: float) -> list[Outcome]:
    """Every kind of trial, one after the other."""
    outcomes = []
    counts = {name: max(1, round(count * share)) for name, count in COUNTS.items()}
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # a disk syncs a hundred times as slowly
    with tempfile.TemporaryDirectory(prefix="torture-", dir=memory) as name:
        folder = Path(name)

        def run(trial: Callable[[Path], Outcome | list[Outcome]], part: str) -> None:
            place = folder / part
            place.mkdir()
            start = time.monotonic()
            found = trial(place)
            for outcome in found if isinstance(found, list) else [found]:
                outcome.seconds = time.monotonic() - start
                sys.stderr.write(f"{outcome.name}: {outcome.survived} of {outcome.tried}, {outcome.seconds:.0f} s\n")
                outcomes.append(outcome)

        run(lambda place: kill_trainings(counts["kills"], seed, place), "kills")
        run(fail_writes, "writes")
        run(fail_trainings, "trainings")
        run(lambda place: damage_checkpoints(counts["damaged"], seed, place), "damaged")
        for parser in make_parsers(folder):
            count = counts["slow mutants" if parser in SLOW else "mutants"]
            run(
                lambda place, parser=parser, count=count: feed_one(parser, count, seed, place), parser.replace(" ", "_")
            )
        run(lambda place: share_store(counts["rounds"], seed, place), "store")
        run(lambda place: hostile_names(counts["names"], seed, place), "names")
    return outcomes


def feed_one(name: str, count: int, seed: int, folder: Path) -> Outcome:
    """T15: mutants of what one parser reads."""
    outcome = Outcome(f"mutants: {name}, T15")
    counts, escaped = feed(make_parsers(folder)[name], count, seed, folder)
    outcome.tried, outcome.refused = counts.total(), counts["refused"]
    outcome.survived, outcome.failures = counts["refused"] + counts["read"], escaped[:10]
    return outcome


def show(outcomes: list[Outcome]) -> None:
    """Print the table."""
    table = Table(title="What the package was put through")
    rows = [outcome.row() for outcome in outcomes]
    for column in rows[0]:
        table.add_column(column, justify="left" if column == "what" else "right")
    for row in rows:
        table.add_row(*map(str, row.values()), style="red" if row["failed"] else None)
    console = Console()
    console.print(table)
    for outcome in outcomes:
        for failure in outcome.failures:
            console.print(f"{outcome.name}: {failure}", style="red", markup=False)


if __name__ == "__main__":
    raise SystemExit(main())
