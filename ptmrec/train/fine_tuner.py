"""Fine-tuning an image model with a new head, resumable in parts of its schedule."""

import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim.lr_scheduler import OneCycleLR

from ptmrec.config.sections import TrainingOptions
from ptmrec.train.base_trainer import BaseTrainer
from ptmrec.train.recipe import CLIP, Recipe, TrainBatches
from ptmrec.zoo.features import normalise

PARTS = 5
"""Epochs of a run: after each its state is saved, and the clock is looked at."""


class FineTuner(BaseTrainer):
    """Cross-entropy under AdamW and a one-cycle schedule of the learning rate.

    Attributes:
        deadline: on the clock of :func:`time.perf_counter`, after which no further part begins; None = never.
    """

    name = "fine_tuning"
    deadline: float | None = None
    _schedule: OneCycleLR | None = None

    def compute_loss(self, batch: tuple[Tensor, Tensor]) -> Tensor:
        """Cross-entropy of ``(images (B, 3, H, W), labels (B,))``."""
        images, labels = batch
        return F.cross_entropy(self.model(images), labels)

    def build_optimizer(self) -> torch.optim.Optimizer:
        """AdamW in one kernel."""
        options = self.options
        return torch.optim.AdamW(
            self.model.parameters(), lr=options.learning_rate, weight_decay=options.weight_decay, fused=True
        )

    def on_epoch_start(self, epoch: int) -> None:
        """Make the schedule anew where the saved optimiser stands."""
        if self._schedule is None:
            steps, total = len(self.train_loader), len(self.train_loader) * self.options.epochs
            done = (epoch - 1) * steps
            self._schedule = OneCycleLR(self._run.optimizer, self.options.learning_rate, total, last_epoch=done - 1)

    def _train_batch(self, batch: tuple[Tensor, Tensor]) -> float:
        loss = super()._train_batch(batch)
        self._schedule.step()
        return loss

    def is_done(self) -> bool:
        """Whether the time is over."""
        return super().is_done() or (self.deadline is not None and time.perf_counter() > self.deadline)


def make_fine_tuner(
    model: nn.Module, images: np.ndarray, labels: np.ndarray, recipe: Recipe, seed: int, folder: Path
) -> FineTuner:
    """A run that trains all weights of a model, in place, and a new classifier.

    Args:
        model: of the zoo, with ``forward_features``, ``classifier`` and ``num_features``.
        images: ``(n, H, W, 3)`` uint8.
        labels: ``(n,)`` class indices from 0.
        recipe: see :class:`~ptmrec.train.recipe.Recipe`; its steps are rounded up to :data:`PARTS`.
        seed: of classifier, order and augmentation.
        folder: where the run saves its state.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model.classifier = nn.Linear(model.num_features, int(labels.max()) + 1)
    model.to(memory_format=torch.channels_last)  # a fifth faster on a CPU
    recipe = recipe.lasting(PARTS * -(-recipe.steps // PARTS))
    batches = TrainBatches(images, labels, getattr(model, "prepare", normalise), recipe, PARTS, seed)
    own = {name: getattr(recipe, name) for name in ("batch_size", "learning_rate", "weight_decay")}
    options = TrainingOptions(epochs=PARTS, gradient_clip=CLIP, scheduler="none", seed=seed, plots=False, **own)
    return FineTuner(model, options, folder, batches)
