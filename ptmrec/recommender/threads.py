"""One thread: models this small gain nothing by more, and pools of threads fight for the cores."""

from collections.abc import Iterator
from contextlib import contextmanager

from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import EncoderConfig


@contextmanager
def one_thread(config: ConfigParser | None = None) -> Iterator[None]:
    """Torch and the linear algebra of NumPy on one thread; torch's number is put back afterwards.

    Args:
        config: that of an answer, in which an encoder of one's own keeps torch's threads. Without it a zoo is built:
            every pool has one thread, and numbers too small to matter are zero.
    """
    import torch
    from threadpoolctl import threadpool_limits

    before = torch.get_num_threads()
    if config is None:
        torch.set_flush_denormal(True)  # tiny activations of dying units slow the CPU down several times
    if config is None or config.get(EncoderConfig).model == "embedded":
        torch.set_num_threads(1)
    try:
        with threadpool_limits(1, user_api="blas" if config else None):
            yield
    finally:
        torch.set_num_threads(before)
