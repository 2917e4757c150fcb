"""This machine: its description, its load, its energy counters, and the memory of its processes."""

import importlib
import multiprocessing
import os
import platform
import resource
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import torch

if TYPE_CHECKING:
    from ptmrec.zoo.snapshot import Snapshot

STEP = 0.5
"""Seconds that the load is watched at a time."""
HOT = 85.0
"""Degrees Celsius at which processors begin to slow down, where they state their temperature."""
COUNTERS = Path("/sys/class/powercap")
"""Folder of the running average power limit counters (RAPL) of Intel and AMD processors on Linux."""
STATUS = Path("/proc/self/status")
"""Memory of this process on Linux."""


def describe_machine() -> dict[str, object]:
    """Describe the machine for readers of a timing: processor, cores, memory in GiB, system and torch version."""
    return {
        "processor": _processor_name(),
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "vector_unit": torch.backends.cpu.get_cpu_capability(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "torch": torch.__version__,
    }


def _processor_name() -> str:
    """Name of the processor as the system gives it; systems without ``/proc`` know a vaguer one."""
    facts = Path("/proc/cpuinfo")
    lines = facts.read_text(encoding="utf-8").splitlines() if facts.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown"


def hottest() -> float | None:
    """Degrees Celsius of the hottest sensor; None where none can be read."""
    read = getattr(psutil, "sensors_temperatures", dict)()
    return max((sensor.current for sensors in read.values() for sensor in sensors), default=None)


def wait_until_quiet(share: float, patience: float) -> float:
    """Wait until no more than a share of the machine is busy and nothing is hot.

    Args:
        share: busy share that is quiet enough.
        patience: seconds after which to go on all the same.

    Returns:
        The busy share last seen: above ``share`` when patience ran out.
    """
    started = time.monotonic()
    while True:
        busy, heat = psutil.cpu_percent(interval=STEP) / 100, hottest()
        if (busy <= share and (heat is None or heat < HOT)) or time.monotonic() - started >= patience:
            return busy


def read_counters(folder: Path = COUNTERS) -> dict[str, tuple[int, int]]:
    """Read the microjoule that each processor package has used, and the end of its counter; empty without counters."""
    found = {}
    for path in sorted(folder.glob("intel-rapl:[0-9]*")) if folder.is_dir() else []:
        if path.name.count(":") > 1:  # a part of a package, which the package counts as well
            continue
        try:
            used, full = (int((path / name).read_text()) for name in ("energy_uj", "max_energy_range_uj"))
            found[path.name] = (used, full)
        except (OSError, ValueError):  # only root may read them on many systems
            return {}
    return found


def start_meter(watts: float, folder: Path = COUNTERS) -> Callable[[], tuple[float, str]]:
    """Start an energy meter: a function that gives the joule since then and their basis.

    Counters count the whole processor, whoever uses it.

    Args:
        watts: power of the busy cores, assumed without counters.
        folder: of the counters.
    """
    before, started = read_counters(folder), time.perf_counter()

    def stop() -> tuple[float, str]:
        seconds, after = time.perf_counter() - started, read_counters(folder)
        if before and set(after) == set(before):
            used = ((after[name][0] - now) % full for name, (now, full) in before.items())
            return sum(used) / 1e6, "measured (RAPL, whole processor)"
        return seconds * watts, f"estimated ({watts:g} W while it runs)"

    return stop


def fresh_process_memory(snapshot: "Snapshot", input_size: int) -> int | None:
    """Measure the bytes by which a fresh process grows when it loads a model and passes one image through it.

    torch and timm themselves, and what the first operation brings with it, are not counted.

    Returns:
        The bytes; None when the process was killed, as happens where memory runs out, and of a network that was given
        in Python, which no other process has.
    """
    if getattr(snapshot, "model", None) is not None:
        return None
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        try:
            return pool.submit(_growth, snapshot, input_size).result()
        except BrokenProcessPool:
            return None


def _growth(snapshot: "Snapshot", input_size: int) -> int:
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
