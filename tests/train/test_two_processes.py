import os
import subprocess
import sys

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from toy_processes import ROOT, run_together
from toy_training import StoppingTrainer, make_trainer

from ptmrec.core.files import read_json
from ptmrec.train.batches import divide

OPTIONS = {
    "epochs": 5,
    "scheduler": "cosine",
    "gradient_clip": 1.0,
    "checkpoint_every": 2,
    "weight_decay": 0.1,
    "plots": True,
}
CASES = {"whole": {"own_generator": True}, "stopped": {"own_generator": False}}


class Quiet(StoppingTrainer):
    """Without noise and dropout, which each process draws for its own rows; no rows are left for one of the batches.

    The model is never called as ``model(...)``, and one of its parameters is never used.
    """

    stop_at = 0

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.model[2].p = 0.0
        self.model.register_parameter("unused", torch.nn.Parameter(torch.ones(2)))

    def compute_loss(self, batch):
        inputs, targets = batch
        for layer in self.model.children():
            inputs = layer(inputs)
        return F.mse_loss(inputs, targets)


def train_case(folder, name):
    """Train one of the cases; ``stopped`` stops after two epochs and is taken up again."""
    torch.manual_seed(9)
    trainer = make_trainer(folder / name, Quiet, **CASES[name], **OPTIONS)
    trainer.train_loader.batch_sampler.batch_size = 13  # of 40 rows the last batch holds one
    if name == "stopped":
        trainer.stop_at = 3
        try:
            trainer.fit()
        except KeyboardInterrupt:
            trainer.stop_at = 0
        assert len(trainer.history) == 2
    trainer.fit(resume=True)
    return trainer


@pytest.fixture(scope="module")
def together(tmp_path_factory):
    """Folder of the cases, trained by two processes, and what these said."""
    folder = tmp_path_factory.mktemp("two")
    code = f"""
    from pathlib import Path
    from train.test_two_processes import CASES, train_case
    from ptmrec.core.processes import gather, rank, broadcast, wait_for_all

    wait_for_all()
    answer = [broadcast(f"from {{rank()}}"), gather(rank())]
    folder = Path({str(folder)!r})
    unused = [train_case(folder, name).model.unused.tolist() for name in CASES]
    answer += [unused, sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))]
    """
    return folder, run_together(code)


@pytest.mark.slow
def test_two_processes_hear_of_each_other(together):
    assert [answer[:2] for answer in together[1]] == [["from 0", [0, 1]]] * 2


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_two_processes_train_as_one_does(tmp_path, together, name):
    folder, answers = together
    expected = train_case(tmp_path, name)
    found = read_json(folder / name / "toy_history.json")
    for column in ("train_loss", "validation_loss"):
        np.testing.assert_allclose([r[column] for r in found], [r[column] for r in expected.history.epochs], atol=1e-5)
    assert answers[0][2:] == answers[1][2:]
    assert answers[0][2] == [[1.0, 1.0]] * 2, "no weight decay for what has no gradient"
    written = [path for path in (folder / name).iterdir()]
    assert sum("_curves" in path.name for path in written) == 2
    assert len(written) == len(list((tmp_path / name).iterdir())), "the main process alone writes"


@pytest.mark.slow
def test_accelerate_launch_with_two_processes_gives_the_loss_curve_of_one(tmp_path):
    common = ["--profile", "smoke", "--set", f"paths.artifacts={tmp_path}"]
    for setting in ("autoencoder.batch_size=5", "autoencoder.dropout=0", "zoo.every=50"):
        common += ["--set", setting]
    command = ["-m", "ptmrec", *common, "train", "autoencoder"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    launch = ["-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2", "--num_machines", "1"]
    launch += ["--mixed_precision", "no", "--dynamo_backend", "no"]
    curves = []
    for start in ([], launch):
        done = subprocess.run([sys.executable, *start, *command], env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert done.stdout.split() == [str(tmp_path / "autoencoder")], "one answer"
        rows = read_json(tmp_path / "autoencoder" / "autoencoder_history.json")
        curves.append([(row["train_loss"], row["validation_loss"]) for row in rows])
        (tmp_path / "steps" / "autoencoder.json").unlink()
    np.testing.assert_allclose(*curves, atol=1e-5)


def test_one_process_takes_the_whole_batch_as_it_is():
    batch = object()
    assert divide(batch) == (batch, 1, 1.0)


def test_rows_of_the_processes_lie_side_by_side(monkeypatch):
    batch = {"x": torch.arange(7), "names": list("abcdefg")}
    monkeypatch.setenv("WORLD_SIZE", "3")
    found, weights = [], []
    for place in range(3):
        monkeypatch.setenv("RANK", str(place))
        part, size, weight = divide(batch)
        assert part["names"] == [batch["names"][index] for index in part["x"]]
        assert size == len(part["x"])
        found += part["x"].tolist()
        weights.append(weight)
    assert found == list(range(7))
    assert sum(weights) == pytest.approx(1)


@pytest.mark.parametrize("rank", ["0", "2"])
def test_a_process_without_rows_takes_one_that_does_not_count(monkeypatch, rank):
    monkeypatch.setenv("WORLD_SIZE", "3")
    monkeypatch.setenv("RANK", rank)
    part, size, weight = divide(torch.ones(2 if rank == "0" else 1, 3))
    assert part.shape == (1, 3)
    assert (size, weight) == ((0, 0) if rank == "0" else (1, 1))
