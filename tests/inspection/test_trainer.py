import pytest
import torch
import torch.nn.functional as F
from torch import nn

from ptmrec.config.sections import TrainingOptions
from ptmrec.core.errors import ConfigError, DataError
from ptmrec.inspection.trainer import inspect_trainer, same_bits
from ptmrec.inspection.trainers import example_of, make_lists, read_trainer
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


FILE = """
import torch
from ptmrec.train.base_trainer import BaseTrainer
from ptmrec.config.sections import TrainingOptions
class Mine(BaseTrainer):
    name = "mine"
    def compute_loss(self, batch): return self.model(batch).square().mean()
def example(): return torch.nn.Linear(3, 1), [torch.randn(4, 3)] * 30, TrainingOptions(learning_rate=0.5)
"""


def test_a_trainer_is_made_with_the_same_weights_each_time(tmp_path):
    (tmp_path / "mine.py").write_text(FILE)
    for subject in ("autoencoder", "ranker", str(tmp_path / "mine.py"), f"{tmp_path / 'mine.py'}:Mine"):
        example = read_trainer(subject)
        first, second = example.make(tmp_path, 1), example.make(tmp_path, 2)
        for one, other in zip(first.model.parameters(), second.model.parameters(), strict=True):
            assert torch.equal(one, other)
        assert (first.options.epochs, second.options.epochs) == (1, 2)
    assert len(first.train_loader) == 4 and first.options.learning_rate == 0.5


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1", "0 trainers in it; write a subclass"),
        (FILE + "class Other(Mine):\n    name = 'other'\n", "2 trainers in it; say which: .*:Mine"),
        (FILE.replace("def example", "def sample"), r"no function example\(\)"),
        (FILE.replace("TrainingOptions(learning_rate=0.5)", "3"), "options are a int"),
        (FILE.replace("* 30", "* 0"), "no batch given"),
        (FILE.replace('    name = "mine"\n', ""), "Mine cannot be made"),
    ],
)
def test_a_file_without_a_usable_trainer_is_one_line(tmp_path, text, message):
    path = tmp_path / "mine.py"
    path.write_text(text)
    with pytest.raises(DataError, match=message) as caught:
        read_trainer(str(path)).make(tmp_path, 1)
    assert len(str(caught.value).splitlines()) == 1


def test_unknown_names(tmp_path):
    with pytest.raises(ConfigError, match="there are autoencoder, ranker"):
        read_trainer("rankers")
    (tmp_path / "mine.py").write_text(FILE)
    with pytest.raises(DataError, match="no trainer Yours; there are: Mine"):
        read_trainer(f"{tmp_path / 'mine.py'}:Yours")


def test_lists_are_ranked_by_their_scores():
    batch = make_lists(0)
    best = batch["true_scores"].argmax(dim=1)
    assert (batch["true_ranks"].gather(1, best[:, None]) == 1).all()
    assert batch["true_ranks"].sort(dim=1).values.tolist() == [[1, 2, 3, 4, 5, 6, 7]] * 4
