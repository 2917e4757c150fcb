"""Eight processes on one store of results, with file locks and with locks that do nothing."""

import os
import shutil
import time
import traceback
from contextlib import nullcontext
from pathlib import Path

import numpy as np

from ptmrec.core.errors import ArtifactError
from ptmrec.core.files import read_json, write_json
from ptmrec.pipeline import step as steps
from torture.kills import fork
from torture.outcome import Outcome

PROCESSES = 8
PARTS = 6


def share_store(rounds: int, seed: int, folder: Path) -> list[Outcome]:
    """T12: let eight processes want the same steps and write the same files, and read what they find.

    Args:
        rounds: how often they start together, with and without working locks.
        seed: seed of their order.
        folder: where the stores lie.
    """
    outcomes = []
    for works in (True, False):
        outcome = Outcome(f"eight processes, {'locks work' if works else 'locks useless'}, T12")
        for number in range(rounds):
            store = folder / f"store{number}{works}"
            (store / "input").mkdir(parents=True)
            (store / "input" / "a.txt").write_text(str(number))
            children = [fork(_use, store, works, seed + 100 * number + place) for place in range(PROCESSES)]
            failed = [os.waitpid(child, 0)[1] for child in children]
            for status in failed:
                outcome.add(status == 0, f"round {number}, {status}: {_said(store)}")
            left = [path.name for path in store.iterdir() if path.name.startswith(".")]
            outcome.add(not left, f"round {number}: left {left}")
            again = [steps.run_step(_step(store, place), store / "records", instead=_refuse) for place in range(3)]
            outcome.add(not any(again), f"round {number}: results were lost")
            shutil.rmtree(store)
        outcomes.append(outcome)
    return outcomes


def _said(store: Path) -> str:
    return (store / "failed").read_text() if (store / "failed").exists() else ""


def _refuse(folder: Path) -> None:
    raise RuntimeError(f"{folder}: work that was done is done again")


def _step(store: Path, number: int) -> steps.Step:
    return steps.Step(f"step{number}", [store / "input"], [], _work, store / f"output{number}")


def _work(folder: Path) -> None:
    for part in range(PARTS):
        write_json(folder / f"{part}.json", [part] * 500)
        time.sleep(0.0005)


def _use(store: Path, works: bool, seed: int) -> None:
    try:
        _use_all(store, works, seed)
    except BaseException:
        (store / "failed").write_text(traceback.format_exc()[-250:])
        raise


def _use_all(store: Path, works: bool, seed: int) -> None:
    if not works:
        steps.hold = lambda *_: nullcontext()
    draw = np.random.default_rng(seed)
    for number in draw.permutation(3):
        step = _step(store, number)
        steps.run_step(step, store / "records")
        for part in range(PARTS):
            found = _patiently(step.output / f"{part}.json")
            if found != [part] * 500:
                raise AssertionError(found)
        mark = int(draw.integers(1000))
        write_json(store / "shared.json", [mark] * 2000)
        found = read_json(store / "shared.json")
        if len(set(found)) != 1 or len(found) != 2000:
            raise AssertionError("torn")


def _patiently(path: Path) -> object:
    """Read a file of a folder that another process may be putting in its place at this instant."""
    for _ in range(200):
        try:
            return read_json(path)
        except ArtifactError as error:
            if "file not found" not in str(error):
                raise
        time.sleep(0.002)
    return read_json(path)
