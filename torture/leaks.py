"""A long training: neither memory, nor open files, nor threads grow."""

import json
import os
import threading
from pathlib import Path

import numpy as np
import psutil

from torture.kills import NoisyTrainer, fork, train
from torture.outcome import Outcome

EPOCHS = 200
WARM = 0.25
"""Share of the epochs in which memory may still grow: caches fill."""
MOST = 0.1 * 2**20
"""Bytes that an epoch may add."""


class Watched(NoisyTrainer):
    """Notes what the process holds at the start of each epoch."""

    rows: list[tuple[int, int, int]]

    def on_epoch_start(self, epoch: int) -> None:
        """Note memory, open files and threads."""
        me = psutil.Process()
        self.rows.append((me.memory_info().rss, me.num_fds(), threading.active_count()))


def train_long(epochs: int, folder: Path) -> Outcome:
    """T11: train for many epochs and look at what the process holds.

    Args:
        epochs: how many.
        folder: where the training writes.
    """
    outcome = Outcome("growth over epochs, T11")
    status = os.waitpid(fork(_train, folder, epochs), 0)[1]
    rows = np.array(json.loads((folder / "rows.json").read_text()))[int(WARM * epochs) :]
    slope = float(np.polyfit(np.arange(len(rows)), rows[:, 0], 1)[0])
    same = bool((rows[:, 1:] == rows[0, 1:]).all())
    outcome.add(status == 0 and slope < MOST and same, f"{slope:.0f} bytes an epoch, {same=}, {rows[[0, -1]].tolist()}")
    return outcome


def _train(folder: Path, epochs: int) -> None:
    kind = type("Watched", (Watched,), {"rows": []})
    train(folder / "long", epochs, kind=kind)
    (folder / "rows.json").write_text(json.dumps(kind.rows))
