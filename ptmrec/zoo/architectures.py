"""The small image models of the embedded zoo: seven families that differ in kind, built from timm's blocks.

Every model takes ``(B, 3, 32, 32)`` and keeps a training step cheap: the stem reduces the resolution by
four, so most work happens on 8 x 8 and 4 x 4 maps. All are :class:`SmallModel`: ``forward_features`` gives
the pooled feature vector a linear probe or the response view reads, ``forward`` adds the classifier.
"""

from collections.abc import Callable

import torch
from timm.layers import Mlp
from timm.models.convnext import ConvNeXtBlock
from timm.models.densenet import DenseBlock, DenseTransition
from timm.models.mlp_mixer import MixerBlock
from timm.models.resnet import BasicBlock
from timm.models.vision_transformer import Block
from torch import Tensor, nn

from ptmrec.errors import ArtifactError

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


def _conv(inputs: int, outputs: int, kernel: int = 3, stride: int = 1, groups: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False),
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
        _conv(width, width),
        _conv(width, 2 * width, stride=2),
        _conv(2 * width, 2 * width),
    ]
    return _pooled(*layers), 2 * width


def _residual_stage(inputs: int, outputs: int, stride: int) -> BasicBlock:
    shortcut = None
    if stride > 1 or inputs != outputs:
        shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))
    return BasicBlock(inputs, outputs, stride, downsample=shortcut)


def _resnet(width: int) -> tuple[nn.Module, int]:
    return _pooled(*_stem(width), _residual_stage(width, width, 1), _residual_stage(width, 2 * width, 2)), 2 * width


def _densenet(width: int) -> tuple[nn.Module, int]:
    growth = width // 2
    first = width + 3 * growth
    last = first // 2 + 3 * growth
    layers = [
        *_stem(width),
        DenseBlock(3, width, bn_size=2, growth_rate=growth),
        DenseTransition(first, first // 2),
        DenseBlock(3, first // 2, bn_size=2, growth_rate=growth),
        nn.BatchNorm2d(last),
        nn.ReLU(inplace=True),
    ]
    return _pooled(*layers), last


class _InvertedResidual(nn.Module):
    """Expand, depthwise convolution, project (MobileNetV2), with a shortcut where shapes allow it."""

    def __init__(self, inputs: int, outputs: int, stride: int, expansion: int = 4) -> None:
        super().__init__()
        hidden = inputs * expansion
        self.layers = nn.Sequential(
            _conv(inputs, hidden, kernel=1),
            _conv(hidden, hidden, stride=stride, groups=hidden),
            nn.Conv2d(hidden, outputs, 1, bias=False),
            nn.BatchNorm2d(outputs),
        )
        self.shortcut = stride == 1 and inputs == outputs

    def forward(self, maps: Tensor) -> Tensor:
        return maps + self.layers(maps) if self.shortcut else self.layers(maps)


def _mobilenet(width: int) -> tuple[nn.Module, int]:
    layers = [
        *_stem(width),
        _InvertedResidual(width, width, 1),
        _InvertedResidual(width, 2 * width, 2),
        _InvertedResidual(2 * width, 2 * width, 1),
        _conv(2 * width, 4 * width, kernel=1),
    ]
    return _pooled(*layers), 4 * width


def _convnext(width: int) -> tuple[nn.Module, int]:
    layers = [
        nn.Conv2d(3, width, 4, 4),
        ConvNeXtBlock(width, kernel_size=5),
        ConvNeXtBlock(width, kernel_size=5),
        nn.GroupNorm(1, width),
        nn.Conv2d(width, 2 * width, 2, 2),
        ConvNeXtBlock(2 * width, kernel_size=3),
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
    return _Patches(width, 8, lambda _: Block(width, num_heads=width // 16, mlp_ratio=2.0), depth=3), width


def _mixer(width: int) -> tuple[nn.Module, int]:
    return _Patches(width, 4, lambda t: MixerBlock(width, t, mlp_ratio=(0.5, 2.0), mlp_layer=Mlp), depth=2), width


FAMILIES: dict[str, tuple[Callable[[int], tuple[nn.Module, int]], dict[str, int]]] = {
    "vgg": (_vgg, {"small": 24, "large": 48}),
    "resnet": (_resnet, {"small": 20, "large": 40}),
    "densenet": (_densenet, {"small": 32, "large": 56}),
    "mobilenet": (_mobilenet, {"small": 24, "large": 44}),
    "convnext": (_convnext, {"small": 32, "large": 56}),
    "vit": (_vit, {"small": 48, "large": 96}),
    "mixer": (_mixer, {"small": 48, "large": 96}),
}
"""Family -> (builder, width of each size). The two sizes differ by a factor of about three or more in parameters."""


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
