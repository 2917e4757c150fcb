"""The calls of the thesis's notes, as they stand there; CONTRIBUTING shows the same patterns."""

import csv
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from ptmrec.benchmark.battery import read_battery
from ptmrec.config.sections import PathsConfig, TrainingOptions
from ptmrec.core.errors import TrainingError
from ptmrec.dataloader import build_combined_similarity_loader
from ptmrec.evaluation.metrics import weighted_tau
from ptmrec.inspection.examples import read_example
from ptmrec.inspection.model import inspect_model
from ptmrec.inspection.scan import scan_folder
from ptmrec.inspection.trainer import inspect_trainer
from ptmrec.loss.ranking_loss import RankingLoss
from ptmrec.model.custom_similarity_transformer import CustomSimilarityTransformer
from ptmrec.model.model_encoder import AutoEncoder
from ptmrec.model.ranking_transformer import RankingCrossAttentionTransformer
from ptmrec.train.base_trainer import BaseTrainer
from torture import colleague_data, colleague_models, colleague_trainers
from torture.colleagues import cases, summary


def options(**changes):
    return TrainingOptions(**({"epochs": 5, "learning_rate": 1e-2} | changes))


class ReconstructionTrainer(BaseTrainer):
    name = "reconstruction"

    def compute_loss(self, batch):
        codes, reconstructed = self.model(batch)
        return F.mse_loss(reconstructed, batch)


def test_pattern_1_tensor(tmp_path):
    vectors = torch.randn(64, 3) @ torch.randn(3, 12)
    model = AutoEncoder(12, 3, (16,))
    frame = ReconstructionTrainer(model, options(epochs=15), tmp_path, DataLoader(vectors, 8)).fit().to_frame()
    assert frame["train_loss"].iloc[-1] < 0.5 * frame["train_loss"].iloc[0]


@dataclass
class Batch:
    features: torch.Tensor
    labels: torch.Tensor


class DictTrainer(BaseTrainer):
    name = "dict"

    def compute_loss(self, batch):
        return F.cross_entropy(self.model(batch["features"]), batch["labels"])


class DataclassTrainer(BaseTrainer):
    name = "dataclass"

    def compute_loss(self, batch):
        return F.cross_entropy(self.model(batch.features), batch.labels)


def labelled_loader(make):
    features = torch.randn(80, 4)
    data = TensorDataset(features, (features[:, 0] > 0).long())
    return DataLoader(data, 16, collate_fn=lambda items: make(*map(torch.stack, zip(*items, strict=True))))


@pytest.mark.parametrize(
    ("trainer", "make"), [(DictTrainer, lambda x, y: {"features": x, "labels": y}), (DataclassTrainer, Batch)]
)
def test_pattern_2_dict_and_dataclass(tmp_path, trainer, make):
    frame = trainer(nn.Linear(4, 2), options(epochs=10), tmp_path, labelled_loader(make)).fit().to_frame()
    assert frame["train_loss"].iloc[-1] < 0.8 * frame["train_loss"].iloc[0]


class AccuracyTrainer(BaseTrainer):
    name = "accuracy"

    def _forward_batch(self, batch):
        logits = self.model(batch["features"])
        self._last_batch_metrics = {"accuracy": (logits.argmax(dim=1) == batch["labels"]).float().mean()}
        return F.cross_entropy(logits, batch["labels"])

    def _collect_batch_metrics(self):
        return {**self._last_batch_metrics, "error": 1 - self._last_batch_metrics["accuracy"]}


def test_pattern_3_metrics(tmp_path):
    loader = labelled_loader(lambda x, y: {"features": x, "labels": y})
    frame = AccuracyTrainer(nn.Linear(4, 2), options(epochs=60), tmp_path, loader, loader).fit().to_frame()
    assert frame["validation_accuracy"].iloc[-1] > 0.9
    torch.testing.assert_close(frame["train_error"].to_numpy(), 1 - frame["train_accuracy"].to_numpy())


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda model, batch: None, "must return the loss as a tensor with one element, got NoneType"),
        (lambda model, batch: {"loss": model(batch).sum()}, "got dict"),
        (lambda model, batch: model(batch), r"got a tensor of shape \(8, 2\)"),
        (lambda model, batch: model(batch).sum().detach(), "does not depend on the model's parameters"),
    ],
)
def test_what_a_pattern_cannot_return_is_one_line(tmp_path, answer, message):
    class Wrong(BaseTrainer):
        name = "wrong"

        def compute_loss(self, batch):
            return answer(self.model, batch)

    trainer = Wrong(nn.Linear(4, 2), options(), tmp_path, DataLoader(torch.randn(16, 4), 8))
    with pytest.raises(TrainingError, match=message) as caught:
        trainer.fit()
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("metrics", [None, [1.0], {"vector": torch.zeros(3)}, {"word": "good"}])
def test_metrics_that_are_no_numbers_are_one_line(tmp_path, metrics):
    class Wrong(ReconstructionTrainer):
        def _collect_batch_metrics(self):
            return metrics

    trainer = Wrong(AutoEncoder(12, 3, (16,)), options(), tmp_path, DataLoader(torch.randn(16, 12), 8))
    with pytest.raises(TrainingError, match="number"):
        trainer.fit()


