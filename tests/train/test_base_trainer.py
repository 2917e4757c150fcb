import dataclasses
import gc
import os
import signal
import weakref
from collections import namedtuple
from dataclasses import dataclass

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, DistributedSampler, TensorDataset
from toy_training import Options, Scripted, ToyTrainer, make_data, make_loader, make_model, make_trainer, weights_of

from ptmrec.core.errors import ArtifactError, TrainingError
from ptmrec.train.base_trainer import BaseTrainer
from ptmrec.train.batches import batch_size, end_workers, set_epoch, take_rows, to_device
from ptmrec.train.setup import build_accelerator


@dataclasses.dataclass(frozen=True)
class Sample:
    names: list[str]
    inputs: Tensor
    targets: Tensor


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


class Watched(list):
    """Batches whose last iterator can be asked for."""

    def __iter__(self):
        iterator = (batch for batch in list.__iter__(self))
        self.last = weakref.ref(iterator)
        return iterator


def test_what_read_the_batches_is_let_go_when_a_run_ends(tmp_path):
    """Else the workers of a loader stay as long as the trainer."""
    batches = Watched([torch.randn(4, 4)] * 2)
    trainer = TensorTrainer(make_model(), Options(epochs=1), tmp_path, batches)
    trainer.fit()
    gc.collect()
    assert batches.last() is None and trainer.history.to_frame()["epoch"].tolist() == [1]


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


def scripted(folder, losses, **options):
    trainer = make_trainer(folder, Scripted, epochs=len(losses), **options)
    trainer.losses = losses
    return trainer


@pytest.mark.parametrize(("patience", "min_delta", "epochs"), [(0, 0.0, 7), (2, 0.0, 7), (2, 0.1, 4), (1, 0.0, 4)])
def test_patience_and_min_delta(tmp_path, patience, min_delta, epochs):
    losses = (1.0, 0.8, 0.75, 0.76, 0.74, 0.73, 0.72)
    trainer = scripted(tmp_path, losses, patience=patience, min_delta=min_delta)
    assert len(trainer.fit()) == epochs
    best = min(losses[:epochs])
    assert f"loss_{best:.6f}" in trainer.best_checkpoint.name  # the lowest, even if by less than min_delta
    assert trainer.history.best_epoch == losses.index(best) + 1


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


def test_weights_that_an_epochs_last_step_ruined_are_not_saved(tmp_path):
    class Ruined(ToyTrainer):
        def _train_batch(self, batch):
            loss = super()._train_batch(batch)
            if self._epoch == 2 and self._batch_index == 5:
                with torch.no_grad():
                    self.model[0].bias[1] = float("inf")  # tanh makes a finite loss of it
            return loss

    trainer = make_trainer(tmp_path, Ruined, validation=False)
    with pytest.raises(TrainingError, match=r"weights '0.bias' are not finite after epoch 2, batch 5; lower") as error:
        trainer.fit()
    assert "\n" not in str(error.value)
    last = torch.load(tmp_path / "toy_last.pt", weights_only=True)
    assert last["standing"]["epoch"] == 1
    assert last["model"]["0.bias"].isfinite().all()


class Deadly(Dataset):
    """Its worker dies at the third element."""

    def __len__(self):
        return 8

    def __getitem__(self, index):
        if index == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        return torch.zeros(3), torch.zeros(1)


def test_a_loaders_worker_that_dies_is_one_line(tmp_path):
    trainer = make_trainer(tmp_path)
    trainer.train_loader = DataLoader(Deadly(), 2, num_workers=1)
    with pytest.raises(TrainingError, match="a worker of the train loader died in epoch 1 .*num_workers=0") as error:
        trainer.fit()
    assert "\n" not in str(error.value)


def test_what_a_dead_worker_had_promised_is_told_from_a_connection_of_ones_own(tmp_path):
    class Cut(ToyTrainer):
        def compute_loss(self, batch):
            raise ConnectionResetError(104, "Connection reset by peer")

    trainer = make_trainer(tmp_path, Cut)
    with pytest.raises(ConnectionResetError):
        trainer.fit()
    trainer.train_loader = DataLoader(TensorDataset(*make_data()), 8, num_workers=1)
    with pytest.raises(TrainingError, match="a worker of the train loader died in epoch 1 .*Connection reset"):
        trainer.fit()


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


def test_several_processes_cannot_share_one_named_device(monkeypatch):
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    with pytest.raises(TrainingError, match="2 processes"):
        build_accelerator(Options(device="cuda:1"))


Pair = namedtuple("Pair", "left right")


@dataclass(frozen=True)
class Frozen:
    values: torch.Tensor
    name: str


def test_the_form_of_a_batch_is_kept_and_its_tensors_moved():
    meta = torch.device("meta")
    batch = {"pair": Pair(torch.zeros(3), ["text"]), "frozen": Frozen(torch.ones(3, 2), "x"), "count": 4}
    moved = to_device(batch, meta)
    assert isinstance(moved["pair"], Pair)
    assert moved["pair"].left.device == moved["frozen"].values.device == meta
    assert (moved["pair"].right, moved["frozen"].name, moved["count"]) == (["text"], "x", 4)
    assert batch["frozen"].values.device.type == "cpu"


def test_size_is_the_length_of_the_first_tensor():
    assert batch_size(torch.zeros(5, 2)) == 5
    assert batch_size({"names": ["a", "b"], "inputs": torch.zeros(3)}) == 3
    assert batch_size([Frozen(torch.zeros(2), "x")]) == 2
    assert batch_size({"loss": torch.tensor(1.0)}) == batch_size("nothing") == 1


def test_rows_are_taken_of_every_part():
    values = torch.arange(4)
    pair, frozen = Pair(values, list("abcd")), Frozen(values, "four")
    batch = {"pair": pair, "list": [values, values + 1], "frozen": frozen, "count": 4, "scale": torch.tensor(2.0)}
    taken = take_rows(batch, slice(1, 3), 4)
    assert isinstance(taken["pair"], Pair)
    assert (taken["pair"].left.tolist(), taken["pair"].right) == ([1, 2], ["b", "c"])
    assert [part.tolist() for part in taken["list"]] == [[1, 2], [2, 3]]
    assert (taken["frozen"].values.tolist(), taken["frozen"].name) == ([1, 2], "four")
    assert (taken["count"], taken["scale"].item()) == (4, 2.0)
    assert len(frozen.values) == 4


def test_an_object_that_cannot_be_divided_is_refused():
    packed = torch.nn.utils.rnn.pack_sequence([torch.ones(2)])
    with pytest.raises(TrainingError, match="PackedSequence cannot be divided"):
        take_rows(packed, slice(0, 1), 1)


def test_samplers_hear_of_the_epoch():
    sampler = DistributedSampler(range(8), num_replicas=1, rank=0)
    set_epoch(DataLoader(range(8), sampler=sampler), 7)
    assert sampler.epoch == 7


class _Slow(torch.utils.data.Dataset):
    def __len__(self):
        return 100

    def __getitem__(self, index):
        if index == 3:
            os._exit(3)
        return torch.zeros(2)


def test_workers_end_without_a_word_of_the_one_that_died():
    batches = iter(DataLoader(_Slow(), 2, num_workers=2))
    with pytest.raises(RuntimeError, match="exited unexpectedly"):
        list(batches)
    workers = list(batches._workers)
    end_workers(batches)
    assert not any(worker.is_alive() for worker in workers)
    end_workers(iter([1]))
