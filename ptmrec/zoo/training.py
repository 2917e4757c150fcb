"""Training small image models: from scratch on a source, and fine-tuning on a target."""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ptmrec.zoo.architectures import SmallModel

SHIFT = 3
"""Largest shift of the augmentation, in pixels."""


@dataclass(frozen=True)
class Recipe:
    """One training recipe: AdamW under a one-cycle schedule with shifts and brightness/contrast changes."""

    steps: int
    batch_size: int
    learning_rate: float
    weight_decay: float

    def to_dict(self) -> dict[str, object]:
        """The recipe in words and numbers, for cards and results."""
        augmentation = f"shift up to {SHIFT} px, brightness and contrast +-20 %"
        return {"optimiser": "AdamW", "schedule": "one-cycle", "augmentation": augmentation, **vars(self)}


def normalise(images: np.ndarray) -> Tensor:
    """Images ``(n, H, W, 3)`` uint8 as the models take them: ``(n, 3, H, W)`` float32, centred."""
    return torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2))).float().div_(255).sub_(0.5).div_(0.25)


def augment(images: Tensor, generator: torch.Generator) -> Tensor:
    """Shift each image by up to :data:`SHIFT` pixels and change its contrast and brightness.

    No flips: digits, signs and letters are not symmetric.

    Args:
        images: ``(B, 3, H, W)``.
        generator: source of randomness.
    """
    batch, _, height, width = images.shape
    padded = F.pad(images, [SHIFT] * 4, mode="replicate")
    offsets = torch.randint(0, 2 * SHIFT + 1, (2, batch, 1), generator=generator)
    rows = (offsets[0] + torch.arange(height)).view(batch, 1, height, 1)
    columns = (offsets[1] + torch.arange(width)).view(batch, 1, 1, width)
    indices = torch.arange(batch).view(batch, 1, 1, 1), torch.arange(3).view(1, 3, 1, 1), rows, columns
    contrast, brightness = torch.rand(2, batch, 1, 1, 1, generator=generator).mul_(0.4).sub_(0.2)
    return padded[indices] * (1 + contrast) + 2 * brightness


def train_classifier(model: SmallModel, images: Tensor, labels: Tensor, recipe: Recipe, seed: int) -> None:
    """Train all weights of ``model`` in place and leave it in evaluation mode.

    Args:
        model: the model.
        images: ``(n, 3, H, W)`` normalised.
        labels: ``(n,)`` int64.
        recipe: steps, batch size and optimiser settings.
        seed: seed of the order of the images and their augmentation.
    """
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, recipe.learning_rate, total_steps=recipe.steps)
    order = torch.empty(0, dtype=torch.long)
    model.train().to(memory_format=torch.channels_last)  # a fifth faster on a CPU
    for _ in range(recipe.steps):
        while len(order) < recipe.batch_size:
            order = torch.cat([order, torch.randperm(len(images), generator=generator)])
        chosen, order = order[: recipe.batch_size], order[recipe.batch_size :]
        batch = augment(images[chosen], generator).contiguous(memory_format=torch.channels_last)
        loss = F.cross_entropy(model(batch), labels[chosen])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
        schedule.step()
    model.eval()


@torch.inference_mode()
def extract_features(model: SmallModel, images: Tensor, batch_size: int = 256) -> Tensor:
    """Pooled features ``(n, num_features)`` of normalised images ``(n, 3, H, W)``."""
    return torch.cat([model.forward_features(part) for part in images.split(batch_size)])


@torch.inference_mode()
def accuracy(model: SmallModel, images: Tensor, labels: Tensor, batch_size: int = 256) -> float:
    """Share of images ``(n, 3, H, W)`` whose class is predicted correctly."""
    predicted = torch.cat([model(part).argmax(dim=1) for part in images.split(batch_size)])
    return float((predicted == labels).double().mean())
