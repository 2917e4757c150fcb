import dataclasses
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from ptmrec.errors import ArtifactError, TrainingError
from ptmrec.train.base_trainer import BaseTrainer

BEST = re.compile(r"toy_weights\.loss_\d+\.\d{6}\.\d{8}_\d{6}\.pt")
PERIODIC = re.compile(r"toy_weights\.epoch_(\d{4})\.loss_\d+\.\d{6}\.\d{8}_\d{6}\.pt")


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


@dataclasses.dataclass(frozen=True)
class Sample:
    names: list[str]
    inputs: Tensor
    targets: Tensor


class ToyTrainer(BaseTrainer):
    """Only compute_loss, with dropout-like noise from torch, NumPy and Python in training."""

    name = "toy"

    def compute_loss(self, batch):
        inputs, targets = batch
        if self.model.training:
            inputs = inputs + 0.01 * (torch.randn_like(inputs) + np.random.randn() + random.random())
        return F.mse_loss(self.model(inputs), targets)


class StoppingTrainer(ToyTrainer):
    """Stops like a crash at the start of ``stop_at``."""

    stop_at = 3

    def on_epoch_start(self, epoch):
        if epoch == self.stop_at:
            raise KeyboardInterrupt


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


def assert_same_run(one, other):
    assert len(one.history) == len(other.history)
    for left, right in zip(one.history.epochs, other.history.epochs, strict=True):
        assert left | {"seconds": 0} == right | {"seconds": 0}
    other_weights = weights_of(other)
    for name, tensor in weights_of(one).items():
        assert torch.equal(tensor, other_weights[name]), name


# ---------------------------------------------------------------- batches and metrics


class TensorTrainer(BaseTrainer):
    name = "tensor"

    def compute_loss(self, batch):
        return (self.model(batch[:, :3]) - batch[:, 3:]).square().mean()


class DictTrainer(BaseTrainer):
    name = "dict"

    def compute_loss(self, batch):
        return F.mse_loss(self.model(batch["inputs"]), batch["targets"])


class DataclassTrainer(BaseTrainer):
    name = "dataclass"

    def compute_loss(self, batch):
        return F.mse_loss(self.model(batch.inputs), batch.targets)


class MultiTensorTrainer(BaseTrainer):
    name = "multi"

    def compute_loss(self, batch):
        inputs, targets, weights = batch
        errors = (self.model(inputs) - targets).square()
        self._last_batch_metrics = {"error": errors.sqrt().mean(), "weight": float(weights.mean())}
        return (weights * errors).mean()


def collate_tensor(items):
    return torch.stack([torch.cat(item) for item in items])


def collate_dict(items):
    return {
        "names": ["x"] * len(items),
        "inputs": collate_tensor(items)[:, :3],
        "targets": collate_tensor(items)[:, 3:],
    }


def collate_dataclass(items):
    return Sample(**collate_dict(items))


def collate_multi(items):
    return (*torch.split(collate_tensor(items), [3, 1], dim=1), torch.full((len(items), 1), 2.0))


@pytest.mark.parametrize(
    ("trainer", "collate_fn"),
    [
        (TensorTrainer, collate_tensor),
        (DictTrainer, collate_dict),
        (DataclassTrainer, collate_dataclass),
        (MultiTensorTrainer, collate_multi),
    ],
)
def test_loss_falls_for_every_kind_of_batch(tmp_path, trainer, collate_fn):
    validation = DataLoader(TensorDataset(*make_data(16)), 8, collate_fn=collate_fn)
    run = trainer(make_model(), Options(epochs=6), tmp_path, make_loader(collate_fn), validation)
    frame = run.fit().to_frame()
    assert frame["train_loss"].iloc[-1] < 0.7 * frame["train_loss"].iloc[0]
    assert frame["validation_loss"].iloc[-1] < frame["validation_loss"].iloc[0]
    if trainer is MultiTensorTrainer:
        assert (frame[["train_weight", "validation_weight"]] == 2.0).all(axis=None)
        assert frame["train_error"].iloc[-1] < frame["train_error"].iloc[0]
        assert list(frame.columns[-2:]) == ["learning_rate", "seconds"]


