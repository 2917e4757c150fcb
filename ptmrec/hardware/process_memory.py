"""Memory of a model in a process of its own, so that nothing that ran before is counted."""

import importlib
import multiprocessing
import resource
import sys
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from ptmrec.zoo.snapshot import Snapshot

STATUS = Path("/proc/self/status")


def fresh_process_memory(snapshot: Snapshot, input_size: int) -> int | None:
    """Bytes by which a fresh process grows when it loads a model and passes one image through it.

    torch and timm themselves, and what the first operation brings with it, are not counted.

    Returns:
        The bytes; None when the process was killed, as happens where memory runs out.
    """
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        try:
            return pool.submit(_growth, snapshot, input_size).result()
        except BrokenProcessPool:
            return None


def _growth(snapshot: Snapshot, input_size: int) -> int:
    import torch

    from ptmrec.zoo.architectures import build_model

    importlib.import_module("timm")  # real models import it when they are loaded
    torch.set_num_threads(1)
    with torch.inference_mode():
        build_model("vgg", "small", 2).eval()(torch.zeros(1, 3, 32, 32))
        before = highest_memory()
        snapshot.load()(torch.zeros(1, 3, input_size, input_size))
    return max(0, highest_memory() - before)


def highest_memory() -> int:
    """Most bytes this process has had in memory.

    Linux's ``ru_maxrss`` remembers the process that started this one, so its status file is read there.
    """
    if STATUS.is_file():
        lines = dict(line.split(":", 1) for line in STATUS.read_text().splitlines())
        return int(lines["VmHWM"].split()[0]) * 1024
    unit = 1 if sys.platform == "darwin" else 1024  # macOS counts in bytes
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
