import errno
import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from toy_training import BEST, PERIODIC, make_model, make_trainer, names

from ptmrec.core.errors import ArtifactError, TrainingError
from ptmrec.train.checkpoints import MARK, claim, load_tensors, save_tensors


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
            with claim(path):
                os.write(told, b"x")
                time.sleep(60)
        finally:
            os._exit(0)
    os.read(seen, 1)
    with pytest.raises(TrainingError, match=r"toy_last.pt: another process is training here; wait"), claim(path):
        pass
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with claim(path):
        assert [left.name for left in path.parent.iterdir()] == [".toy_last.pt.lock.tmp"]
    assert not list(path.parent.iterdir())