def test_averages_are_weighted_by_batch_size(tmp_path):
    class Counting(BaseTrainer):
        name = "counting"

        def compute_loss(self, batch):
            self._last_batch_metrics = {"mean": batch[0].mean()}
            return self.model(batch[0]).sum() * 0 + batch[0].mean()

    data = torch.tensor([[1.0], [2.0], [9.0]])
    loader = DataLoader(TensorDataset(data), 2)
    history = Counting(nn.Linear(1, 1), Options(epochs=1), tmp_path, loader).fit()
    assert history.epochs[0]["train_loss"] == pytest.approx(4.0)
    assert history.epochs[0]["train_mean"] == pytest.approx(4.0)


def test_metrics_of_one_batch_do_not_leak_into_the_next(tmp_path):
    class Sometimes(ToyTrainer):
        def compute_loss(self, batch):
            if self._batch_index == 1:
                self._last_batch_metrics = {"first": 1.0}
            else:
                assert self._last_batch_metrics == {}
            return super().compute_loss(batch)

    assert make_trainer(tmp_path, Sometimes, epochs=1).fit().epochs[0]["train_first"] == 1.0


def test_validation_runs_without_gradients_in_evaluation_mode(tmp_path):
    modes = set()

    class Watching(ToyTrainer):
        def compute_loss(self, batch):
            modes.add((self.model.training, torch.is_grad_enabled()))
            return super().compute_loss(batch)

    trainer = make_trainer(tmp_path, Watching, epochs=1)
    trainer.fit()
    assert modes == {(True, True), (False, False)}
    assert not trainer.model.training


def test_a_trainer_without_a_loss_says_so(tmp_path):
    class Lossless(BaseTrainer):
        name = "lossless"

    with pytest.raises(NotImplementedError, match="Lossless must define compute_loss"):
        make_trainer(tmp_path, Lossless).fit()


def test_empty_loader_is_one_line(tmp_path):
    loader = DataLoader(TensorDataset(*make_data(3)), 8, drop_last=True)
    with pytest.raises(TrainingError, match="train loader gave no batch"):
        ToyTrainer(make_model(), Options(), tmp_path, loader).fit()


# ---------------------------------------------------------------- stopping, clipping, schedules, options


class Scripted(BaseTrainer):
    """Validation losses follow a script; training changes nothing."""

    name = "scripted"
    losses: tuple[float, ...] = ()

    def compute_loss(self, batch):
        value = self.losses[self._epoch - 1] if not self.model.training else 1.0
        return self.model(batch[0]).sum() * 0 + value


def scripted(folder, losses, **options):
    trainer = make_trainer(folder, Scripted, epochs=len(losses), **options)
    trainer.losses = losses
    return trainer


@pytest.mark.parametrize(
    ("patience", "min_delta", "epochs"),
    [(0, 0.0, 7), (2, 0.0, 7), (2, 0.1, 4), (1, 0.0, 4)],
)
def test_patience_and_min_delta(tmp_path, patience, min_delta, epochs):
    losses = (1.0, 0.8, 0.75, 0.76, 0.74, 0.73, 0.72)
    trainer = scripted(tmp_path, losses, patience=patience, min_delta=min_delta)
    assert len(trainer.fit()) == epochs
    best = min(losses[:epochs])
    assert f"loss_{best:.6f}" in trainer.best_checkpoint.name  # the lowest, even if by less than min_delta
    assert trainer.history.best_epoch == losses.index(best) + 1


def test_a_run_that_ran_out_of_patience_does_not_go_on_when_resumed(tmp_path):
    losses = (1.0, 2.0, 2.0, 0.5, 0.4)
    assert len(scripted(tmp_path, losses, patience=2).fit()) == 3
    assert len(scripted(tmp_path, losses, patience=2).fit(resume=True)) == 3


