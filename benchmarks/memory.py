"""Memory of this process."""

from collections.abc import Callable
from pathlib import Path

STATUS, RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def resident(peak: bool = False) -> int:
    """Bytes in memory now, or at most since the start or :func:`peak_growth`."""
    lines = dict(line.split(":", 1) for line in STATUS.read_text().splitlines())
    return int(lines["VmHWM" if peak else "VmRSS"].split()[0]) * 1024


def peak_growth(work: Callable[[], object]) -> int:
    """Bytes that the process holds at most while it works, beyond what it held before."""
    RESET.write_text("5")  # the kernel forgets the peak
    before = resident()
    work()
    return resident(peak=True) - before
