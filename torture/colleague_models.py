"""Faults planted into models of the zoo and into small networks."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from ptmrec.inspection.blocks import split_blocks
from ptmrec.inspection.examples import Example, inputs_of

HOSTS = ("resnet-large-cifar10", "vgg-small-cifar10", "mobilenet-large-asl_letters")
"""Models of the zoo the faults are planted into, one for each seed in turn."""


class Changed(nn.Module):
    """A model whose output is changed on its way out.

    Args:
        body: the model.
        change: from the output ``(B, C)`` to another tensor.
    """

    def __init__(self, body: nn.Module, change: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.body, self.change = body, change

    def forward(self, images: Tensor) -> Tensor:
        """The changed output of ``images (B, 3, H, W)``."""
        return self.change(self.body(images))


class Detached(nn.Module):
    """A block whose output is cut off from the graph: nothing before it learns.

    Args:
        body: the block.
    """

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

    def forward(self, values: Tensor) -> Tensor:
        """The block's output without its history."""
        return self.body(values).detach()


def _middle(model: nn.Module) -> tuple[str, nn.Module]:
    """Name and module of a block with weights, about half way."""
    blocks = [(name, block) for name, block in split_blocks(model).items() if any(True for _ in block.parameters())]
    return blocks[len(blocks) // 2]


def _dead_block(example: Example, seed: int) -> None:
    for parameter in _middle(example.model)[1].parameters():
        nn.init.zeros_(parameter)


def _detached(example: Example, seed: int) -> None:
    name, block = _middle(example.model)
    parent, _, child = name.rpartition(".")
    setattr(example.model.get_submodule(parent), child, Detached(block))


def _dead_relus(example: Example, seed: int) -> None:
    norms = [module for module in example.model.modules() if isinstance(module, nn.BatchNorm2d)]
    with torch.no_grad():
        first = norms[0]
        dead = torch.randperm(len(first.bias), generator=torch.Generator().manual_seed(seed))
        first.bias[dead[: int(0.8 * len(dead))]] = -100.0


def _nan_weight(example: Example, seed: int) -> None:
    weights = [parameter for parameter in example.model.parameters() if parameter.ndim > 1]
    with torch.no_grad():
        weights[seed % len(weights)].view(-1)[seed] = torch.nan


def _changed(change: Callable[[Tensor], Tensor]) -> Callable[[Example, int], None]:
    def plant(example: Example, seed: int) -> None:
        example.model = Changed(example.model, change)

    return plant


def _deep(activation: type[nn.Module], std: float, depth: int) -> Callable[[Example, int], None]:
    """A deep network on the colours of the images in place of the model."""

    def plant(example: Example, seed: int) -> None:
        torch.manual_seed(seed)
        inputs = inputs_of(example.batches[0])
        width, classes = 24, example.outputs or 8
        layers: list[nn.Module] = [nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(16 * inputs.shape[1], width)]
        for _ in range(depth):
            layers += [activation(), nn.Linear(width, width)]
        example.model = nn.Sequential(*layers, activation(), nn.Linear(width, classes))
        for module in example.model.modules():
            if isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=std)

    return plant


def _wrong_classes(example: Example, seed: int) -> None:
    classifier = example.model.classifier
    example.model.classifier = nn.Linear(classifier.in_features, classifier.out_features - 1 - seed % 3)


def _frozen(example: Example, seed: int) -> None:
    example.model.requires_grad_(False)


FAULTS: dict[str, tuple[str, Callable[[Example, int], None]]] = {
    "dead block": ("dead_block|constant_output", _dead_block),
    "block cut off by detach": ("dead_block", _detached),
    "dead ReLUs": ("dead_units", _dead_relus),
    "NaN weight": ("nan_weights", _nan_weight),
    "exploding gradient": ("exploding_gradient", _deep(nn.ReLU, 2.0, 16)),
    "vanishing gradient": ("vanishing_gradient", _deep(nn.Sigmoid, 0.15, 14)),
    "wrong number of classes": ("output_shape", _wrong_classes),
    "mean over the batch": ("output_shape", _changed(lambda output: output.mean(dim=0))),
    "NaN output": ("nan_output", _changed(lambda output: (output - output.amax(dim=1, keepdim=True) - 1).log())),
    "constant output": ("constant_output", _changed(lambda output: output * 0 + 1)),
    "noise in evaluation": ("not_repeatable", _changed(lambda output: nn.functional.dropout(output, 0.3, True))),
    "batch statistics in evaluation": ("batch_dependence", _changed(lambda output: output - output.mean(dim=0))),
    "everything frozen": ("gradient", _frozen),
}
"""Fault -> the checks of which one has to find it, joined by ``|``, and what plants it into an example."""
