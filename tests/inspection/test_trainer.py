import pytest
import torch
import torch.nn.functional as F
from torch import nn

from ptmrec.config.sections import TrainingOptions
from ptmrec.inspection.trainer import inspect_trainer, same_bits
from ptmrec.inspection.trainers import example_of, read_trainer
from ptmrec.train.base_trainer import BaseTrainer


class Sound(BaseTrainer):
    name = "sound"

    def compute_loss(self, batch):
        self._last_batch_metrics = {"size": batch.abs().mean()}
        return F.mse_loss(self.model(batch), batch)


class Alternating(Sound):
    def compute_loss(self, batch):
        loss = super().compute_loss(batch)
        if self._batch_index % 2:
            self._last_batch_metrics["odd"] = 1.0
        self._batch_index += 1
        return loss


class Failing(Sound):
    def compute_loss(self, batch):
        return self.modle(batch)


class StayingInEvaluation(Sound):
    def compute_loss(self, batch):
        self.model.eval()
        return super().compute_loss(batch)


def inspect(trainer):
    def example():
        return nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.1)), [torch.randn(8, 4)] * 3, TrainingOptions()

    return inspect_trainer(example_of("toy", trainer, example))


def test_a_sound_trainer_has_no_fault():
    report = inspect(Sound)
    assert report.status == 0, report.lines()
    assert report.facts["metrics"] == ["size"]
    assert report.facts["repeated_batch"][-1] < report.facts["repeated_batch"][0]
    assert {"resume", "eval_trains", "gradients_not_zeroed"} <= {finding.check for finding in report.findings}


@pytest.mark.parametrize(
    ("trainer", "check"),
    [(Alternating, "metric_keys"), (Failing, "training_step"), (StayingInEvaluation, "train_mode")],
)
def test_a_broken_contract_is_named(trainer, check):
    report = inspect(trainer)
    assert report.found(check), report.lines()


@pytest.mark.parametrize("name", ["autoencoder", "ranker"])
def test_the_projects_own_trainers_keep_the_contract(name):
    report = inspect_trainer(read_trainer(name))
    assert report.status == 0, report.lines()


def test_same_bits_are_told_from_close_ones():
    state = {"a": torch.tensor([1.0, torch.nan])}
    assert same_bits(state, {"a": state["a"].clone()})
    assert not same_bits(state, {"a": state["a"] + 1e-7})
    assert not same_bits(state, {})
