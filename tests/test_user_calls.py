"""The calls of the thesis's notes, as they stand there; CONTRIBUTING shows the same patterns."""

from dataclasses import dataclass

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from ptmrec.config.sections import TrainingOptions
from ptmrec.core.errors import TrainingError
from ptmrec.dataloader import build_combined_similarity_loader
from ptmrec.evaluation.metrics import weighted_tau
from ptmrec.loss.ranking_loss import RankingLoss
from ptmrec.model.custom_similarity_transformer import CustomSimilarityTransformer
from ptmrec.model.model_encoder import AutoEncoder
from ptmrec.model.ranking_transformer import RankingCrossAttentionTransformer
from ptmrec.train.base_trainer import BaseTrainer


def options(**changes):
    return TrainingOptions(**({"epochs": 5, "learning_rate": 1e-2} | changes))


# Pattern 1: batches are tensors.


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


# Pattern 2: batches are dicts or dataclasses.


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
    ("trainer", "make"),
    [(DictTrainer, lambda x, y: {"features": x, "labels": y}), (DataclassTrainer, Batch)],
)
def test_pattern_2_dict_and_dataclass(tmp_path, trainer, make):
    frame = trainer(nn.Linear(4, 2), options(epochs=10), tmp_path, labelled_loader(make)).fit().to_frame()
    assert frame["train_loss"].iloc[-1] < 0.8 * frame["train_loss"].iloc[0]


# Pattern 3: the trainer computes metrics of its own beside the loss.


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


# Pattern 4: a ranker on the project's own lists.


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
