"""The recipe by which image models are fine-tuned: ground truth, short runs and the model a user gets alike."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ptmrec.zoo.architectures import INPUT_SIZE

SHIFT = 3
"""Largest shift of the augmentation, in pixels of an image of :data:`~ptmrec.zoo.architectures.INPUT_SIZE`."""
CLIP = 5.0
"""Largest norm of the gradient."""


@dataclass(frozen=True)
class Recipe:
    """One training recipe: AdamW under a one-cycle schedule with shifts and brightness/contrast changes.

    Attributes:
        steps: of the schedule.
        batch_size: images in each.
        learning_rate: peak of the schedule.
        weight_decay: of AdamW.
    """

    steps: int
    batch_size: int
    learning_rate: float
    weight_decay: float

    def to_dict(self) -> dict[str, object]:
        """The recipe in words and numbers, for cards and results."""
        augmentation = f"shift up to {SHIFT} px of {INPUT_SIZE}, brightness and contrast +-20 %"
        return {"optimiser": "AdamW", "schedule": "one-cycle", "augmentation": augmentation, **vars(self)}

    def lasting(self, steps: int) -> "Recipe":
        """The recipe with so many steps."""
        return replace(self, steps=steps)


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


class TrainBatches:
    """The batches of a run, each a function of the seed and its step alone, so that a run resumes anywhere.

    Every image is seen once before any is seen again.

    Args:
        images: ``(n, H, W, 3)`` uint8.
        labels: ``(n,)`` int64.
        prepare: images as the model takes them, ``(B, 3, h, w)``.
        recipe: steps and batch size.
        parts: epochs the steps are divided into.
        seed: of the order and the augmentation.
    """

    def __init__(
        self,
        images: np.ndarray,
        labels: np.ndarray,
        prepare: Callable[[np.ndarray], Tensor],
        recipe: Recipe,
        parts: int,
        seed: int,
    ) -> None:
        self.images, self.labels, self.prepare = images, torch.from_numpy(labels), prepare
        self.recipe, self.seed, self._steps, self._epoch = recipe, seed, recipe.steps // parts, 1
        self._order = lru_cache(2)(lambda turn: np.random.default_rng([seed, turn]).permutation(len(images)))

    def __len__(self) -> int:
        return self._steps

    def set_epoch(self, epoch: int) -> None:
        """The next pass gives the steps of this epoch, from 1."""
        self._epoch = epoch

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        for step in range((self._epoch - 1) * self._steps, self._epoch * self._steps):
            yield self.batch(step)

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        """Images ``(B, 3, h, w)`` and labels ``(B,)`` of a step, from 0."""
        places = step * self.recipe.batch_size + np.arange(self.recipe.batch_size)
        turns, places = np.divmod(places, len(self.images))
        chosen = np.array([self._order(turn)[place] for turn, place in zip(turns, places, strict=True)])
        generator = torch.Generator().manual_seed(int(np.random.default_rng([self.seed, step, 1]).integers(2**62)))
        pictures = augment(self.prepare(self.images[chosen]), generator)
        return pictures.contiguous(memory_format=torch.channels_last), self.labels[chosen]