def test_train_loss_is_monitored_without_validation(tmp_path):
    trainer = make_trainer(tmp_path, validation=False, epochs=3)
    best = min(row["train_loss"] for row in trainer.fit().epochs)
    assert f"loss_{best:.6f}" in trainer.best_checkpoint.name
    assert trainer.history.to_frame()["validation_loss"].isna().all()


def test_gradients_are_clipped(tmp_path):
    norms = []

    class Plain(ToyTrainer):
        def build_optimizer(self):
            optimizer = torch.optim.SGD(self.model.parameters(), lr=0.0)
            gradients = [parameter for parameter in self.model.parameters()]
            optimizer.register_step_pre_hook(
                lambda *_: norms.append(float(torch.nn.utils.get_total_norm([p.grad for p in gradients])))
            )
            return optimizer

    make_trainer(tmp_path, Plain, epochs=1).fit()
    assert max(norms) > 0.2
    norms.clear()
    make_trainer(tmp_path, Plain, epochs=1, gradient_clip=0.1).fit()
    assert max(norms) == pytest.approx(0.1, abs=1e-4)


def test_schedulers_change_the_learning_rate(tmp_path):
    def rates(scheduler, losses, **options):
        return [row["learning_rate"] for row in scripted(tmp_path, losses, scheduler=scheduler, **options).fit().epochs]

    assert rates("none", (1.0,) * 4) == [0.05] * 4
    assert rates("cosine", (1.0,) * 4) == pytest.approx([0.05, 0.042678, 0.025, 0.007322], abs=1e-5)
    assert rates("plateau", (1.0, 2.0, 2.0, 2.0), patience=3) == [0.05, 0.05, 0.05, 0.025]


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("scheduler", "linear"),
        ("mixed_precision", "int8"),
        ("mixed_precision", "fp16"),
        ("device", "cuda:99"),
        ("device", "toaster"),
    ],
)
def test_an_option_that_cannot_be_used_is_one_line(tmp_path, option, value):
    with pytest.raises(TrainingError) as error:
        make_trainer(tmp_path, **{option: value}).fit()
    assert value in str(error.value) and "\n" not in str(error.value)


def test_precision_may_differ_between_trainers_of_one_process(tmp_path):
    seen = {}
    for precision in ("no", "bf16", "no"):

        class Watching(ToyTrainer):
            def compute_loss(self, batch):
                seen[precision] = self.model[0](batch[0]).dtype  # noqa: B023 - run within the same turn
                return super().compute_loss(batch)

        trainer = make_trainer(tmp_path / precision, Watching, epochs=1, mixed_precision=precision)
        assert np.isfinite(trainer.fit().epochs[0]["train_loss"])
    assert seen == {"no": torch.float32, "bf16": torch.bfloat16}
    assert all(tensor.dtype == torch.float32 for tensor in trainer.model.state_dict().values())


# ---------------------------------------------------------------- files


def test_checkpoint_names_and_contents(tmp_path):
    trainer = make_trainer(tmp_path, checkpoint_every=2, epochs=5)
    trainer.fit()
    assert names(tmp_path, BEST) == [trainer.best_checkpoint.name]
    assert [PERIODIC.fullmatch(name)[1] for name in names(tmp_path, PERIODIC)] == ["0002", "0004"]
    best = min(row["validation_loss"] for row in trainer.history.epochs)
    assert f"loss_{best:.6f}" in trainer.best_checkpoint.name
    for name in [*names(tmp_path, BEST), *names(tmp_path, PERIODIC)]:
        make_model(seed=9).load_state_dict(torch.load(tmp_path / name, weights_only=True))
    assert torch.load(tmp_path / "toy_last.pt", weights_only=True)["standing"]["epoch"] == 5


def test_load_best_restores_the_best_epoch(tmp_path):
    class Worsening(ToyTrainer):
        def on_epoch_start(self, epoch):
            if epoch == 4:
                with torch.no_grad():
                    self.model[0].weight += 100

    trainer = make_trainer(tmp_path, Worsening)
    with pytest.raises(TrainingError, match="call fit first"):
        trainer.load_best()
    trainer.fit()
    assert trainer.history.best_epoch == 3
    assert trainer.model[0].weight.max() > 50
    trainer.load_best()
    assert trainer.model[0].weight.max() < 50
    trainer.best_checkpoint.write_bytes(b"damaged")
    with pytest.raises(ArtifactError, match="not a usable checkpoint"):
        trainer.load_best()


