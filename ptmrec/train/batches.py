"""Batches of any shape: tensors, and tuples, lists, dicts and dataclasses of them."""

import copy
import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor


def to_device(batch: Any, device: torch.device) -> Any:
    """A batch of the same form with its tensors on ``device``; what holds no tensors comes back as it is.

    Objects with a ``to`` method of their own (packed sequences, tokenizer outputs) are moved by it.
    """
    if hasattr(batch, "to"):
        return batch.to(device)
    if isinstance(batch, Mapping):
        return {key: to_device(value, device) for key, value in batch.items()}
    if isinstance(batch, tuple) and hasattr(batch, "_fields"):
        return type(batch)(*(to_device(value, device) for value in batch))
    if isinstance(batch, list | tuple):
        return type(batch)(to_device(value, device) for value in batch)
    if dataclasses.is_dataclass(batch) and not isinstance(batch, type):
        moved = copy.copy(batch)
        for field in dataclasses.fields(batch):  # object.__setattr__ also works for frozen ones
            object.__setattr__(moved, field.name, to_device(getattr(batch, field.name), device))
        return moved
    return batch


def batch_size(batch: Any) -> int:
    """Length of the first dimension of the first tensor found in the batch; 1 when there is none."""
    return next((len(tensor) for tensor in _tensors(batch) if tensor.ndim), 1)


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
