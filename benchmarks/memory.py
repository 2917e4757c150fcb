"""Memory of this process."""

from collections.abc import Callable
from pathlib import Path

from ptmrec.hardware.machine import highest_memory

RESET = Path("/proc/self/clear_refs")


def peak_growth(work: Callable[[], object]) -> int:
    """Bytes that the process holds at most while it works, beyond what it held before."""
    RESET.write_text("5")  # the kernel forgets the peak, which is then what is held now
    before = highest_memory()
    work()
    return highest_memory() - before
