"""What a network takes and gives, whatever it was made with: its pictures, its feature vectors, and their check."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ptmrec.core.errors import ArtifactError, ConfigError, first_line
from ptmrec.core.files import is_number
from ptmrec.zoo.card import LARGEST_IMAGE
from ptmrec.zoo.features import to_pixels

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
KINDS = ("float32", "float16", "uint8")
"""Kinds of numbers that networks take for a pixel."""
LONGEST_VECTOR = 2**16
"""Numbers of the longest feature vector: the map that explains it is as wide."""
CLOSE = 1e-3
"""Largest difference, relative to the features' size, between an image run alone and among others."""
USUAL = 224
"""Height and width where nothing states them, in pixels."""


@dataclass(frozen=True)
class Asked:
    """What a person says of a model that its file does not, or says otherwise.

    Attributes:
        name: of the model; that of its file without it.
        input_size: height and width of its images, in pixels.
        features: the layer or output whose values are the features.
        mean: of its colours, 0 to 1; std: their deviation.
        weights: file of its weights, safetensors.
    """

    name: str = ""
    input_size: tuple[int, int] | None = None
    features: str = ""
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    weights: str = ""


@dataclass(frozen=True)
class Feed:
    """The pictures a network takes.

    Attributes:
        height: in pixels; width: likewise.
        channels: 3 colours, or 1 for grey.
        kind: of its numbers; whole numbers go from 0 to 255, others are shares of 1, centred.
        last: whether the channels come last.
        mean: of each channel, 0 to 1; std: deviation.
        batch: images it takes at once, always as many; 0 = any number.
    """

    height: int
    width: int
    channels: int = 3
    kind: str = "float32"
    last: bool = False
    mean: tuple[float, ...] = IMAGENET_MEAN
    std: tuple[float, ...] = IMAGENET_STD
    batch: int = 0

    def __post_init__(self) -> None:
        sizes = (self.height, self.width)
        if any(not _whole(size) or not 1 <= size <= LARGEST_IMAGE for size in sizes):
            raise ArtifactError(f"its images are {sizes[0]} x {sizes[1]} pixels, and 1 to {LARGEST_IMAGE} are made")
        if self.channels not in (1, 3):
            raise ArtifactError(f"it takes {self.channels} channels, and images have 3 colours or 1 of grey")
        if self.kind not in KINDS:
            raise ArtifactError(f"it takes pixels as {self.kind}, and they are made as {', '.join(KINDS)}")
        if not _whole(self.batch) or not 0 <= self.batch <= 1024:
            raise ArtifactError(f"it takes {self.batch} images at once; at most 1024 are given")
        for values in (self.mean, self.std):
            if not isinstance(values, list | tuple) or len(values) not in (1, 3) or not all(map(_number, values)):
                raise ArtifactError(f"mean and std are 1 or 3 numbers, found {str(values)[:60]}")
        if min(self.std) <= 0:
            raise ArtifactError(f"std {tuple(self.std)} should be above 0")

    def to_dict(self) -> dict[str, Any]:
        """As plain data, for a card."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}

    def asked(self, asked: Asked) -> "Feed":
        """With what a person asks for in place of what was read."""
        height, width = asked.input_size or (self.height, self.width)
        return replace(self, height=height, width=width, mean=asked.mean or self.mean, std=asked.std or self.std)

    def prepare(self, images: np.ndarray) -> Tensor:
        """Images ``(n, H, W, 3)`` uint8 as the network takes them: ``(n, C, height, width)``, or channels last."""
        pixels = to_pixels(images, (self.height, self.width))
        if self.channels == 1:  # as Pillow makes grey of colours
            pixels = (pixels * torch.tensor([0.299, 0.587, 0.114]).reshape(1, 3, 1, 1)).sum(dim=1, keepdim=True)
        if self.kind == "uint8":
            pixels = pixels.mul(255).round().to(torch.uint8)
        else:
            mean, std = (_per_channel(values, self.channels) for values in (self.mean, self.std))
            pixels = ((pixels - mean) / std).to(getattr(torch, self.kind))
        return pixels.permute(0, 2, 3, 1).contiguous() if self.last else pixels


def find_axes(sizes: Sequence[int]) -> tuple[int, int, int, bool]:
    """Channels, height and width of an input's four axes, and whether the channels come last.

    Raises:
        ArtifactError: there are more or fewer axes.
    """
    if len(sizes) != 4:
        raise ArtifactError(f"it takes {len(sizes)} axes, not images with colours, height and width")
    last = sizes[1] not in (1, 3) and sizes[3] in (1, 3)
    return *(sizes[place] for place in ((3, 1, 2) if last else (1, 2, 3))), last


def feed_of(stated: Any) -> Feed:
    """The feed a card states.

    Raises:
        ArtifactError: it is none.
    """
    if not isinstance(stated, Mapping) or not {"height", "width"} <= set(stated) <= set(Feed.__dataclass_fields__):
        raise ArtifactError("its card does not say what images it takes; add it again")
    return Feed(**{key: tuple(value) if isinstance(value, list) else value for key, value in stated.items()})


class FedModel(nn.Module):
    """Any network as body, with the interface of the models of the zoo.

    Args:
        body: maps what ``feed`` prepares, or ``transform``, to features.
        feed: the pictures it takes.
        transform: makes the tensor of one PIL image, instead of ``feed``.

    Attributes:
        num_features: length of its vectors, known after :func:`check_features`.
    """

    batch_size = 32
    """Images to prepare at a time."""

    def __init__(self, body: nn.Module, feed: Feed, transform: Callable[[Any], Tensor] | None = None) -> None:
        super().__init__()
        self.body, self.feed, self.transform = body, feed, transform
        self.input_size = max(feed.height, feed.width)
        self.num_features = 0
        self.classifier = nn.Identity()

    def prepare(self, images: np.ndarray) -> Tensor:
        """Images ``(n, H, W, 3)`` uint8 as this model takes them."""
        if self.transform is None:
            return self.feed.prepare(images)
        from PIL import Image

        size = (self.feed.width, self.feed.height)
        return torch.stack([self.transform(Image.fromarray(image).resize(size)) for image in images])

    def forward_features(self, images: Tensor) -> Tensor:
        """Features ``(B, num_features)`` float32 of what :meth:`prepare` gives."""
        if self.training and not self.feed.batch:  # norms want the whole batch
            return self._run(images)
        parts = images.split(self.feed.batch or 8)  # so few keep feature maps in the processor's cache
        return torch.cat([self._run(part) for part in parts])

    def _run(self, images: Tensor) -> Tensor:
        count, whole = len(images), self.feed.batch
        if whole > count:  # a network for a fixed number of images gets the last one again
            images = torch.cat([images, images[-1:].expand(whole - count, *images.shape[1:])])
        return as_vectors(self.body(images), len(images))[:count]

    def forward(self, images: Tensor) -> Tensor:
        """What the classifier, if it has one, makes of any tensor ``(B, C, H, W)``.

        Costs are measured on squares of three colours.
        """
        feed = self.feed
        if self.transform is None:
            if images.shape[1] == 3 and feed.channels == 1:
                images = images.mean(dim=1, keepdim=True)
            if images.shape[-2:] != (feed.height, feed.width):
                images = F.interpolate(images, (feed.height, feed.width))
            images = images.to(getattr(torch, feed.kind))
            images = images.permute(0, 2, 3, 1).contiguous() if feed.last else images
        return self.classifier(self.forward_features(images))


def as_vectors(found: Any, count: int) -> Tensor:
    """One vector for each image, ``(count, d)`` float32; of maps ``(count, d, h, w)`` the mean over their places.

    Raises:
        ArtifactError: it is nothing of that kind.
    """
    if isinstance(found, Sequence) and len(found) == 1:
        found = found[0]
    if not isinstance(found, Tensor):
        raise ArtifactError(f"its output is {type(found).__name__}, not a tensor; {NAME_A_LAYER}")
    if found.ndim == 4 and len(found) == count:
        found = found.float().mean(dim=(2, 3))
    if found.ndim > 2 and found.numel() == count * max(found.shape[1:]):
        found = found.reshape(count, -1)
    if found.ndim != 2 or len(found) != count or not 2 <= found.shape[1] <= LONGEST_VECTOR:
        shape = " x ".join(map(str, found.shape))
        raise ArtifactError(f"its output for {count} images is {shape}, not one vector for each; {NAME_A_LAYER}")
    return found.float()


NAME_A_LAYER = "name the layer that gives one with --features (features= in Python)"


def check_features(model: FedModel, name: str) -> FedModel:
    """A model whose features can be relied on, its ``num_features`` known.

    Raises:
        ArtifactError: they are not finite, the same for all images, no vector for each image, or another vector for an
            image that is run alone.
    """
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (4, 16, 16, 3), dtype=np.uint8)
    images[1:] = np.kron(images[1:, ::4, ::4], np.ones((4, 4, 1), np.uint8))
    images[3] //= 4
    try:
        with torch.inference_mode():
            ready = model.prepare(images)
            together = model.forward_features(ready)
            alone = torch.cat([model.forward_features(ready[place : place + 1]) for place in range(len(images))])
    except ArtifactError as error:
        raise ArtifactError(f"{name}: {error}") from None
    except Exception as error:  # a network may be made for anything
        raise ArtifactError(f"{name}: it cannot be run on images ({first_line(error)}); state --input-size") from None
    if not together.isfinite().all():
        raise ArtifactError(f"{name}: its features are not finite; its weights are damaged, fetch them again")
    size = float(together.abs().max())
    if float(together.std(dim=0).max()) <= 1e-6 * size:
        raise ArtifactError(f"{name}: its features are the same for all images; {NAME_A_LAYER}")
    if float((alone - together).abs().max()) > CLOSE * size:
        do = "put the network into evaluation mode (network.eval()) before it is saved"
        raise ArtifactError(f"{name}: an image has other features alone than among others; {do}")
    model.num_features = together.shape[1]
    return model


def parse_size(text: str) -> tuple[int, int]:
    """Height and width in pixels from ``224`` or ``256x128``.

    Raises:
        ConfigError: it is neither.
    """
    found = re.fullmatch(r"(\d{1,4})(?:x(\d{1,4}))?", text.strip())
    return as_size((int(found[1]), int(found[2] or found[1])) if found else text)


def as_size(value: Any) -> tuple[int, int]:
    """Height and width in pixels from one whole number or two.

    Raises:
        ConfigError: it is neither, or larger than images are made.
    """
    sides = (value, value) if _whole(value) else tuple(value) if isinstance(value, list | tuple) else ()
    if len(sides) != 2 or not all(_whole(side) and 1 <= side <= LARGEST_IMAGE for side in sides):
        raise ConfigError(f"input size {str(value)[:60]!r}: give pixels up to {LARGEST_IMAGE}, such as 224 or 256x128")
    return sides


def parse_colours(name: str, text: str) -> tuple[float, ...]:
    """One or three numbers from ``0.5`` or ``0.485,0.456,0.406``, see :func:`as_numbers`."""
    try:
        return as_numbers(name, [float(part) for part in text.split(",")])
    except ValueError:
        return as_numbers(name, text)


def as_numbers(name: str, values: Any) -> tuple[float, ...]:
    """``mean`` or ``std`` of colours, one number or three.

    Raises:
        ConfigError: they are none.
    """
    listed = list(values) if isinstance(values, list | tuple) else [values]
    if len(listed) not in (1, 3) or not all(map(_number, listed)) or (name == "std" and min(listed) <= 0):
        raise ConfigError(f"{name} {str(values)[:60]!r}: give one number or three, such as 0.485,0.456,0.406")
    if name == "mean" and not 0 <= min(listed) <= max(listed) <= 1:
        raise ConfigError(f"mean {str(values)[:60]!r}: colours go from 0 to 1 here; divide mean and std by 255")
    return tuple(map(float, listed))


def _per_channel(values: Sequence[float], channels: int) -> Tensor:
    found = torch.tensor(values, dtype=torch.float32)
    found = found.mean().reshape(1) if channels == 1 else found
    return found.expand(channels).reshape(1, channels, 1, 1)


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _number(value: Any) -> bool:
    return is_number(value) and math.isfinite(value)
