from pathlib import Path

import pytest
import torch
from toy_training import BEST, PERIODIC, make_model, make_trainer, names

from ptmrec.errors import ArtifactError


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
