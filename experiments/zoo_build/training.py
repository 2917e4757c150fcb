"""Training small image models: from scratch on a source, and fine-tuning on a target."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from ptmrec.train.recipe import CLIP, Recipe, augment
from ptmrec.zoo.architectures import SmallModel
from ptmrec.zoo.features import normalise
from ptmrec.zoo.photo_model import PhotoModel


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
        nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        optimizer.step()
        schedule.step()
    model.eval()
