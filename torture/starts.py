"""Eight processes start a run of the same name at once: one runs, or each is told so; nothing is mixed up."""

import os
import shutil
from pathlib import Path

from ptmrec.core.errors import TrainingError
from ptmrec.pipeline.step import Step, run_step
from ptmrec.train.checkpoints import load_tensors
from torture.kills import fingerprint, fork, train
from torture.outcome import Outcome

PROCESSES = 8
FEW = 2


def start_together(count: int, folder: Path) -> list[Outcome]:
    """T13: start trainings of one name in one folder, and steps of one name, from eight processes.

    Args:
        count: number of starts.
        folder: where they write.
    """
    bare, steps = Outcome("eight trainings of one name, T13"), Outcome("eight steps of one name, T13")
    train(folder / "whole", FEW)
    whole = fingerprint(folder / "whole")
    (folder / "input").write_text("x")
    for trial in range(-(-count // PROCESSES)):
        place = folder / f"run{trial}"
        place.mkdir()
        _together(bare, _train, place / "bare", whole)
        _together(steps, _run_step, place / "step", whole)
        shutil.rmtree(place)
    return [bare, steps]


def _together(outcome: Outcome, work: object, place: Path, whole: str) -> None:
    """Let eight processes begin as the last of them is there; each is right that trained, waited or was refused."""
    seen, told = os.pipe()
    children = []
    for number in range(PROCESSES):
        child = fork(_wait_and, work, seen, told, place, place.with_name(f"{place.name}{number}"))
        children.append(child)
    os.close(seen)
    os.close(told)  # the pipe ends: they start
    failed = [status for status in (os.waitpid(child, 0)[1] for child in children) if status]
    said = [path.read_text() for path in sorted(place.parent.glob(f"{place.name}[0-9]"))]
    state = load_tensors(place / "noisy_last.pt")
    best = [path.name for path in place.glob("noisy_weights.loss*.pt")]
    stray = [path.name for path in place.iterdir() if path.name.startswith(".")]
    right = fingerprint(place) == whole and best == [state["standing"]["best_checkpoint"]] and not stray
    right &= not failed and all("another process is training here" in line and "\n" not in line for line in said)
    refused = len(said) if right else 0
    outcome.add(right, f"{failed=}, {best=}, {stray=}, {said[:2]}", PROCESSES - refused)
    outcome.add(True, "", refused, refused=True)


def _wait_and(work: object, seen: int, told: int, place: Path, note: Path) -> None:
    os.close(told)
    os.read(seen, 1)
    try:
        work(place)
    except TrainingError as error:
        note.write_text(str(error))


def _train(place: Path) -> None:
    train(place, FEW)


def _run_step(place: Path) -> None:
    step = Step("together", [place.parents[1] / "input"], [], _train, place)
    run_step(step, place.with_name("records"))
