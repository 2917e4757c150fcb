"""Each process's portion of a batch, so that several processes together take the step that one would take."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from ptmrec.core.processes import is_alone, rank, world_size
from ptmrec.train.batches import batch_size, take_rows

_DRAWS, _LIKE = (torch.rand, torch.randn), (torch.rand_like, torch.randn_like)


@dataclass(frozen=True)
class Portion:
    """Some rows of a batch.

    Attributes:
        rows: the rows; a process for which none is left takes the first one, which then does not count.
        whole: rows of the batch.
        size: rows that count.
    """

    rows: slice
    whole: int
    size: int

    @property
    def weight(self) -> float:
        """Share of the batch: the loss of the batch is the sum of the portions' losses times this."""
        return self.size / max(self.whole, 1)

    def randomness(self) -> AbstractContextManager:
        """Let random numbers be drawn for the whole batch, of which the portion's rows are used."""
        return nullcontext() if is_alone() else _WholeBatch(self)


def divide(batch: Any) -> tuple[Any, Portion]:
    """This process's portion of a batch: all of it in one process, else rows that lie together."""
    whole = batch_size(batch)
    if is_alone():
        return batch, Portion(slice(0, whole), whole, whole)
    start, stop = (whole * place // world_size() for place in (rank(), rank() + 1))
    rows = slice(start, stop) if stop > start else slice(0, 1)
    return take_rows(batch, rows, whole), Portion(rows, whole, stop - start)


def add_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Add up the gradients of all processes, in all of them; a parameter that nobody used keeps none.

    Not accelerate's wrapper (DDP): that sees ``model(...)`` alone, and trainers call any method of a model.
    """
    if is_alone():
        return  # before the parameters are listed, which takes as long as a small layer
    parameters = [parameter for parameter in parameters if parameter.requires_grad]
    if not parameters:
        return
    used = torch.tensor([parameter.grad is not None for parameter in parameters], device=parameters[0].device).int()
    torch.distributed.all_reduce(used)
    for parameter, users in zip(parameters, used.tolist(), strict=True):
        if users:
            parameter.grad = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
            torch.distributed.all_reduce(parameter.grad)


def share_weights(model: nn.Module) -> None:
    """Give every process the main one's parameters and buffers."""
    if not is_alone():
        for tensor in model.state_dict().values():
            torch.distributed.broadcast(tensor, src=0)


class _WholeBatch(TorchFunctionMode):
    """Numbers drawn for the rows of a portion are those that these rows would get in the whole batch.

    That holds for dropout, also within torch's attention, and for torch's own draws with one row per sample; the
    generators of all processes then stay in step.
    """

    def __init__(self, portion: Portion) -> None:
        super().__init__()
        self.portion = portion

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if func is F.dropout:
            return self._dropout(*args, **kwargs)
        if func is F.multi_head_attention_forward and kwargs.get("training", True):
            return self._attention(func, args, kwargs)
        if func in _DRAWS:
            sizes = tuple(args[0]) if args and not isinstance(args[0], int) else args
            if self._fits(sizes):
                return func(self.portion.whole, *sizes[1:], **kwargs)[self.portion.rows]
        if func in _LIKE and self._fits(args[0].shape):
            return func(self._grown(args[0]), *args[1:], **kwargs)[self.portion.rows]
        return func(*args, **kwargs)

    def _fits(self, sizes: Sequence[int]) -> bool:
        return len(sizes) > 0 and sizes[0] == self.portion.rows.stop - self.portion.rows.start

    def _grown(self, tensor: Tensor) -> Tensor:
        return tensor.new_ones(self.portion.whole, *tensor.shape[1:])

    def _dropout(self, input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
        if not (training and p and self._fits(input.shape)):
            return F.dropout(input, p, training, inplace)
        return input * F.dropout(self._grown(input), p)[self.portion.rows]

    def _attention(self, func: Callable, args: tuple, kwargs: Mapping[str, Any]) -> tuple[Tensor, Tensor | None]:
        """Torch's attention on ``(L, B, E)`` draws where nothing reaches it, so it is given a whole batch, of zeros."""
        queries, mask = args[0], kwargs.get("attn_mask")
        if queries.ndim != 3 or not self._fits(queries.shape[1:]) or (mask is not None and mask.ndim == 3):
            return func(*args, **kwargs)
        placed = {id(tensor): self._placed(tensor, 1) for tensor in args[:3]}  # it asks whether they are the same
        inputs, padding = [placed[id(tensor)] for tensor in args[:3]], kwargs.get("key_padding_mask")
        if padding is not None:
            kwargs = {**kwargs, "key_padding_mask": self._placed(padding, 0)}
        answer, weights = func(*inputs, *args[3:], **kwargs)
        return answer[:, self.portion.rows], None if weights is None else weights[self.portion.rows]

    def _placed(self, tensor: Tensor, axis: int) -> Tensor:
        whole = tensor.new_zeros(*tensor.shape[:axis], self.portion.whole, *tensor.shape[axis + 1 :])
        whole[(slice(None),) * axis + (self.portion.rows,)] = tensor
        return whole
