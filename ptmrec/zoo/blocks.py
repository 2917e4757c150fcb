"""The blocks of the embedded zoo's models, in plain torch.

They are timm's blocks with the options the zoo uses: the same names of weights, the same draws from a seed and the same
outputs (the tests compare them). Importing timm for them took half of what a recommendation takes, as it imports
torchvision and the compiler of torch, which nothing here needs.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

EPSILON = 1e-6
"""Of every layer norm."""


def conv_norm_act(
    inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1, act: bool = True
) -> nn.Module:
    """Convolution ``conv``, batch norm ``bn`` and, unless told otherwise, a ReLU."""
    layers = nn.Sequential()
    layers.add_module("conv", nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False))
    layers.add_module("bn", nn.BatchNorm2d(outputs))
    layers.add_module("act", nn.ReLU(inplace=True) if act else nn.Identity())
    return layers


class Mlp(nn.Module):
    """Two layers with an activation between, on the last axis, or as 1 x 1 convolutions without biases."""

    def __init__(self, width: int, hidden: int, act: nn.Module | None = None, convolutions: bool = False) -> None:
        super().__init__()
        self.fc1 = nn.Conv2d(width, hidden, 1, bias=False) if convolutions else nn.Linear(width, hidden)
        self.act = act or nn.GELU()
        self.fc2 = nn.Conv2d(hidden, width, 1, bias=False) if convolutions else nn.Linear(hidden, width)

    def forward(self, values: Tensor) -> Tensor:
        """Values of any shape that fits, after the layers."""
        return self.fc2(self.act(self.fc1(values)))


class BasicBlock(nn.Module):
    """ResNet: two 3 x 3 convolutions beside a shortcut that halves the resolution (https://arxiv.org/abs/1512.03385)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, 2, bias=False), nn.BatchNorm2d(outputs))
        self.conv1 = nn.Conv2d(inputs, outputs, 3, 2, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample = shortcut

    def forward(self, maps: Tensor) -> Tensor:
        """Maps ``(B, C, H, W)`` after the block."""
        inner = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(maps)))))
        return F.relu(inner + self.downsample(maps))


