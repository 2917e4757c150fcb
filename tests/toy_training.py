"""Small trainers, data and options for the tests of the training loop."""

import dataclasses
import random
import re
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from ptmrec.train.base_trainer import BaseTrainer


@dataclasses.dataclass(frozen=True)
class Options:
    epochs: int = 4
    learning_rate: float = 0.05
    weight_decay: float = 0.0
    patience: int = 0
    min_delta: float = 0.0
    gradient_clip: float = 0.0
    scheduler: str = "none"
    checkpoint_every: int = 0
    mixed_precision: str = "no"
    device: str = "cpu"
    seed: int = 3
    plots: bool = False


class ToyTrainer(BaseTrainer):
    """Only compute_loss, with dropout-like noise from torch, NumPy and Python in training."""

    name = "toy"

    def compute_loss(self, batch):
        inputs, targets = batch
        if self.model.training:
            inputs = inputs + 0.01 * (torch.randn_like(inputs) + np.random.randn() + random.random())
        return F.mse_loss(self.model(inputs), targets)


def make_data(count=40):
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(count, 3, generator=generator)
    return inputs, inputs @ torch.tensor([[1.0], [-2.0], [0.5]])


def make_model(seed=1):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Dropout(0.1), nn.Linear(8, 1))


def make_loader(collate_fn=None, own_generator=True):
    generator = torch.Generator().manual_seed(5) if own_generator else None
    return DataLoader(TensorDataset(*make_data()), 8, shuffle=True, generator=generator, collate_fn=collate_fn)


def make_trainer(folder, trainer=ToyTrainer, own_generator=True, validation=True, **options):
    validation_loader = DataLoader(TensorDataset(*make_data(16)), 8) if validation else None
    return trainer(make_model(), Options(**options), folder, make_loader(None, own_generator), validation_loader)


def names(folder, pattern):
    return sorted(path.name for path in Path(folder).iterdir() if pattern.fullmatch(path.name))


def weights_of(trainer):
    return {name: tensor.clone() for name, tensor in trainer.model.state_dict().items()}


class Scripted(BaseTrainer):
    """Validation losses follow a script; training changes nothing."""

    name = "scripted"
    losses: tuple[float, ...] = ()

    def compute_loss(self, batch):
        value = self.losses[self._epoch - 1] if not self.model.training else 1.0
        return self.model(batch[0]).sum() * 0 + value


BEST = re.compile(r"toy_weights\.loss_\d+\.\d{6}\.\d{8}_\d{6}\.pt")


PERIODIC = re.compile(r"toy_weights\.epoch_(\d{4})\.loss_\d+\.\d{6}\.\d{8}_\d{6}\.pt")


class StoppingTrainer(ToyTrainer):
    """Stops like a crash at the start of ``stop_at``."""

    stop_at = 3

    def on_epoch_start(self, epoch):
        if epoch == self.stop_at:
            raise KeyboardInterrupt


def assert_same_run(one, other):
    assert len(one.history) == len(other.history)
    for left, right in zip(one.history.epochs, other.history.epochs, strict=True):
        assert left | {"seconds": 0} == right | {"seconds": 0}
    other_weights = weights_of(other)
    for name, tensor in weights_of(one).items():
        assert torch.equal(tensor, other_weights[name]), name


def train_slowly(folder):
    """Body of the process that is killed."""

    class Slow(ToyTrainer):
        def compute_loss(self, batch):
            time.sleep(0.01)
            return super().compute_loss(batch)

    make_trainer(folder, Slow, epochs=200, checkpoint_every=1).fit()
