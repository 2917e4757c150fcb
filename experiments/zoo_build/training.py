"""Training small image models: from scratch on a source, and fine-tuning on a target."""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ptmrec.zoo.architectures import INPUT_SIZE, SmallModel
from ptmrec.zoo.features import normalise
from ptmrec.zoo.photo_model import PhotoModel

SHIFT = 3
"""Largest shift of the augmentation, in pixels of an image of :data:`~ptmrec.zoo.architectures.INPUT_SIZE`."""


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


def augment(images: Tensor, generator: torch.Generator) -> Tensor:
    """Shift each image by up to a tenth (:data:`SHIFT`) and change its contrast and brightness.

    No flips: digits, signs and letters are not symmetric.

    Args:
        images: ``(B, 3, H, W)``.
        generator: source of randomness.
    """
    batch, _, height, width = images.shape
    shift = SHIFT * height // INPUT_SIZE
    padded = F.pad(images, [shift] * 4, mode="replicate").numpy()
    rows, columns = torch.randint(0, 2 * shift + 1, (2, batch), generator=generator).numpy()
    crops = np.lib.stride_tricks.sliding_window_view(padded, (height, width), axis=(2, 3))
    shifted = torch.from_numpy(crops[np.arange(batch), :, rows, columns])
    contrast, brightness = torch.rand(2, batch, 1, 1, 1, generator=generator).mul_(0.4).sub_(0.2)
    return shifted * (1 + contrast) + 2 * brightness


def train_classifier(
    model: SmallModel | PhotoModel, images: np.ndarray, labels: np.ndarray, recipe: Recipe, seed: int
) -> None:
    """Train all weights of ``model`` in place and leave it in evaluation mode.

    Args:
        model: the model.
        images: ``(n, H, W, 3)`` uint8.
        labels: ``(n,)`` int64.
        recipe: steps, batch size and optimiser settings.
        seed: seed of the order of the images and their augmentation.
    """
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay, fused=True
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, recipe.learning_rate, total_steps=recipe.steps)
    order, targets = torch.empty(0, dtype=torch.long), torch.from_numpy(labels)
    prepare = getattr(model, "prepare", normalise)
    model.train().to(memory_format=torch.channels_last)  # a fifth faster on a CPU
    for _ in range(recipe.steps):
        while len(order) < recipe.batch_size:
            order = torch.cat([order, torch.randperm(len(images), generator=generator)])
        chosen, order = order[: recipe.batch_size], order[recipe.batch_size :]
        batch = augment(prepare(images[chosen]), generator).contiguous(memory_format=torch.channels_last)
        loss = F.cross_entropy(model(batch), targets[chosen])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
        schedule.step()
    model.eval()
