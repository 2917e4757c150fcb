"""Faults planted into a small trainer that is sound without them."""

import random
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ptmrec.config.sections import TrainingOptions
from ptmrec.inspection.trainers import TrainerExample, example_of
from ptmrec.train.base_trainer import BaseTrainer

OUTSIDE = random.Random(0)
"""A generator no checkpoint knows of."""


class Sound(BaseTrainer):
    """A classifier on dicts that keeps the contract."""

    name = "sound"

    def compute_loss(self, batch: dict[str, Tensor]) -> Tensor:
        """Cross-entropy of ``features (B, 8)`` and ``labels (B,)``."""
        scores = self.model(batch["features"])
        self._last_batch_metrics = {"accuracy": (scores.argmax(dim=1) == batch["labels"]).float().mean()}
        return F.cross_entropy(scores, batch["labels"])


class _DetachedLoss(Sound):
    def compute_loss(self, batch: Any) -> Tensor:
        return super().compute_loss(batch).detach()


class _LossOfEach(Sound):
    def compute_loss(self, batch: Any) -> Tensor:
        return F.cross_entropy(self.model(batch["features"]), batch["labels"], reduction="none")


class _NoLoss(Sound):
    def compute_loss(self, batch: Any) -> Tensor:
        return {"loss": super().compute_loss(batch)}


class _NanLoss(Sound):
    def compute_loss(self, batch: Any) -> Tensor:
        return super().compute_loss(batch) + (self.model(batch["features"]) * 0).sum() / 0.0 * 0


class _TooFast(Sound):
    def build_optimizer(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW(self.model.parameters(), lr=30.0)


class _NewTargets(Sound):
    def compute_loss(self, batch: Any) -> Tensor:
        if self.model.training:  # labels of other images, drawn anew each time
            batch = {**batch, "labels": torch.randint(0, 3, batch["labels"].shape)}
        return super().compute_loss(batch)


class _Forgotten(Sound):
    def build_optimizer(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW(self.model[-1].parameters(), lr=self.options.learning_rate)


class _NoStep(Sound):
    def build_optimizer(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.model.parameters(), lr=0.0)


class _TrainsInEvaluation(Sound):
    def _evaluate_batch(self, batch: Any) -> float:
        with torch.enable_grad():
            return self._train_batch(batch)


class _TrainModeInEvaluation(Sound):
    def _forward_batch(self, batch: Any) -> Tensor:
        self.model.train()
        return self.compute_loss(batch)


class _EvaluationModeInTraining(Sound):
    def _forward_batch(self, batch: Any) -> Tensor:
        self.model.eval()
        return self.compute_loss(batch)


class _NoisyEvaluation(Sound):
    def compute_loss(self, batch: Any) -> Tensor:
        noisy = batch["features"] + 0.1 * torch.randn_like(batch["features"])
        return super().compute_loss({**batch, "features": noisy})


class _Accumulating(Sound):
    def _train_batch(self, batch: Any) -> float:
        value, loss = self._checked_loss(batch)
        self.accelerator.backward(loss)
        self._run.optimizer.step()
        return value


class _ChangingMetrics(Sound):
    def compute_loss(self, batch: Any) -> Tensor:
        loss = super().compute_loss(batch)
        if self.model.training:
            self._last_batch_metrics["only_in_training"] = 1.0
        return loss


class _Exploding(Sound):
    def compute_loss(self, batch: Any) -> Tensor:
        scores = self.model(batch["features"])
        self._last_batch_metrics = {"accuracy": 0.0}
        return 1e6 * (scores - F.one_hot(batch["labels"], scores.shape[1])).square().sum()


class _OutsideNoise(Sound):
    def compute_loss(self, batch: Any) -> Tensor:
        loss = super().compute_loss(batch)
        return loss * (1 + 0.5 * OUTSIDE.random()) if self.model.training else loss


class _Counting(Sound):
    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.batches = 0

    def compute_loss(self, batch: Any) -> Tensor:
        self.batches += self.model.training
        loss, size = super().compute_loss(batch), self.model(batch["features"]).square().mean()
        return loss + size / (1 + self.batches) if self.model.training else loss


class _Misspelt(Sound):
    def compute_loss(self, batch: Any) -> Tensor:
        return F.cross_entropy(self.model(batch["feature"]), batch["labels"])


FAULTS: dict[str, tuple[str, type[BaseTrainer]]] = {
    "detached loss": ("loss_detached", _DetachedLoss),
    "loss not scalar": ("loss_scalar", _LossOfEach),
    "loss in a dict": ("loss_scalar", _NoLoss),
    "NaN loss": ("loss_finite", _NanLoss),
    "learning rate far too high": ("does_not_learn", _TooFast),
    "targets drawn anew": ("does_not_learn", _NewTargets),
    "parameter forgotten in the optimiser": ("forgotten_parameter", _Forgotten),
    "learning rate 0": ("no_step", _NoStep),
    "evaluation that trains": ("eval_trains", _TrainsInEvaluation),
    "training mode in evaluation": ("train_mode|eval_trains", _TrainModeInEvaluation),
    "evaluation mode in training": ("train_mode", _EvaluationModeInTraining),
    "loss by chance in evaluation": ("eval_not_repeatable", _NoisyEvaluation),
    "gradients not zeroed": ("gradients_not_zeroed", _Accumulating),
    "metrics that come and go": ("metric_keys", _ChangingMetrics),
    "exploding gradient": ("exploding_gradient", _Exploding),
    "randomness outside the checkpoint": ("resume", _OutsideNoise),
    "state outside the checkpoint": ("resume", _Counting),
    "misspelt key": ("training_step", _Misspelt),
}
"""Fault -> the checks of which one has to find it, joined by ``|``, and the trainer that has it."""


def planted_trainer(trainer: type[BaseTrainer], seed: int) -> TrainerExample:
    """A trainer on numbers and a network made from a seed."""

    def example() -> tuple[nn.Module, list[dict[str, Tensor]], TrainingOptions]:
        torch.manual_seed(seed)
        model = nn.Sequential(nn.Linear(8, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.1), nn.Linear(16, 3))
        features = torch.randn(48, 8)
        labels = features[:, :3].argmax(dim=1)
        batches = [{"features": x, "labels": y} for x, y in zip(features.split(16), labels.split(16), strict=True)]
        return model, batches, TrainingOptions(learning_rate=3e-3, plots=False)

    return example_of(trainer.__name__.strip("_"), trainer, example)