class RankingTrainer(BaseTrainer):
    name = "ranking"
    ranking_loss = RankingLoss()

    def compute_loss(self, batch):
        probs = self.model(batch["model_tokens"], batch["dataset_tokens"])
        loss = self.ranking_loss(probs, batch["true_ranks"])
        taus = [weighted_tau(t, p) for t, p in zip(batch["true_scores"], probs.detach(), strict=True)]
        self._last_batch_metrics = {"tau_w": sum(taus) / len(taus)}
        return loss


@pytest.mark.slow
@pytest.mark.parametrize("ranker", [RankingCrossAttentionTransformer, CustomSimilarityTransformer])
def test_pattern_4_ranking(tmp_path, ranker):
    loader = build_combined_similarity_loader(splits=("train",))
    batch = next(iter(loader))
    model = ranker(loader.dataset.model_embeddings.view_dims)
    model.fit_scaling(batch["model_tokens"][0], batch["dataset_tokens"][0])
    probs = model(batch["model_tokens"], batch["dataset_tokens"])
    assert probs.shape == batch["true_ranks"].shape
    trainer = RankingTrainer(model, options(epochs=4, learning_rate=2e-3), tmp_path, loader)
    frame = trainer.fit().to_frame()
    assert frame["train_tau_w"].iloc[-1] > frame["train_tau_w"].iloc[0] + 0.05
    assert frame["train_loss"].iloc[-1] < frame["train_loss"].iloc[0]


ROOT = Path(__file__).resolve().parents[1]

PATHS = PathsConfig(zoo=ROOT / "constants/zoo", real=ROOT / "constants/real", battery=ROOT / "constants/battery.npz")

MISSED = ("targets drawn anew",)
"""The loss falls to that of the classes' shares, which is a fall all the same; the table says so."""

ROWS = [
    {"colleague": "data", "kind": "fault", "fault": "leak", "seeds": 3, "found": 2, "alarms": ""},
    {"colleague": "data", "kind": "control", "fault": "mnist", "seeds": 1, "found": "", "alarms": 1},
    {"colleague": "model", "kind": "fault", "fault": "NaN", "seeds": 3, "found": 3, "alarms": ""},
]


def test_the_committed_table_is_of_all_cases_and_keeps_the_promise(tmp_path):
    with (ROOT / "constants" / "results" / "planted_faults.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["colleague"], row["fault"]) for row in rows] == [case[:2] for case in cases(PATHS, tmp_path)]
    faults = [row for row in rows if row["kind"] == "fault"]
    assert len(faults) >= 20 and all(int(row["seeds"]) >= 3 for row in faults)
    for colleague in ("data", "model", "trainer"):
        own = [row for row in faults if row["colleague"] == colleague]
        assert sum(int(row["found"]) for row in own) >= 0.9 * sum(int(row["seeds"]) for row in own)
    controls = [row for row in rows if row["kind"] == "control"]
    assert sum(int(row["alarms"]) for row in controls) == 0
    assert sum(row["colleague"] == "model" for row in controls) >= 12


def test_rows_are_counted_by_colleague():
    assert summary(ROWS) == [
        "data: 2 of 3 planted faults of 1 kinds found, 1 false alarm(s) on 1 controls",
        "model: 3 of 3 planted faults of 1 kinds found, 0 false alarm(s) on 0 controls",
    ]


@pytest.fixture(scope="module")
def part():
    return read_battery(PATHS.battery)["blood_cells"]


def test_a_set_is_written_whole_in_two_parts(part, tmp_path):
    scan = scan_folder(colleague_data.write_set(part, tmp_path, seed=0))
    assert len(scan.paths) == len(part.labels) and scan.parts.count("test") == len(part.labels) // 4
    assert len(set(scan.labels)) == len(part.class_names)


@pytest.mark.parametrize("fault", colleague_data.FAULTS)
def test_each_fault_of_data_is_found(part, tmp_path, fault):
    check, plant = colleague_data.FAULTS[fault]
    report = colleague_data.inspect_planted(part, plant, tmp_path, seed=5)
    assert report.found(check), report.lines()


def test_nothing_is_found_where_nothing_is_planted(part, tmp_path):
    report = colleague_data.inspect_planted(part, lambda folder, generator: None, tmp_path, seed=5)
    assert report.status == 0, report.lines()


def test_a_slow_set_and_a_fast_one():
    assert colleague_data.inspect_slow(0).found("slow_loader") and colleague_data.inspect_slow(0, 0.0).status == 0


@pytest.mark.slow
@pytest.mark.parametrize("fault", colleague_models.FAULTS)
def test_each_fault_of_models_is_found(fault):
    checks, plant = colleague_models.FAULTS[fault]
    example = read_example(colleague_models.HOSTS[1], PATHS)
    plant(example, 1)
    report = inspect_model(example)
    assert any(report.found(check) for check in checks.split("|")), report.lines()


@pytest.mark.slow
@pytest.mark.parametrize("fault", [fault for fault in colleague_trainers.FAULTS if fault not in MISSED])
def test_each_fault_of_trainers_is_found(fault):
    checks, trainer = colleague_trainers.FAULTS[fault]
    report = inspect_trainer(colleague_trainers.planted_trainer(trainer, 4))
    assert any(report.found(check) for check in checks.split("|")), report.lines()


@pytest.mark.slow
def test_the_trainer_they_are_planted_into_is_sound():
    report = inspect_trainer(colleague_trainers.planted_trainer(colleague_trainers.Sound, 4))
    assert report.status == 0, report.lines()
