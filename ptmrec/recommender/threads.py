"""How many threads an answer takes."""

from collections.abc import Iterator
from contextlib import contextmanager

from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import EncoderConfig


@contextmanager
def few_threads(config: ConfigParser) -> Iterator[None]:
    """One thread: the embedded encoder and the many small eigenproblems of transport gain nothing by more.

    On a busy machine they would cost several times as much. An encoder of one's own keeps torch's threads.
    """
    import torch
    from threadpoolctl import threadpool_limits

    before = torch.get_num_threads()
    if config.get(EncoderConfig).model == "embedded":
        torch.set_num_threads(1)
    try:
        with threadpool_limits(1, user_api="blas"):
            yield
    finally:
        torch.set_num_threads(before)
