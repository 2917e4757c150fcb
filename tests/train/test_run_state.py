import errno
import json
import math
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from toy_training import (
    BEST,
    PERIODIC,
    Options,
    Scripted,
    StoppingTrainer,
    ToyTrainer,
    assert_same_run,
    make_loader,
    make_model,
    make_trainer,
    names,
)

from ptmrec.core.errors import ArtifactError, TrainingError
from ptmrec.core.files import write_json
from ptmrec.train.checkpoints import MARK, load_tensors, save_tensors, try_lock
from ptmrec.train.history import History


def scripted(folder, losses, **options):
    trainer = make_trainer(folder, Scripted, epochs=len(losses), **options)
    trainer.losses = losses
    return trainer


def test_a_run_that_ran_out_of_patience_does_not_go_on_when_resumed(tmp_path):
    losses = (1.0, 2.0, 2.0, 0.5, 0.4)
    assert len(scripted(tmp_path, losses, patience=2).fit()) == 3
    assert len(scripted(tmp_path, losses, patience=2).fit(resume=True)) == 3


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


@pytest.mark.slow
def test_a_killed_process_resumes_bit_identically(tmp_path):
    folder = tmp_path / "killed"
    code = f"import toy_training as t; t.train_slowly(__import__('pathlib').Path({str(folder)!r}))"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[1]), *sys.path])}
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


def rows():
    return [
        {"epoch": 1, "train_loss": 0.3, "validation_loss": 0.9, "train_accuracy": 0.5, "learning_rate": 0.1},
        {"epoch": 2, "train_loss": 0.2, "validation_loss": 0.1 + 0.2, "train_accuracy": math.nan, "learning_rate": 0.1},
        {"epoch": 3, "train_loss": 0.1, "validation_loss": 0.4, "train_accuracy": 0.7, "learning_rate": 0.1},
    ]


def test_round_trip_keeps_every_bit(tmp_path):
    history = History(rows())
    loaded = History.load(history.save(tmp_path / "history.json"))
    assert loaded.epochs == history.epochs
    assert loaded.epochs[1]["validation_loss"] == 0.1 + 0.2


def test_what_is_not_finite_is_null_in_json_and_nan_in_the_frame(tmp_path):
    history = History(rows())
    saved = json.loads(history.save(tmp_path / "history.json").read_text())
    assert saved[1]["train_accuracy"] is None
    assert math.isnan(history.to_frame().loc[1, "train_accuracy"])


def test_frame_columns_and_types():
    frame = History([{"epoch": 1, "train_loss": 2.0, "seconds": 0.5}]).to_frame()
    assert list(frame.columns) == ["epoch", "train_loss", "validation_loss", "seconds"]
    assert frame["epoch"].dtype == "int64"
    assert (frame.dtypes.drop("epoch") == "float64").all()
    assert len(History().to_frame()) == 0


def test_best_epoch_goes_by_validation_loss_then_train_loss():
    assert History(rows()).best_epoch == 2
    assert History([{"epoch": 1, "train_loss": 2.0}, {"epoch": 2, "train_loss": 1.0}]).best_epoch == 2
    assert History().best_epoch is None


@pytest.mark.parametrize("text", ["{}", "[1]", '[{"train_loss": 1}]', "nonsense"])
def test_damaged_file_is_one_line(tmp_path, text):
    path = tmp_path / "history.json"
    path.write_text(text)
    with pytest.raises(ArtifactError) as error:
        History.load(path)
    assert str(path) in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    "row", [{"epoch": "1"}, {"epoch": True}, {"epoch": 1, "train_loss": "low"}, {"epoch": 1, "x": []}]
)
def test_an_epoch_of_anything_but_numbers_is_refused(tmp_path, row):
    path = write_json(tmp_path / "history.json", [row])
    with pytest.raises(ArtifactError, match="no number|no whole number"):
        History.load(path)


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


def test_a_checkpoint_with_python_objects_is_refused(tmp_path):
    torch.save({"standing": Path("x")}, tmp_path / "toy_last.pt")
    with pytest.raises(ArtifactError) as error:
        make_trainer(tmp_path).fit(resume=True)
    assert "\n" not in str(error.value)


def test_a_second_run_leaves_the_first_ones_weights(tmp_path, monkeypatch):
    monkeypatch.setattr("ptmrec.train.checkpoints.timestamp", lambda: "20200101_000000")
    first = make_trainer(tmp_path, epochs=1)
    first.fit()
    monkeypatch.undo()
    make_trainer(tmp_path, epochs=2).fit()
    assert first.best_checkpoint.is_file()
    assert len(names(tmp_path, BEST)) == 2


def test_every_flipped_bit_and_every_cut_of_a_checkpoint_is_found(tmp_path):
    value = {"weights": torch.arange(40.0), "epoch": 3}
    path = save_tensors(value, tmp_path / "a.pt")
    whole = path.read_bytes()
    assert torch.equal(load_tensors(path)["weights"], value["weights"])
    assert torch.equal(torch.load(path, weights_only=True)["weights"], value["weights"])
    generator = np.random.default_rng(0)
    for place in generator.choice(len(whole), 150, replace=False):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << generator.integers(8)
        path.write_bytes(damaged)
        try:
            loaded = load_tensors(path)
        except ArtifactError as error:
            assert str(path) in str(error)
        else:  # the mark itself was hit: the check sums of the parts still hold
            assert place >= len(whole) - len(MARK) - 64
            assert torch.equal(loaded["weights"], value["weights"])
    for length in range(0, len(whole), 40):
        path.write_bytes(whole[:length])
        with pytest.raises(ArtifactError, match=r"a\.pt"):
            load_tensors(path)


def test_a_checkpoint_from_elsewhere_is_checked_by_its_parts(tmp_path):
    torch.save({"weights": torch.zeros(1000)}, tmp_path / "a.pt")
    assert load_tensors(tmp_path / "a.pt")["weights"].shape == (1000,)
    damaged = bytearray((tmp_path / "a.pt").read_bytes())
    damaged[len(damaged) // 2] ^= 1
    (tmp_path / "a.pt").write_bytes(damaged)
    with pytest.raises(ArtifactError, match="damaged"):
        load_tensors(tmp_path / "a.pt")


def test_a_full_disk_keeps_the_last_state_and_is_named(tmp_path, monkeypatch):
    path = save_tensors({"standing": 1}, tmp_path / "toy_last.pt")

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("ptmrec.core.files.os.fsync", full)
    with pytest.raises(OSError, match=r"No space left on device: .*toy_last\.pt"):
        save_tensors({"standing": 2}, path)
    assert load_tensors(path) == {"standing": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["toy_last.pt"]


def test_one_process_trains_under_a_name_at_a_time(tmp_path):
    """Two of them would delete each other's best weights; a kill gives the name free."""
    path = tmp_path / "run" / "toy_last.pt"
    seen, told = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            with try_lock(path):
                os.write(told, b"x")
                time.sleep(60)
        finally:
            os._exit(0)
    os.read(seen, 1)
    with pytest.raises(TrainingError, match=r"toy_last.pt: another process is training here; wait"), try_lock(path):
        pass
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with try_lock(path):
        assert [left.name for left in path.parent.iterdir()] == [".toy_last.pt.lock.tmp"]
    assert not list(path.parent.iterdir())
