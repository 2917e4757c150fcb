"""Batches of any shape: tensors, and tuples, lists, dicts and dataclasses of them."""

import copy
import dataclasses
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from ptmrec.core.errors import TrainingError
from ptmrec.core.processes import is_single_process, rank, world_size


def to_device(batch: Any, device: torch.device) -> Any:
    """A batch of the same form with its tensors on ``device``; what holds no tensors comes back as it is.

    Objects with a ``to`` method of their own (packed sequences, tokenizer outputs) are moved by it.
    """
    if hasattr(batch, "to"):
        return batch.to(device)
    return _with_parts(batch, lambda part: to_device(part, device))


def batch_size(batch: Any) -> int:
    """Length of the first dimension of the first tensor found in the batch; 1 when there is none."""
    return next((len(tensor) for tensor in _tensors(batch) if tensor.ndim), 1)


def divide(batch: Any) -> tuple[Any, int, float]:
    """This process's rows of a batch, how many count, and their share of the batch.

    The loss of the batch is the sum over the processes of their loss times their share. A process for which no row is
    left takes the first one, which does not count.
    """
    whole = batch_size(batch)
    if is_single_process():
        return batch, whole, 1.0
    start, stop = (whole * index // world_size() for index in (rank(), rank() + 1))
    rows = take_rows(batch, slice(start, max(stop, start + 1)) if start < whole else slice(0, 1), whole)
    return rows, stop - start, (stop - start) / max(whole, 1)


def take_rows(batch: Any, rows: slice, count: int) -> Any:
    """Some rows of a batch of ``count``, in the same form: of every tensor and list that is so long.

    Raises:
        TrainingError: an object that only knows itself how to be divided.
    """
    by_row = isinstance(batch, list) and next(_tensors(batch), None) is None  # else a batch in parts
    if by_row or isinstance(batch, Tensor):
        whole = isinstance(batch, Tensor) and not batch.ndim
        return batch if whole or len(batch) != count else batch[rows]
    if hasattr(batch, "to") and not isinstance(batch, Mapping):
        raise TrainingError(f"a batch of type {type(batch).__name__} cannot be divided; train in one process")
    return _with_parts(batch, lambda part: take_rows(part, rows, count))


def _with_parts(batch: Any, change: Callable[[Any], Any]) -> Any:
    """A batch of the same form with each of its parts changed; what has no parts comes back as it is."""
    if isinstance(batch, Mapping):
        return {key: change(value) for key, value in batch.items()}
    if isinstance(batch, tuple) and hasattr(batch, "_fields"):
        return type(batch)(*map(change, batch))
    if isinstance(batch, list | tuple):
        return type(batch)(map(change, batch))
    if dataclasses.is_dataclass(batch) and not isinstance(batch, type):
        changed = copy.copy(batch)
        for field in dataclasses.fields(batch):  # object.__setattr__ also works for frozen ones
            object.__setattr__(changed, field.name, change(getattr(batch, field.name)))
        return changed
    return batch


def end_workers(batches: Any) -> None:
    """End the workers of a loader's iterator, when it has any, without being told of each that ends."""
    end = getattr(batches, "_shutdown_workers", None)
    if end is None:
        return
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "SIGCHLD"):
        end()
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    try:
        end()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def set_epoch(loader: Iterable[Any], epoch: int) -> None:
    """Tell a loader, its samplers and its data set which epoch begins, where they ask for it."""
    for owner in (loader, *(getattr(loader, name, None) for name in ("batch_sampler", "sampler", "dataset"))):
        if hasattr(owner, "set_epoch"):
            owner.set_epoch(epoch)


def _tensors(batch: Any) -> Iterator[Tensor]:
    if isinstance(batch, Tensor):
        yield batch
    elif isinstance(batch, Mapping):
        for value in batch.values():
            yield from _tensors(value)
    elif isinstance(batch, list | tuple):
        for value in batch:
            yield from _tensors(value)
    elif dataclasses.is_dataclass(batch) and not isinstance(batch, type):
        for field in dataclasses.fields(batch):
            yield from _tensors(getattr(batch, field.name))
