"""The machine measurements were made on."""

import os
import platform
from pathlib import Path

import torch


def describe_machine() -> dict[str, object]:
    """What a reader needs to judge a timing: processor, cores, memory in GiB, system and torch version."""
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