def test_a_checkpoint_with_python_objects_is_refused(tmp_path):
    torch.save({"standing": Path("x")}, tmp_path / "toy_last.pt")
    with pytest.raises(ArtifactError) as error:
        make_trainer(tmp_path).fit(resume=True)
    assert "\n" not in str(error.value)


def test_history_file_grows_each_epoch(tmp_path):
    lengths = []

    class Reading(ToyTrainer):
        def on_epoch_start(self, epoch):
            lengths.append(len(json.loads((tmp_path / "toy_history.json").read_text())))

    make_trainer(tmp_path, Reading).fit()
    assert lengths == [0, 1, 2, 3]
    rows = json.loads((tmp_path / "toy_history.json").read_text())
    assert list(rows[0]) == ["epoch", "train_loss", "validation_loss", "learning_rate", "seconds"]
    assert [row["epoch"] for row in rows] == [1, 2, 3, 4]


def test_a_second_run_leaves_the_first_ones_weights(tmp_path, monkeypatch):
    monkeypatch.setattr("ptmrec.train.checkpoints.timestamp", lambda: "20200101_000000")
    first = make_trainer(tmp_path, epochs=1)
    first.fit()
    monkeypatch.undo()
    make_trainer(tmp_path, epochs=2).fit()
    assert first.best_checkpoint.is_file()
    assert len(names(tmp_path, BEST)) == 2


# ---------------------------------------------------------------- resuming


@pytest.mark.parametrize("own_generator", [True, False])
@pytest.mark.parametrize(
    "options",
    [
        {"scheduler": "none"},
        {"scheduler": "cosine", "gradient_clip": 0.5, "checkpoint_every": 1},
        {"scheduler": "plateau", "patience": 3, "mixed_precision": "bf16"},
    ],
)
def test_resumed_run_equals_an_uninterrupted_one(tmp_path, own_generator, options):
    whole = make_trainer(tmp_path / "whole", own_generator=own_generator, **options)
    whole.fit()
    with pytest.raises(KeyboardInterrupt):
        make_trainer(tmp_path / "cut", StoppingTrainer, own_generator=own_generator, **options).fit()
    torch.manual_seed(99)  # a new process would not have the state of the old one either
    np.random.seed(99)
    random.seed(99)
    resumed = make_trainer(tmp_path / "cut", own_generator=own_generator, **options)
    resumed.model.load_state_dict(make_model(seed=77).state_dict())
    assert len(resumed.fit(resume=True)) == 4
    assert_same_run(whole, resumed)
    assert [name[:35] for name in names(tmp_path / "cut", BEST)] == [whole.best_checkpoint.name[:35]]
    assert len(names(tmp_path / "cut", PERIODIC)) == len(names(tmp_path / "whole", PERIODIC))


def test_a_run_stopped_in_its_first_epoch_resumes_in_the_same_process(tmp_path):
    whole = make_trainer(tmp_path / "whole")
    whole.fit()

    class StopsInBatch(ToyTrainer):
        stop = True

        def compute_loss(self, batch):
            if self.stop and self._batch_index == 3:
                raise KeyboardInterrupt
            return super().compute_loss(batch)

    trainer = make_trainer(tmp_path / "cut", StopsInBatch)
    with pytest.raises(KeyboardInterrupt):
        trainer.fit()
    trainer.stop = False
    trainer.fit(resume=True)
    assert_same_run(whole, trainer)


def test_resume_without_state_starts_afresh(tmp_path):
    one, other = make_trainer(tmp_path / "one"), make_trainer(tmp_path / "other")
    one.fit(), other.fit(resume=True)
    assert_same_run(one, other)


