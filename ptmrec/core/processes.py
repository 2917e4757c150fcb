"""The processes of one run, as ``accelerate launch`` or ``torchrun`` start them; one process without those.

torch is imported where processes talk to each other: one process needs none of it.
"""

import atexit
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TypeVar

Value = TypeVar("Value")
PATIENCE = timedelta(days=2)
"""How long a process waits for the main one, which makes views for hours while the others have nothing to do."""
_alone = False


def world_size() -> int:
    """Number of processes of this run."""
    return max(1, _number("WORLD_SIZE", 1)) if "RANK" in os.environ else 1


def rank() -> int:
    """Number of this process, from 0."""
    return _number("RANK", 0) if world_size() > 1 else 0


def is_main() -> bool:
    """Whether this is the process that writes files, logs and answers."""
    return rank() == 0


def _number(name: str, otherwise: int) -> int:
    text = os.environ.get(name, "")
    return int(text) if text.isdigit() else otherwise


@contextmanager
def main_only() -> Iterator[None]:
    """The main process works while the others wait: within, nothing is shared."""
    global _alone
    before, _alone = _alone, True
    try:
        yield
    finally:
        _alone = before


def is_single_process() -> bool:
    """Whether this process has nobody to share with: it is the only one, or works while the others wait."""
    return _alone or world_size() == 1


def broadcast(value: Value) -> Value:
    """Give the main process's value to every process, each of which calls this; the main one waits for none."""
    if is_single_process():
        return value
    box = [value]
    _group().broadcast_object_list(box, src=0)
    return box[0]


def gather(value: Value) -> list[Value]:
    """The values of all processes in order, in every process; each has to call it."""
    if is_single_process():
        return [value]
    values = [value] * world_size()
    _group().all_gather_object(values, value)
    return values


def wait_for_all() -> None:
    """Go on when every process has come here."""
    gather(None)


def _group():
    """Torch's module for processes that talk, which do so from then on; accelerate takes up the group it finds."""
    import torch

    if not torch.distributed.is_initialized():
        backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
        torch.distributed.init_process_group(backend, timeout=PATIENCE)
        atexit.register(_leave)  # or its threads, still running at the end, abort the process
    return torch.distributed


def _leave() -> None:
    import torch

    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
