"""The image side of an embedded CLIP in plain torch.

It computes what open_clip's ``ModifiedResNet`` and its preparation of images compute, from the same files, with the
same names of weights. open_clip itself brings torchvision, timm and more, which take far longer to import than
ranking models takes.
"""

from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from ptmrec.core.trust import check

_EXPANSION = 4
_HEAD_WIDTH = 64
_VISION_KEYS = {"image_size", "layers", "width"}
_PREPARATION = {"interpolation": "bicubic", "resize_mode": "shortest"}


def understands(spec: dict[str, Any]) -> bool:
    """Whether an ``open_clip_config.json`` asks for nothing but what is built here."""
    model, preparation = spec.get("model_cfg", {}), spec.get("preprocess_cfg", {})
    vision = model.get("vision_cfg", {})
    return (
        {"embed_dim", "vision_cfg", "text_cfg"} == set(model)
        and set(vision) == _VISION_KEYS
        and isinstance(vision["layers"], list)
        and set(preparation) == {"mean", "std", *_PREPARATION}
        and all(preparation[key] == value for key, value in _PREPARATION.items())
    )


class Preparation:
    """PIL images to normalised pixels: shorter side resized (bicubic), centre cut out.

    Args:
        size: height and width in pixels.
        mean: of each channel, in 0..1.
        std: of each channel.
    """

    def __init__(self, size: int, mean: Sequence[float], std: Sequence[float]) -> None:
        self.size = size
        self.mean, self.std = (torch.tensor(values).view(3, 1, 1) for values in (mean, std))

    def __call__(self, image: Image.Image) -> Tensor:
        """Pixels ``(3, size, size)`` float32."""
        width, height = image.size
        short = min(width, height)
        shape = (int(self.size * width / short), int(self.size * height / short))
        left, top = (round((side - self.size) / 2) for side in shape)
        image = image.resize(shape, Image.Resampling.BICUBIC) if shape != image.size else image
        image = image.crop((left, top, left + self.size, top + self.size)).convert("RGB")
        pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1).float() / 255
        return (pixels - self.mean) / self.std


class _Bottleneck(nn.Module):
    def __init__(self, inputs: int, planes: int, stride: int) -> None:
        super().__init__()
        outputs = planes * _EXPANSION
        self.conv1, self.bn1 = nn.Conv2d(inputs, planes, 1, bias=False), nn.BatchNorm2d(planes)
        self.conv2, self.bn2 = nn.Conv2d(planes, planes, 3, padding=1, bias=False), nn.BatchNorm2d(planes)
        self.avgpool = nn.AvgPool2d(stride) if stride > 1 else nn.Identity()
        self.conv3, self.bn3 = nn.Conv2d(planes, outputs, 1, bias=False), nn.BatchNorm2d(outputs)
        self.downsample = None
        if stride > 1 or inputs != outputs:
            parts = {"-1": nn.AvgPool2d(stride), "0": nn.Conv2d(inputs, outputs, 1, bias=False)}
            self.downsample = nn.Sequential(OrderedDict(parts, **{"1": nn.BatchNorm2d(outputs)}))

    def forward(self, maps: Tensor) -> Tensor:
        inner = F.relu(self.bn1(self.conv1(maps)))
        inner = self.avgpool(F.relu(self.bn2(self.conv2(inner))))
        shortcut = maps if self.downsample is None else self.downsample(maps)
        return F.relu(self.bn3(self.conv3(inner)) + shortcut)


class _AttentionPool(nn.Module):
    """The mean of all places asks, the places answer."""

    def __init__(self, side: int, width: int, heads: int, outputs: int) -> None:
        super().__init__()
        self.positional_embedding = nn.Parameter(torch.zeros(side**2 + 1, width))
        self.k_proj, self.q_proj, self.v_proj = (nn.Linear(width, width) for _ in range(3))
        self.c_proj = nn.Linear(width, outputs)
        self.heads = heads

    def forward(self, maps: Tensor) -> Tensor:
        places = maps.flatten(2).transpose(1, 2)
        places = torch.cat([places.mean(dim=1, keepdim=True), places], dim=1) + self.positional_embedding
        parts = (self.q_proj(places[:, :1]), self.k_proj(places), self.v_proj(places))
        query, key, value = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in parts)
        pooled = F.scaled_dot_product_attention(query, key, value)
        return self.c_proj(pooled.transpose(1, 2).flatten(1))


class ImageTower(nn.Module):
    """CLIP's ResNet: three convolutions as stem, four stages, attention as pooling.

    Args:
        layers: blocks of each of the four stages.
        width: channels of the first stage.
        image_size: height and width of the images, in pixels.
        outputs: length of the feature.
    """

    def __init__(self, layers: Sequence[int], width: int, image_size: int, outputs: int) -> None:
        super().__init__()
        half = width // 2
        self.conv1, self.bn1 = nn.Conv2d(3, half, 3, 2, 1, bias=False), nn.BatchNorm2d(half)
        self.conv2, self.bn2 = nn.Conv2d(half, half, 3, 1, 1, bias=False), nn.BatchNorm2d(half)
        self.conv3, self.bn3 = nn.Conv2d(half, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width)
        inputs = width
        for index, blocks in enumerate(layers):
            planes = width * 2**index
            first = _Bottleneck(inputs, planes, stride=2 if index else 1)
            inputs = planes * _EXPANSION
            rest = (_Bottleneck(inputs, planes, stride=1) for _ in range(1, blocks))
            setattr(self, f"layer{index + 1}", nn.Sequential(first, *rest))
        self.attnpool = _AttentionPool(image_size // 32, inputs, inputs // _HEAD_WIDTH, outputs)

    def forward(self, images: Tensor) -> Tensor:
        """Features ``(B, outputs)`` of images ``(B, 3, image_size, image_size)``."""
        for index in (1, 2, 3):
            images = F.relu(getattr(self, f"bn{index}")(getattr(self, f"conv{index}")(images)))
        images = F.avg_pool2d(images, 2)
        for index in (1, 2, 3, 4):
            images = getattr(self, f"layer{index}")(images)
        return self.attnpool(images)


class EmbeddedClip(nn.Module):
    """What is left of a CLIP that only looks at images, with open_clip's names."""

    def __init__(self, visual: ImageTower) -> None:
        super().__init__()
        self.visual = visual

    def encode_image(self, images: Tensor) -> Tensor:
        """Features ``(B, D)`` of prepared images ``(B, 3, H, W)``."""
        return self.visual(images)


def load_image_tower(spec: dict[str, Any], weights: Path) -> tuple[EmbeddedClip, Preparation]:
    """The image side of a CLIP that :func:`understands` said yes to, and the preparation of its images.

    Raises:
        OSError, SafetensorError, RuntimeError: the weights are missing, damaged or do not fit.
    """
    from safetensors.torch import load_file

    check(weights)
    vision, preparation = spec["model_cfg"]["vision_cfg"], spec["preprocess_cfg"]
    tower = ImageTower(vision["layers"], vision["width"], vision["image_size"], spec["model_cfg"]["embed_dim"])
    stored = {k.removeprefix("visual."): v for k, v in load_file(weights).items() if k.startswith("visual.")}
    tower.load_state_dict({name: v.float() if v.is_floating_point() else v for name, v in stored.items()})
    return EmbeddedClip(tower), Preparation(vision["image_size"], preparation["mean"], preparation["std"])
