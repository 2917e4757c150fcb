"""Blocks of a model, and what passes through them forward and backward."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from ptmrec.inspection.examples import output_of

MOST_BLOCKS = 24
LARGE = 0.5
"""Share of the parameters above which a block is looked into."""
ACTIVATIONS = (nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.GELU, nn.SiLU, nn.ELU, nn.Hardswish, nn.Tanh, nn.Sigmoid)
OWN = "(own)"
"""Block of the parameters that belong to no sub-module."""


def split_blocks(model: nn.Module) -> dict[str, nn.Module]:
    """Sub-modules by name, in order: the children, large ones replaced by theirs while few blocks hold everything."""
    blocks, large = list(model.named_children()), LARGE * sum(parameter.numel() for parameter in model.parameters())
    index = 0
    while index < len(blocks) < MOST_BLOCKS:
        name, block = blocks[index]
        inner = [(f"{name}.{child}", module) for child, module in block.named_children()]
        if inner and sum(parameter.numel() for parameter in block.parameters()) > large:
            blocks[index : index + 1] = inner
        else:
            index += 1
    return dict(blocks)


def parameters_by_block(model: nn.Module, blocks: dict[str, nn.Module]) -> dict[str, dict[str, nn.Parameter]]:
    """Parameters of each block that has any, by their full names; those outside all blocks under :data:`OWN`."""
    found: dict[str, dict[str, nn.Parameter]] = {name: {} for name in blocks} | {OWN: {}}
    for name, parameter in model.named_parameters():
        owner = next((block for block in blocks if name.startswith(f"{block}.")), OWN)
        found[owner][name] = parameter
    return {name: parameters for name, parameters in found.items() if parameters}


@dataclass
class Passage:
    """What passed through a model in one or several forward passes.

    Attributes:
        low: activation layer -> smallest value of each channel; high: largest.
        constant: blocks whose output was the same for every sample of every batch.
        bytes: size of the outputs of all leaves, summed over the passes.
    """

    low: dict[str, Tensor] = field(default_factory=dict)
    high: dict[str, Tensor] = field(default_factory=dict)
    constant: dict[str, bool] = field(default_factory=dict)
    bytes: int = 0
    _channels_last: bool = False

    def dead_units(self) -> dict[str, float]:
        """Share of the channels of each activation layer that gave one value throughout."""
        return {name: float((self.high[name] <= self.low[name]).float().mean()) for name in self.low}


@contextmanager
def watch(model: nn.Module, blocks: dict[str, nn.Module]) -> Iterator[Passage]:
    """Record what passes through a model while the block of code runs."""
    passage = Passage()
    leaves = [(name, module) for name, module in model.named_modules() if next(module.children(), None) is None]
    handles = [module.register_forward_hook(partial(_see_leaf, passage, name)) for name, module in leaves]
    handles += [module.register_forward_hook(partial(_see_block, passage, name)) for name, module in blocks.items()]
    try:
        yield passage
    finally:
        for handle in handles:
            handle.remove()


def _see_leaf(passage: Passage, name: str, module: nn.Module, _inputs: Any, given: Any) -> None:
    output = output_of(given)
    if output is None:
        return
    passage.bytes += output.numel() * output.element_size()
    if isinstance(module, nn.Linear | nn.LayerNorm):
        passage._channels_last = True
    elif isinstance(module, nn.Conv2d | nn.BatchNorm2d | nn.Conv1d):
        passage._channels_last = False
    if isinstance(module, ACTIVATIONS) and output.ndim > 1:
        _extend(passage, name, output.detach())


def _see_block(passage: Passage, name: str, _module: nn.Module, _inputs: Any, given: Any) -> None:
    output = output_of(given)
    if output is not None and output.ndim > 1 and len(output) > 1:
        same = bool((output[1:] == output[:1]).all())
        passage.constant[name] = passage.constant.get(name, True) and same


def _extend(passage: Passage, name: str, output: Tensor) -> None:
    axis = output.ndim - 1 if passage._channels_last else 1
    rest = [place for place in range(output.ndim) if place != axis]
    low, high = output.amin(dim=rest), output.amax(dim=rest)
    if name in passage.low and passage.low[name].shape == low.shape:
        low, high = torch.minimum(low, passage.low[name]), torch.maximum(high, passage.high[name])
    passage.low[name], passage.high[name] = low, high
