"""One thread: models this small gain nothing by more, and pools of threads fight for the cores."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from threadpoolctl import threadpool_limits


@contextmanager
def one_thread() -> Iterator[None]:
    """Torch and the linear algebra of NumPy on one thread; torch's number is put back afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)  # tiny activations of dying units slow the CPU down several times
    try:
        with threadpool_limits(1):
            yield
    finally:
        torch.set_num_threads(before)
