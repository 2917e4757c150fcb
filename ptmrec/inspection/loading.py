"""How fast a data set can be loaded, by workers and batch size."""

import os
import time
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from ptmrec.core.errors import DataError, brief
from ptmrec.images.files import open_image
from ptmrec.inspection.findings import Finding
from ptmrec.train.batches import batch_size

SLOW = 100.0
"""Images per second at the best setting below which even a small model on a CPU waits for its data."""
SECONDS = 0.3
"""Time a setting is given."""
BATCHES = (16, 64)
GAIN = 1.2
"""A setting with more workers must be so many times as fast to be worth its memory."""


class Files(Dataset):
    """Image files as tensors ``(3, 224, 224)`` uint8, as a training run would read them."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = paths

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> torch.Tensor:
        return torch.from_numpy(np.array(open_image(self.paths[index]).resize((224, 224)))).permute(2, 0, 1)


def worker_counts() -> tuple[int, ...]:
    """Numbers of workers worth trying on this machine: none, and as many as there are cores (at most four)."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return tuple(sorted({0, min(4, cores)}))


class Repeated(Dataset):
    """A data set over and over: a small one would be loaded ahead whole while the first batch is awaited."""

    def __init__(self, data: Dataset) -> None:
        self.data = data

    def __len__(self) -> int:
        return 10_000_000

    def __getitem__(self, index: int) -> Any:
        return self.data[index % len(self.data)]


def measure_loading(data: Dataset, **options: Any) -> list[dict[str, float]]:
    """Images per second of each setting; starting the workers is not counted.

    Args:
        data: a data set with a length.
        options: of the DataLoader, such as ``collate_fn``.

    Raises:
        DataError: it is empty, or an item cannot be loaded.
    """
    most = max(1, int(SECONDS * item_rate(data)))
    rows = []
    for count in worker_counts():
        for size in sorted({min(size, most) for size in BATCHES}):
            ahead = {"prefetch_factor": 1} if count else {}
            rate = loader_rate(DataLoader(Repeated(data), size, num_workers=count, **ahead, **options))
            rows.append({"workers": count, "batch_size": size, "images_per_second": round(rate, 1)})
    return rows


def item_rate(data: Dataset) -> float:
    """Items per second, one after the other in this process, the first one not counted where there are more.

    Raises:
        DataError: it is empty, or an item cannot be loaded.
    """
    if not len(data):
        raise DataError("the data set is empty; give it data")
    times: list[float] = []
    for index in range(min(len(data), 1000)):
        times.append(_guarded(lambda place=index: _seconds(data, place)))
        if sum(times[1:]) > SECONDS / 2:
            break
    return 1 / max(1e-9, float(np.mean(times[1:] or times)))


def loader_rate(loader: Any) -> float:
    """Images per second of a loader, without the batches its workers loaded ahead; 0 when there are no others.

    Raises:
        DataError: it gives no batch, or fails.
    """
    ahead = max(1, getattr(loader, "num_workers", 0) * (getattr(loader, "prefetch_factor", None) or 1))

    def run() -> float:
        iterator, images = iter(loader), 0
        skipped = [batch_size(batch) for batch in islice(iterator, ahead)]
        if not skipped:
            raise DataError("the loader gives no batch; give it data")
        began = time.perf_counter()
        for batch in iterator:
            images += batch_size(batch)
            if time.perf_counter() - began > SECONDS:
                break
        return images / (time.perf_counter() - began)

    return _guarded(run)


def _seconds(data: Dataset, index: int) -> float:
    began = time.perf_counter()
    data[index]
    return time.perf_counter() - began


def _guarded(call: Callable[[], float]) -> float:
    """Call a user's data set; its errors become data errors of one line."""
    try:
        return call()
    except DataError:
        raise
    except Exception as error:  # a data set runs whatever its author wrote
        raise DataError(f"loading fails: {brief(error)}") from None


def check_loading(rows: list[dict[str, float]], where: str) -> list[Finding]:
    """Whether the best setting is fast enough, and which setting to take."""
    best = suggest(rows)
    rate, why = best["images_per_second"], "a model that waits for its data leaves the processor idle"
    setting = f"num_workers={best['workers']:.0f}, batch_size={best['batch_size']:.0f}"
    what = f"{where}: at best {rate:.0f} images per second ({setting})"
    if rate < SLOW:
        do = "shrink the images once and store them, take slow work out of __getitem__, or keep the data in memory"
        return [Finding("slow_loader", "fault", what, why, do)]
    suggested = (f"suggested: {setting}", "the fewest workers near the best rate", f"use {setting}")
    return [Finding("slow_loader", "ok", what, why), Finding("loader_setting", "advice", *suggested)]


def suggest(rows: list[dict[str, float]]) -> dict[str, float]:
    """The setting with the fewest workers whose rate is near the best."""
    top = max(row["images_per_second"] for row in rows)
    near = [row for row in rows if row["images_per_second"] * GAIN >= top]
    return min(near, key=lambda row: (row["workers"], -row["images_per_second"]))
