"""A recommended model, ready to be fine-tuned."""

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from ptmrec.zoo.features import normalise
from ptmrec.zoo.snapshot import Snapshot

if TYPE_CHECKING:
    from PIL import Image


class Backbone(nn.Module):
    """Features of images: a model of the zoo without its classifier.

    Args:
        model: a model of the zoo.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> Tensor:
        """Features ``(B, num_features)`` of images ``(B, 3, H, W)`` from the transform."""
        return self.model.forward_features(images)


class Loaded(NamedTuple):
    """Parts of a fine-tuning loop.

    Attributes:
        backbone: in evaluation mode; maps images ``(B, 3, H, W)`` to features ``(B, num_features)``.
        transform: turns a PIL image, or an array ``(H, W, 3)`` uint8, into a tensor ``(3, size, size)``.
        num_features: length of the features.
    """

    backbone: nn.Module
    transform: "Callable[[Image.Image | np.ndarray], Tensor]"
    num_features: int


def load_backbone(snapshot: Snapshot) -> Loaded:
    """Load a model of the zoo.

    Raises:
        ArtifactError: its weights are missing or do not fit its card.
    """
    model, size = snapshot.load(), snapshot.card.input_size

    def transform(image: "Image.Image | np.ndarray") -> Tensor:
        from PIL import Image

        picture = image if isinstance(image, Image.Image) else Image.fromarray(image)
        picture = picture.convert("RGB").resize((size, size), Image.Resampling.BICUBIC)
        return getattr(model, "prepare", normalise)(np.asarray(picture)[None])[0]

    with torch.inference_mode():
        width = Backbone(model)(transform(np.zeros((size, size, 3), np.uint8))[None]).shape[1]
    return Loaded(Backbone(model), transform, width)
