import os
import subprocess
import sys

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from toy_processes import ROOT, run_together
from toy_training import make_trainer

from ptmrec.core.files import read_json
from ptmrec.train.portions import Portion, add_gradients, divide, share_weights

TRAIN = """
import torch
from pathlib import Path
from toy_training import StoppingTrainer, ToyTrainer, make_trainer

folder, options = Path({folder!r}), {options!r}
torch.manual_seed({seed})
try:
    make_trainer(folder, StoppingTrainer if {stop} else ToyTrainer, own_generator={own}, **options).fit()
except KeyboardInterrupt:
    make_trainer(folder, own_generator={own}, **options).fit(resume=True)
answer = sorted(path.name for path in folder.iterdir())
"""


ATTENTION = torch.nn.MultiheadAttention(6, 2, 0.5, batch_first=True)


def hide_last(rows):
    """A mask of four keys, of which the last is padding."""
    return torch.tensor([[False, False, False, True]]).expand(len(rows), 4)


@pytest.fixture
def second_of_two(monkeypatch):
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")


def test_one_process_takes_the_whole_batch_as_it_is():
    batch = object()
    assert divide(batch) == (batch, Portion(slice(0, 1), 1, 1))


def test_portions_lie_side_by_side(monkeypatch):
    batch = {"x": torch.arange(7), "names": list("abcdefg")}
    monkeypatch.setenv("WORLD_SIZE", "3")
    found, weights = [], []
    for place in range(3):
        monkeypatch.setenv("RANK", str(place))
        part, portion = divide(batch)
        assert part["names"] == [batch["names"][index] for index in part["x"]]
        found += part["x"].tolist()
        weights.append(portion.weight)
    assert found == list(range(7))
    assert sum(weights) == pytest.approx(1)


def test_a_process_without_rows_takes_one_that_does_not_count(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "0")
    part, portion = divide(torch.ones(1, 3))
    assert part.shape == (1, 3)
    assert portion.weight == 0


@pytest.mark.parametrize(
    "draw",
    [
        lambda x: F.dropout(x, 0.5),
        lambda x: torch.nn.Dropout(0.3)(x),
        lambda x: ATTENTION(x[:, None].expand(-1, 3, -1), *[x[:, None] * torch.ones(1, 2, 1)] * 2)[0],
        lambda x: ATTENTION(*[x[:, None] * torch.ones(1, 4, 1)] * 3, key_padding_mask=hide_last(x), need_weights=False)[
            0
        ],
        lambda x: x + torch.randn_like(x),
        lambda x: x * torch.rand(len(x), 1),
        lambda x: x * torch.randn(x.shape),
    ],
)
def test_random_numbers_are_those_of_the_whole_batch(second_of_two, draw):
    whole = torch.arange(54.0).reshape(9, 6) / 54
    torch.manual_seed(4)
    expected, after = draw(whole), torch.rand(3)
    torch.manual_seed(4)
    part, portion = divide(whole)
    with portion.randomness():
        found = draw(part)
    torch.testing.assert_close(found, expected[portion.rows], rtol=0, atol=1e-6)
    torch.testing.assert_close(torch.rand(3), after, rtol=0, atol=0)


def test_one_process_adds_up_nothing():
    layer = torch.nn.Linear(2, 1)
    share_weights(layer)
    add_gradients(layer.parameters())
    assert layer.weight.grad is None


@pytest.mark.slow
@pytest.mark.parametrize(("own", "stop"), [(True, False), (False, True)])
def test_two_processes_train_as_one_does(tmp_path, own, stop):
    """Batches of eight and, in validation, 16 rows; with and without a stop after two epochs."""
    options = {"epochs": 5, "scheduler": "cosine", "gradient_clip": 1.0, "checkpoint_every": 2}
    torch.manual_seed(9)
    expected = make_trainer(tmp_path / "one", own_generator=own, **options).fit().epochs
    code = TRAIN.format(folder=str(tmp_path / "two"), options=options, seed=9, own=own, stop=stop)
    listed = run_together(code)
    found = read_json(tmp_path / "two" / "toy_history.json")
    for column in ("train_loss", "validation_loss"):
        np.testing.assert_allclose([r[column] for r in found], [r[column] for r in expected], atol=1e-5)
    assert listed[0] == listed[1]
    assert len(listed[0]) == len(list((tmp_path / "one").iterdir())), "the main process alone writes"


@pytest.mark.slow
def test_accelerate_launch_with_two_processes_gives_the_loss_curve_of_one(tmp_path):
    common = ["--profile", "smoke", "--set", "autoencoder.batch_size=5", "--set", f"paths.artifacts={tmp_path}"]
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
