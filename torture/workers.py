"""Loader workers that raise, exit or are killed: a clear error, no hang, and no process left."""

import os
import signal
import time
from multiprocessing import util
from pathlib import Path
from typing import Any

import numpy as np
from torch.utils.data import TensorDataset, get_worker_info

from ptmrec.config.sections import TrainingOptions
from torture.kills import NoisyTrainer, fingerprint, fork, hurry_workers, make_loaders, make_model, train
from torture.outcome import Outcome

WORKERS = 2
FEW = 2
LIMIT = 60
"""Seconds after which a training counts as hanging."""
WAYS = ("raise", "exit", "kill")


class Deadly(TensorDataset):
    """A worker ends at one element, in the way named."""

    way, place = "", 0

    def __getitem__(self, index: int) -> Any:
        """The element, unless it is the one."""
        if index == self.place and get_worker_info() is not None:
            if self.way == "raise":
                raise ValueError("the element is broken")
            if self.way == "exit":
                os._exit(3)
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__getitem__(index)


def lose_workers(count: int, seed: int, folder: Path) -> Outcome:
    """T10: end a worker of a training at a drawn element; without it the training goes on as if nothing had been."""
    draw, outcome = np.random.default_rng(seed), Outcome("workers of a loader, T10")
    hurry_workers()
    train(folder / "whole", FEW, WORKERS)
    whole = fingerprint(folder / "whole")
    for trial in range(count):
        place, way = folder / f"run{trial}", WAYS[trial % len(WAYS)]
        place.mkdir()
        child = fork(_train, place, type("Deadly", (Deadly,), {"way": way, "place": int(draw.integers(40))}))
        hung = not _ended(child, LIMIT)
        orphans = _group_lives(child)
        if orphans:
            os.killpg(child, signal.SIGKILL)  # counted, and not left to hold this process's output open for ever
        said = (place / "said").read_text() if (place / "said").exists() else ""
        train(place, FEW, WORKERS)
        words = "ValueError: the element is broken" if way == "raise" else "TrainingError: noisy: a worker of the train"
        right = said.startswith(words[:12]) and words[12:] in said and not hung and not orphans
        right &= fingerprint(place) == whole and (way == "raise" or "\n" not in said)
        outcome.add(right, f"trial {trial}, {way}: {hung=}, {orphans=}, {said[:150]!r}", refused=True)
    return outcome


def _train(place: Path, kind: type[TensorDataset]) -> None:
    os.setpgid(0, 0)
    options = TrainingOptions(epochs=FEW, batch_size=8, checkpoint_every=2, plots=False)
    try:
        NoisyTrainer(make_model(), options, place, *make_loaders(WORKERS, kind)).fit()
    except Exception as error:  # which error it is, is what is looked at
        (place / "said").write_text(f"{type(error).__name__}: {error}")
    util._exit_function()  # as every process does that ends by itself: workers it has just started end with it


def _ended(child: int, seconds: float) -> bool:
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        if os.waitpid(child, os.WNOHANG)[0]:
            return True
        time.sleep(0.01)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return False


def _group_lives(group: int) -> bool:
    for _ in range(500):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return False
        time.sleep(0.02)
    return True
