"""The weights view of whole checkpoints, streamed: speed against reading the file, and memory."""

import multiprocessing
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from benchmarks.memory import peak_growth
from benchmarks.timing import Row, against_limit, compare, take_turns
from ptmrec.core.files import write_json
from ptmrec.extractors.weights import WeightsExtractor
from ptmrec.zoo.card import CARD_NAME
from ptmrec.zoo.snapshot import WEIGHTS_NAME, read_snapshot

RESNET50, LARGE = 100 * 2**20, 4 * 2**30
TENSOR = 9 * 2**20
"""Bytes of each tensor: a 3 x 3 convolution of 512 to 512 channels."""
RATE, MEMORY = 0.5e9, 2**30
"""Bytes a second a core, and bytes of memory, that are wanted."""


def write_checkpoint(folder: Path, size: int) -> Path:
    """A snapshot of so many bytes of float32."""
    folder.mkdir(parents=True)
    values = torch.randn(TENSOR // 4, generator=torch.Generator().manual_seed(0)).reshape(512, -1)
    save_file({f"layer{place}.weight": values.clone() for place in range(size // TENSOR)}, folder / WEIGHTS_NAME)
    texts = {name: "bench" for name in ("name", "family", "source_dataset", "licence")}
    numbers = {"num_params": size // 4, "input_size": 224, "source_accuracy": 0.5, "seed": 0, "gmacs": 1.0}
    card = {**texts, **numbers, "num_features": 512, "architecture": {}, "recipe": {}}
    write_json(folder / CARD_NAME, card)
    return folder


def _extract(folder: Path) -> None:
    WeightsExtractor().extract(read_snapshot(folder))


def _peak(folder: Path, queue: multiprocessing.Queue) -> None:
    torch.set_num_threads(1)
    WeightsExtractor()
    started = time.perf_counter()
    grown = peak_growth(lambda: _extract(folder))
    queue.put((grown, time.perf_counter() - started))


def run() -> list[Row]:
    """A checkpoint of a ResNet-50's size against reading it, and a large one against the limits."""
    with tempfile.TemporaryDirectory() as folder:
        small = write_checkpoint(Path(folder) / "small", RESNET50)
        ways = {"ours": lambda: _extract(small), "reading the file": lambda: (small / WEIGHTS_NAME).read_bytes()}
        rows = compare("weights view of 100 MiB", take_turns(ways, 3), "ours", {"reading the file": None})
        seconds = rows[0].ours
        rate = np.array([seconds * RATE / RESNET50])
        rows.append(
            against_limit("its seconds at 0.5 GB/s a core", rate, 1.0, "", f"{RESNET50 / seconds / 1e9:.2f} GB/s")
        )
        large = write_checkpoint(Path(folder) / "large", LARGE)
        context = multiprocessing.get_context("spawn")
        queue = context.Queue()
        process = context.Process(target=_peak, args=(large, queue))
        process.start()
        memory, seconds = queue.get()
        process.join()
        note = f"{LARGE / seconds / 1e9:.2f} GB/s"
        rows.append(
            against_limit("memory for 4 GiB of weights", np.array([memory / 2**20]), MEMORY / 2**20, "MiB", note)
        )
    return rows
