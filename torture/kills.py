"""Kill a small training at random instants and compare what its continuation leaves with an unbroken run."""

import hashlib
import os
import random
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from torch.utils.data import _utils as torch_data

from ptmrec.config.sections import TrainingOptions
from ptmrec.core.files import is_temporary
from ptmrec.train.base_trainer import BaseTrainer
from ptmrec.train.checkpoints import load_tensors
from torture.outcome import Outcome

EPOCHS = 6


class NoisyTrainer(BaseTrainer):
    """Draws from all three generators, so that a state which is not restored shows."""

    name = "noisy"

    def compute_loss(self, batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        """Squared error of inputs with noise."""
        inputs, targets = batch
        noise = torch.randn_like(inputs) + np.random.randn() + random.random()
        return F.mse_loss(self.model(inputs + 0.01 * noise), targets)


def train(folder: Path, epochs: int = EPOCHS, workers: int = 0, kind: type[BaseTrainer] = NoisyTrainer) -> None:
    """Train to the end, or go on from what is there.

    Args:
        folder: where the training writes.
        epochs: its epochs.
        workers: processes that load the batches.
        kind: the trainer.
    """
    options = TrainingOptions(epochs=epochs, batch_size=8, checkpoint_every=2, plots=False)
    kind(make_model(), options, folder, *make_loaders(workers)).fit(resume=True)


def hurry_workers() -> None:
    """Let loader workers ask more often whether their parent lives, and it whether they do; both wait five seconds."""
    torch_data.MP_STATUS_CHECK_INTERVAL = torch_data.worker.MP_STATUS_CHECK_INTERVAL = 0.2


def make_model() -> nn.Module:
    """A model small enough to be trained in an instant."""
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Dropout(0.1), nn.Linear(8, 1))


def make_loaders(workers: int = 0, kind: type[TensorDataset] = TensorDataset) -> tuple[DataLoader, DataLoader]:
    """Loaders of five batches, shuffled for training and in order for validation."""
    inputs = torch.randn(40, 3, generator=torch.Generator().manual_seed(0))
    targets = inputs.sum(1, keepdim=True)
    draw = torch.Generator().manual_seed(5)
    training = DataLoader(kind(inputs, targets), 8, shuffle=True, generator=draw, num_workers=workers)
    return training, DataLoader(TensorDataset(inputs, targets), 8, num_workers=workers)


def fingerprint(folder: Path) -> str:
    """Hash of the last state (weights, optimiser, random states, history) without its times."""
    state = load_tensors(folder / "noisy_last.pt")
    state["standing"] = {k: v for k, v in state["standing"].items() if k not in ("started", "best_checkpoint")}
    state["history"] = [{k: v for k, v in row.items() if k != "seconds"} for row in state["history"]]
    digest = hashlib.sha256()
    _update(digest, state)
    return digest.hexdigest()


def _update(digest: Any, value: Any) -> None:
    if isinstance(value, dict):
        for key in sorted(value, key=str):
            digest.update(str(key).encode())
            _update(digest, value[key])
    elif isinstance(value, list | tuple):
        for part in value:
            _update(digest, part)
    elif isinstance(value, torch.Tensor):
        digest.update(value.contiguous().numpy().tobytes())
    else:
        digest.update(repr(value).encode())


def fork(work: Any, *arguments: Any) -> int:
    """Run a function in a child process; its exit status is 0 when it returned."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work(*arguments)
            status = 0
        finally:
            os._exit(status)
    return child


def _seconds(folder: Path) -> float:
    start = time.monotonic()
    os.waitpid(fork(train, folder), 0)
    return time.monotonic() - start


def kill_trainings(count: int, seed: int, folder: Path) -> Outcome:
    """T1: kill one training after the other, some of them several times, and let each go on to its end.

    Args:
        count: number of kills.
        seed: seed of the instants.
        folder: where the trainings write.
    """
    draw, outcome = np.random.default_rng(seed), Outcome("kills of a training, T1")
    train(folder / "warm")  # what is imported when it is first used, children then have
    span = min(_seconds(folder / f"timed{number}") for number in range(3))  # most instants are within a training then
    train(folder / "whole")
    whole, run = fingerprint(folder / "whole"), 0
    while outcome.tried < count:
        place, run = folder / f"run{run}", run + 1
        kills = 0
        for _ in range(int(draw.integers(1, 5))):
            child = fork(train, place)
            time.sleep(float(draw.uniform(0, span)))
            os.kill(child, signal.SIGKILL)
            _, status = os.waitpid(child, 0)
            kills += os.WIFSIGNALED(status)
        _, status = os.waitpid(fork(train, place), 0)
        same = status == 0 and fingerprint(place) == whole
        left = [path.name for path in place.rglob("*") if path.name.startswith("noisy_weights") and is_temporary(path)]
        outcome.add(same and not left, f"run {run}: status {status}, {kills} kills, same {same}, left {left}", kills)
    return outcome
