"""Signals at random instants: a training ends as it says it does, leaves no process, and goes on afterwards."""

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import click
import numpy as np

from ptmrec.cli.context import CommandGroup
from torture.kills import fingerprint, fork, hurry_workers, train
from torture.outcome import Outcome

WORKERS = 2
FEW = 3
PATIENCE = 20.0
"""Seconds after which a process that should have ended counts as left behind."""
STATUS = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGUSR1: 128 + signal.SIGUSR1}
"""What a shell is told; a process that dies of a signal counts as 128 and its number."""


def stop_trainings(count: int, seed: int, folder: Path) -> Outcome:
    """T8: send a signal to commands that train with two workers, and to the workers as a terminal does.

    Args:
        count: number of signals.
        seed: seed of the instants.
        folder: where the trainings write.
    """
    draw, outcome = np.random.default_rng(seed), Outcome("signals to a training, T8")
    hurry_workers()
    train(folder / "warm", FEW)
    start = time.monotonic()
    os.waitpid(fork(train, folder / "whole", FEW, WORKERS), 0)
    span, whole = time.monotonic() - start, fingerprint(folder / "whole")
    for trial in range(count):
        place, number = folder / f"run{trial}", list(STATUS)[trial % len(STATUS)]
        together = number == signal.SIGINT and trial % 2 == 0
        status, said = _stop(place, number, float(draw.uniform(0, span)), together)
        # A worker that was just being forked never learns that its parent died without a word, as torch asks whether it
        # has another parent than when it started. So only signals that a command hears have to leave none.
        orphans = not _ends(place, PATIENCE if number != signal.SIGUSR1 else 2.0) and number != signal.SIGUSR1
        fork_status = os.waitpid(fork(train, place, FEW, WORKERS), 0)[1]
        right = status in (0, STATUS[number]) and fork_status == 0 and fingerprint(place) == whole and not orphans
        lines = said.splitlines()
        right &= not lines if status == 0 or number == signal.SIGUSR1 else len(lines) <= 1 and "Traceback" not in said
        outcome.add(right, f"trial {trial}, {number!r}: {status=}, {fork_status=}, {orphans=}, {said[-200:]!r}")
    return outcome


def _stop(place: Path, number: int, after: float, together: bool) -> tuple[int, str]:
    """Start a command, send it a signal, and give its status as a shell has it and what it said."""
    place.mkdir()
    seen, told = os.pipe()
    child = fork(_run, place, told)
    os.close(told)
    os.read(seen, 1)
    os.close(seen)
    time.sleep(after)
    try:
        os.killpg(child, number) if together else os.kill(child, number)
    except ProcessLookupError:  # it was faster
        pass
    status = os.waitpid(child, 0)[1]
    (place / "group").write_text(str(child))
    shell = 128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
    return shell, (place / "said").read_text()


def _run(place: Path, told: int) -> None:
    os.setpgid(0, 0)
    said = os.open(place / "said", os.O_WRONLY | os.O_CREAT)
    os.dup2(said, 1)
    os.dup2(said, 2)
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.register_at_fork(after_in_child=lambda: os.dup2(quiet, 2))  # workers complain of each other's ends by themselves
    sys.unraisablehook = lambda _: None  # Python drops what is raised within a fork; the command then runs to its end

    @click.command()
    def command() -> None:
        os.write(told, b"x")
        train(place, FEW, WORKERS)

    _exit_as(lambda: CommandGroup("ptmrec", commands={"train": command}).main(["train"]))


def _exit_as(command: Callable[[], None]) -> None:
    try:
        command()
    except SystemExit as end:
        os._exit(end.code or 0)


def _ends(place: Path, seconds: float) -> bool:
    """Whether the process group of a command is empty before long; what is left is killed."""
    group, limit = int((place / "group").read_text()), time.monotonic() + seconds
    while time.monotonic() < limit:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.01)
    os.killpg(group, signal.SIGKILL)
    return False
