"""``python -m torture``: the matrix, at nightly counts or those of a release.

``python -m torture planted``: whether it can fail.
``python -m torture mutations``: whether tests notice changes of the package.
``python -m torture colleagues``: which faults ``ptmrec inspect`` finds in images, models and trainers.
"""

import argparse
import logging
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

os.environ["PTMREC_PROGRESS"] = "off"
os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from rich.console import Console
from rich.table import Table

from ptmrec.core.files import read_json, write_json
from torture.colleagues import try_all
from torture.commands import kill_commands
from torture.faults import damage_checkpoints, fail_trainings, fail_writes
from torture.grid import resume_everywhere
from torture.kills import kill_trainings
from torture.leaks import train_long
from torture.mutations import mutate_all
from torture.names import hostile_names
from torture.nonfinite import poison_trainings
from torture.orders import permute_rows, shuffle_listings
from torture.outcome import Outcome
from torture.parsers import feed, make_parsers
from torture.pickles import feed_pickles
from torture.planted import plant_all
from torture.power import cut_power
from torture.properties import PROPERTIES, hold
from torture.reproductions import kill_reproductions
from torture.starts import start_together
from torture.stops import stop_trainings
from torture.store import share_store
from torture.workers import lose_workers

ROOT = Path(__file__).resolve().parents[1]
RESULT = ROOT / "constants" / "results" / "torture.json"
NIGHTLY = {
    **{"kills": 300, "damaged": 10_000, "power cuts": 5000, "signals": 60, "not finite": 120, "workers": 25},
    **{"epochs": 200, "starts": 100, "mutants": 10_000, "rounds": 200, "names": 5000, "pickles": 2000},
    **{"listings": 200, "rows": 500, "reproductions": 4},
    **{"commands": 15, "examples": 2000},
}
"""How often each is done at night; T5 does every operation there is, and 200 rounds of T12 take a few minutes, not ten.

The others reach their nightly counts, and those that take a second reach the counts of a release.
"""
RELEASE = {
    **{"kills": 1000, "signals": 200, "workers": 50, "epochs": 600, "starts": 500, "mutants": 100_000, "rounds": 4000},
    **{"names": 50_000, "listings": 1000, "reproductions": 12, "commands": 50, "examples": 10_000},
}
"""How often a release asks for more: no failure among 1,000 kills or 100,000 mutants bounds their rates by 0.3 % and
0.003 %; 4,000 rounds take an hour."""
COUNTS = {"nightly": NIGHTLY, "release": NIGHTLY | RELEASE}


def main() -> int:
    """Run what is asked for; 1 when anything failed."""
    parser = argparse.ArgumentParser(prog="python -m torture", description=__doc__)
    parser.add_argument("what", nargs="?", choices=("matrix", "planted", "mutations", "colleagues"), default="matrix")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--counts", choices=COUNTS, default="nightly", help="how often each is tried")
    parser.add_argument("--share", type=float, default=1.0, help="share of the counts, for a quick look")
    parser.add_argument("--only", help="one kind alone, such as signals; its rows take the place of the last run's")
    asked = parser.parse_args()
    if asked.what == "planted":
        return plant_all(ROOT)
    if asked.what == "mutations":
        return mutate_all(ROOT, asked.seed, asked.share, asked.only)
    if asked.what == "colleagues":
        return try_all(ROOT)
    torch.set_num_threads(1)
    sys.unraisablehook = lambda _: None  # files that could not be written say so again when they are thrown away
    logging.getLogger("ptmrec").setLevel(logging.ERROR)
    warnings.simplefilter("ignore")  # torch warns of pickles that are none of its own before it refuses them
    outcomes = run_matrix(asked.counts, asked.seed, asked.share, asked.only)
    show(outcomes)
    if asked.share == 1.0:
        rows = {outcome.name: outcome.row() | {"failures": outcome.failures} for outcome in outcomes}
        if asked.only:
            rows = {row["what"]: row for row in read_json(RESULT)["rows"]} | rows
        write_json(RESULT, {"seed": asked.seed, "rows": list(rows.values())})
    return int(any(outcome.tried > outcome.survived for outcome in outcomes))


def run_matrix(wanted: str, seed: int, share: float, only: str | None = None) -> list[Outcome]:
    """Every kind of trial, or one, one after the other."""
    outcomes = []
    counts = {name: max(1, round(count * share)) for name, count in COUNTS[wanted].items()}
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # a disk syncs a hundred times as slowly
    with tempfile.TemporaryDirectory(prefix="torture-", dir=memory) as name:
        folder = Path(name)

        def run(trial: Callable[[Path], Outcome | list[Outcome]], part: str) -> None:
            if only not in (None, part):
                return
            place = folder / part
            place.mkdir()
            start = time.monotonic()
            found = trial(place)
            for outcome in found if isinstance(found, list) else [found]:
                outcome.seconds = time.monotonic() - start
                sys.stderr.write(f"{outcome.name}: {outcome.survived} of {outcome.tried}, {outcome.seconds:.0f} s\n")
                sys.stderr.write("".join(f"  {failure}\n" for failure in outcome.failures))
                outcomes.append(outcome)

        run(lambda place: kill_trainings(counts["kills"], seed, place), "kills")
        run(lambda place: resume_everywhere(place, None if share == 1 else max(1, round(96 * share))), "resumes")
        run(fail_writes, "writes")
        run(fail_trainings, "trainings")
        run(lambda place: cut_power(counts["power cuts"], seed, place), "power")
        run(lambda place: damage_checkpoints(counts["damaged"], seed, place), "damaged")
        run(lambda place: stop_trainings(counts["signals"], seed, place), "signals")
        run(lambda place: poison_trainings(counts["not finite"], place), "poison")
        run(lambda place: lose_workers(counts["workers"], seed, place), "workers")
        run(lambda place: train_long(COUNTS[wanted]["epochs"], place), "epochs")
        run(lambda place: start_together(counts["starts"], place), "starts")
        run(lambda place: feed_pickles(counts["pickles"], seed, place), "pickles")
        for parser in make_parsers(folder):
            run(lambda place, parser=parser: feed_one(parser, counts["mutants"], seed, place), parser.replace(" ", "_"))
        run(lambda place: share_store(counts["rounds"], seed, place), "store")
        run(lambda place: shuffle_listings(counts["listings"], seed, place), "listings")
        run(lambda place: permute_rows(counts["rows"], seed, place), "rows")
        run(lambda place: hostile_names(counts["names"], seed, place), "names")
        for name in PROPERTIES:
            run(lambda _, name=name: hold(name, counts["examples"], seed), name.replace(" ", "_"))
        run(lambda place: kill_commands(counts["commands"], seed, place), "commands")
        run(lambda place: kill_reproductions(counts["reproductions"], seed, place), "reproductions")
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
    Console().print(table)


if __name__ == "__main__":
    raise SystemExit(main())