def test_more_epochs_continue_a_finished_run(tmp_path):
    whole = make_trainer(tmp_path / "whole", epochs=4)
    whole.fit()
    make_trainer(tmp_path / "cut", epochs=2).fit()
    longer = make_trainer(tmp_path / "cut", epochs=4)
    longer.fit(resume=True)
    assert_same_run(whole, longer)


def test_resume_under_other_options_is_refused(tmp_path):
    make_trainer(tmp_path, epochs=1).fit()
    with pytest.raises(TrainingError) as error:
        make_trainer(tmp_path, epochs=2, learning_rate=0.5, seed=4).fit(resume=True)
    assert "learning_rate was 0.05, is 0.5, seed was 3, is 4" in str(error.value)
    assert "\n" not in str(error.value)


def test_resume_with_another_model_is_one_line(tmp_path):
    make_trainer(tmp_path, epochs=1).fit()
    other = ToyTrainer(nn.Linear(3, 1), Options(epochs=2), tmp_path, make_loader())
    with pytest.raises(ArtifactError) as error:
        other.fit(resume=True)
    assert "do not fit Linear" in str(error.value) and "\n" not in str(error.value)


def train_slowly(folder):
    """Body of the process that is killed."""

    class Slow(ToyTrainer):
        def compute_loss(self, batch):
            time.sleep(0.01)
            return super().compute_loss(batch)

    make_trainer(folder, Slow, epochs=200, checkpoint_every=1).fit()


def test_a_killed_process_resumes_bit_identically(tmp_path):
    folder = tmp_path / "killed"
    code = f"import test_base_trainer as t; t.train_slowly(__import__('pathlib').Path({str(folder)!r}))"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}
    process = subprocess.Popen([sys.executable, "-c", code], env=environment, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    try:
        while len(list(folder.glob("toy_weights.epoch_*"))) < 3:
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.01)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    done = torch.load(folder / "toy_last.pt", weights_only=True)["standing"]["epoch"]
    options = {"epochs": done + 2, "checkpoint_every": 1}
    resumed, whole = make_trainer(folder, **options), make_trainer(tmp_path / "whole", **options)
    resumed.fit(resume=True), whole.fit()
    assert_same_run(whole, resumed)
    assert len(names(folder, BEST)) == 1
    assert len(names(folder, PERIODIC)) == done + 2


# ---------------------------------------------------------------- losses that are not finite


class Poisoned(ToyTrainer):
    """A NaN in one batch of the second epoch, on the side named by ``poisoned_training``."""

    poisoned_training = True

    def compute_loss(self, batch):
        loss = super().compute_loss(batch)
        if self._epoch == 2 and self._batch_index == 2 and self.model.training == self.poisoned_training:
            self.before = weights_of(self)
            return loss * float("nan")
        return loss

    def _describe_batch(self, batch, index):
        return f"pictures {index}"


@pytest.mark.parametrize("in_training", [True, False])
def test_nan_stops_before_the_step_and_keeps_the_last_good_state(tmp_path, in_training):
    trainer = make_trainer(tmp_path, Poisoned)
    trainer.poisoned_training = in_training
    with pytest.raises(TrainingError) as error:
        trainer.fit()
    assert "loss is nan in epoch 2, pictures 2" in str(error.value) and "\n" not in str(error.value)
    for name, tensor in weights_of(trainer).items():
        assert torch.equal(tensor, trainer.before[name])
    last = torch.load(tmp_path / "toy_last.pt", weights_only=True)
    assert last["standing"]["epoch"] == 1
    assert trainer.best_checkpoint.is_file()


def test_infinite_gradient_stops_before_the_step(tmp_path):
    class Steep(ToyTrainer):
        def compute_loss(self, batch):
            self.before = weights_of(self)
            return torch.sqrt(super().compute_loss(batch) * 0)

    trainer = make_trainer(tmp_path, Steep)
    with pytest.raises(TrainingError, match=r"gradient norm is nan in epoch 1, batch 1 \(8 samples\)"):
        trainer.fit()
    for name, tensor in weights_of(trainer).items():
        assert torch.equal(tensor, trainer.before[name])