class SqueezeExcite(nn.Module):
    """Channels weighted by what the whole map says (https://arxiv.org/abs/1709.01507)."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Conv2d(width, hidden, 1), nn.Conv2d(hidden, width, 1)

    def forward(self, maps: Tensor) -> Tensor:
        """Maps ``(B, C, H, W)`` after the block."""
        return maps * self.fc2(F.relu(self.fc1(maps.mean((2, 3), keepdim=True)))).sigmoid()


class RegNetBlock(nn.Module):
    """RegNet-Y: grouped convolution and squeeze-and-excitation (https://arxiv.org/abs/2003.13678)."""

    def __init__(self, inputs: int, outputs: int, group: int) -> None:
        super().__init__()
        self.conv1 = conv_norm_act(inputs, outputs, 1)
        self.conv2 = conv_norm_act(outputs, outputs, 3, 2, outputs // group)
        self.se = SqueezeExcite(outputs, round(inputs / 4))
        self.conv3 = conv_norm_act(outputs, outputs, 1, act=False)
        self.downsample = conv_norm_act(inputs, outputs, 1, 2, act=False)

    def forward(self, maps: Tensor) -> Tensor:
        """Maps ``(B, C, H, W)`` after the block."""
        return F.relu(self.conv3(self.se(self.conv2(self.conv1(maps)))) + self.downsample(maps))


class DenseLayer(nn.Module):
    """DenseNet: reads all maps before it (https://arxiv.org/abs/1608.06993)."""

    def __init__(self, inputs: int, growth: int) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, 2 * growth, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(2 * growth)
        self.conv2 = nn.Conv2d(2 * growth, growth, 3, padding=1, bias=False)

    def forward(self, maps: Tensor) -> Tensor:
        """Maps ``(B, C, H, W)`` after the block."""
        return self.conv2(F.relu(self.norm2(self.conv1(F.relu(self.norm1(maps))))))


class DenseBlock(nn.Module):
    """Dense layers ``denselayer1``, ...; each adds ``growth`` maps."""

    def __init__(self, layers: int, inputs: int, growth: int) -> None:
        super().__init__()
        for place in range(layers):
            self.add_module(f"denselayer{place + 1}", DenseLayer(inputs + place * growth, growth))

    def forward(self, maps: Tensor) -> Tensor:
        """Maps ``(B, C, H, W)`` after the block."""
        for layer in self.children():
            maps = torch.cat([maps, layer(maps)], 1)
        return maps


def dense_transition(inputs: int, outputs: int) -> nn.Module:
    """DenseNet: fewer maps of half the resolution."""
    layers = nn.Sequential()
    layers.add_module("norm", nn.BatchNorm2d(inputs))
    layers.add_module("act", nn.ReLU(inplace=True))
    layers.add_module("conv", nn.Conv2d(inputs, outputs, 1, bias=False))
    layers.add_module("pool", nn.AvgPool2d(2))
    return layers


class InvertedResidual(nn.Module):
    """MobileNet-V2: narrow, wide by depth, narrow (https://arxiv.org/abs/1801.04381)."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.has_skip = inputs == outputs and stride == 1
        hidden = _divisible(3 * inputs)
        self.conv_pw, self.bn1 = nn.Conv2d(inputs, hidden, 1, bias=False), nn.BatchNorm2d(hidden)
        self.conv_dw = nn.Conv2d(hidden, hidden, 3, stride, 1, groups=hidden, bias=False)
        self.bn2 = nn.BatchNorm2d(hidden)
        self.conv_pwl, self.bn3 = nn.Conv2d(hidden, outputs, 1, bias=False), nn.BatchNorm2d(outputs)

    def forward(self, maps: Tensor) -> Tensor:
        """Maps ``(B, C, H, W)`` after the block."""
        inner = F.relu(self.bn2(self.conv_dw(F.relu(self.bn1(self.conv_pw(maps))))))
        inner = self.bn3(self.conv_pwl(inner))
        return inner + maps if self.has_skip else inner


def _divisible(width: int) -> int:
    """The nearest multiple of 8, at most a tenth below."""
    nearest = max(8, (width + 4) // 8 * 8)
    return nearest + 8 if nearest < 0.9 * width else nearest


class ConvNeXtBlock(nn.Module):
    """ConvNeXt: depthwise convolution, then an MLP per pixel (https://arxiv.org/abs/2201.03545)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv_dw = nn.Conv2d(width, width, 3, padding=1, groups=width)
        self.norm = nn.LayerNorm(width, EPSILON)
        self.mlp = Mlp(width, 4 * width)
        self.gamma = nn.Parameter(1e-6 * torch.ones(width))

    def forward(self, maps: Tensor) -> Tensor:
        """Maps ``(B, C, H, W)`` after the block."""
        inner = self.mlp(self.norm(self.conv_dw(maps).permute(0, 2, 3, 1))).permute(0, 3, 1, 2)
        return inner.mul(self.gamma.reshape(1, -1, 1, 1)) + maps


class ChannelNorm(nn.LayerNorm):
    """Layer norm over the channels of maps ``(B, C, H, W)``."""

    def __init__(self, width: int) -> None:
        super().__init__(width, EPSILON)

    def forward(self, maps: Tensor) -> Tensor:
        """Maps ``(B, C, H, W)`` after the block."""
        return super().forward(maps.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class StarReLU(nn.Module):
    """Squared ReLU with a learned scale and shift (https://arxiv.org/abs/2210.13452)."""

    def __init__(self) -> None:
        super().__init__()
        self.scale, self.bias = nn.Parameter(torch.ones(1)), nn.Parameter(torch.zeros(1))

    def forward(self, values: Tensor) -> Tensor:
        """Values of any shape that fits, after the layers."""
        return self.scale * F.relu(values) ** 2 + self.bias


class PoolFormerBlock(nn.Module):
    """PoolFormer: pixels are mixed by average pooling (https://arxiv.org/abs/2111.11418)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm1 = ChannelNorm(width)
        self.pool = nn.AvgPool2d(3, 1, 1, count_include_pad=False)
        self.norm2 = ChannelNorm(width)
        self.mlp = Mlp(width, 4 * width, StarReLU(), convolutions=True)

    def forward(self, maps: Tensor) -> Tensor:
        """Maps ``(B, C, H, W)`` after the block."""
        normed = self.norm1(maps)
        maps = maps + (self.pool(normed) - normed)
        return maps + self.mlp(self.norm2(maps))


class Attention(nn.Module):
    """Self-attention with several heads (https://arxiv.org/abs/1706.03762)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv, self.proj = nn.Linear(width, 3 * width, bias=False), nn.Linear(width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens ``(B, T, D)`` after the block."""
        batch, length, width = tokens.shape
        shape = (batch, length, 3, self.heads, width // self.heads)
        queries, keys, values = self.qkv(tokens).reshape(shape).permute(2, 0, 3, 1, 4)
        read = F.scaled_dot_product_attention(queries, keys, values)
        return self.proj(read.transpose(1, 2).reshape(batch, length, width))


class ViTBlock(nn.Module):
    """Vision transformer: self-attention and an MLP, norms first (https://arxiv.org/abs/2010.11929)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1, self.attn = nn.LayerNorm(width, EPSILON), Attention(width, heads)
        self.norm2, self.mlp = nn.LayerNorm(width, EPSILON), Mlp(width, 2 * width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens ``(B, T, D)`` after the block."""
        tokens = tokens + self.attn(self.norm1(tokens))
        return tokens + self.mlp(self.norm2(tokens))


class MixerBlock(nn.Module):
    """MLP-Mixer: an MLP across tokens, then one across channels (https://arxiv.org/abs/2105.01601)."""

    def __init__(self, width: int, length: int) -> None:
        super().__init__()
        self.norm1, self.mlp_tokens = nn.LayerNorm(width, EPSILON), Mlp(length, width // 2)
        self.norm2, self.mlp_channels = nn.LayerNorm(width, EPSILON), Mlp(width, 2 * width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens ``(B, T, D)`` after the block."""
        tokens = tokens + self.mlp_tokens(self.norm1(tokens).transpose(1, 2)).transpose(1, 2)
        return tokens + self.mlp_channels(self.norm2(tokens))
