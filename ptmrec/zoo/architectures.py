"""The small image models of the embedded zoo: nine families that differ in kind.

Every model takes ``(B, 3, 32, 32)`` and keeps a training step cheap: the stem reduces the resolution by
four, so most work happens on 8 x 8 and 4 x 4 maps. All are :class:`SmallModel`: ``forward_features`` gives
the pooled feature vector a linear probe or the response view reads, ``forward`` adds the classifier.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from ptmrec.core.errors import ArtifactError
from ptmrec.zoo.blocks import (
    BasicBlock,
    ConvNeXtBlock,
    DenseBlock,
    InvertedResidual,
    MixerBlock,
    PoolFormerBlock,
    RegNetBlock,
    ViTBlock,
    dense_transition,
)

INPUT_SIZE = 32
"""Height and width of the images every embedded model takes, in pixels."""


class SmallModel(nn.Module):
    """A feature body and a linear classifier.

    Args:
        body: maps ``(B, 3, 32, 32)`` to pooled features ``(B, num_features)``.
        num_features: length of the feature vector.
        num_classes: outputs of the classifier.
    """

    def __init__(self, body: nn.Module, num_features: int, num_classes: int) -> None:
        super().__init__()
        self.body = body
        self.num_features = num_features
        self.classifier = nn.Linear(num_features, num_classes)

    def forward_features(self, images: Tensor) -> Tensor:
        """Pooled features ``(B, num_features)`` of images ``(B, 3, 32, 32)``."""
        return self.body(images)

    def forward(self, images: Tensor) -> Tensor:
        """Class scores ``(B, num_classes)`` of images ``(B, 3, 32, 32)``."""
        return self.classifier(self.forward_features(images))


def _conv(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


def _stem(width: int) -> list[nn.Module]:
    """Two strided convolutions: 32 -> 8 pixels."""
    return [_conv(3, width // 2, stride=2), _conv(width // 2, width, stride=2)]


def _pooled(*layers: nn.Module) -> nn.Sequential:
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())


def _vgg(width: int) -> tuple[nn.Module, int]:
    layers = [
        *_stem(width),
        _conv(width, 2 * width, stride=2),
        _conv(2 * width, 2 * width),
        _conv(2 * width, 4 * width, stride=2),
    ]
    return _pooled(*layers), 4 * width


def _resnet(width: int) -> tuple[nn.Module, int]:
    return _pooled(*_stem(width), BasicBlock(width, 2 * width), BasicBlock(2 * width, 4 * width)), 4 * width


def _regnet(width: int) -> tuple[nn.Module, int]:
    layers = [RegNetBlock(width, 3 * width, width // 2), RegNetBlock(3 * width, 4 * width, width // 2)]
    return _pooled(*_stem(width), *layers), 4 * width


def _densenet(width: int) -> tuple[nn.Module, int]:
    growth = width // 2
    last = width + 4 * growth
    layers = [
        *_stem(width),
        DenseBlock(2, width, growth),
        dense_transition(2 * width, width),
        DenseBlock(4, width, growth),
        nn.BatchNorm2d(last),
        nn.ReLU(inplace=True),
    ]
    return _pooled(*layers), last


def _mobilenet(width: int) -> tuple[nn.Module, int]:
    layers = [
        *_stem(width),
        InvertedResidual(width, 2 * width, stride=2),
        InvertedResidual(2 * width, 2 * width),
        InvertedResidual(2 * width, 4 * width, stride=2),
    ]
    return _pooled(*layers), 4 * width


def _convnext(width: int) -> tuple[nn.Module, int]:
    layers = [
        nn.Conv2d(3, width, 4, 4),
        ConvNeXtBlock(width),
        nn.GroupNorm(1, width),
        nn.Conv2d(width, 2 * width, 2, 2),
        ConvNeXtBlock(2 * width),
        ConvNeXtBlock(2 * width),
        nn.GroupNorm(1, 2 * width),
    ]
    return _pooled(*layers), 2 * width


def _poolformer(width: int) -> tuple[nn.Module, int]:
    layers = [
        nn.Conv2d(3, width, 4, 4),
        PoolFormerBlock(width),
        nn.Conv2d(width, 2 * width, 2, 2),
        PoolFormerBlock(2 * width),
        PoolFormerBlock(2 * width),
        nn.GroupNorm(1, 2 * width),
    ]
    return _pooled(*layers), 2 * width


class _Patches(nn.Module):
    """Patches with learned positions ``(B, T, D)``, token blocks, and the mean over tokens."""

    def __init__(self, width: int, patch: int, block: Callable[[int], nn.Module], depth: int) -> None:
        super().__init__()
        tokens = (INPUT_SIZE // patch) ** 2
        self.embed = nn.Conv2d(3, width, patch, patch)
        self.positions = nn.Parameter(0.02 * torch.randn(1, tokens, width))
        self.blocks = nn.Sequential(*(block(tokens) for _ in range(depth)))
        self.norm = nn.LayerNorm(width)

    def forward(self, images: Tensor) -> Tensor:
        tokens = self.embed(images).flatten(2).transpose(1, 2) + self.positions
        return self.norm(self.blocks(tokens)).mean(dim=1)


def _vit(width: int) -> tuple[nn.Module, int]:
    return _Patches(width, 8, lambda _: ViTBlock(width, width // 16), depth=3), width


def _mixer(width: int) -> tuple[nn.Module, int]:
    return _Patches(width, 4, lambda length: MixerBlock(width, length), depth=2), width


FAMILIES: dict[str, tuple[Callable[[int], tuple[nn.Module, int]], dict[str, int]]] = {
    "vgg": (_vgg, {"small": 16, "large": 28}),
    "resnet": (_resnet, {"small": 12, "large": 22}),
    "regnet": (_regnet, {"small": 10, "large": 20}),
    "densenet": (_densenet, {"small": 12, "large": 24}),
    "mobilenet": (_mobilenet, {"small": 12, "large": 22}),
    "convnext": (_convnext, {"small": 20, "large": 36}),
    "poolformer": (_poolformer, {"small": 16, "large": 30}),
    "vit": (_vit, {"small": 32, "large": 64}),
    "mixer": (_mixer, {"small": 20, "large": 44}),
}
"""Family -> (builder, width of each size). The sizes differ by a factor of three or more in parameters."""


def build_model(family: str, size: str, num_classes: int) -> SmallModel:
    """Build an embedded model with fresh weights (drawn from torch's global generator).

    Raises:
        ArtifactError: unknown family or size.
    """
    if family not in FAMILIES:
        raise ArtifactError(f"unknown model family {family!r}; known: {', '.join(FAMILIES)}")
    builder, widths = FAMILIES[family]
    if size not in widths:
        raise ArtifactError(f"unknown size {size!r} of family {family!r}; known: {', '.join(widths)}")
    body, num_features = builder(widths[size])
    return SmallModel(body, num_features, num_classes)
