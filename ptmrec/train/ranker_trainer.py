"""Training the rankers on lists of measured accuracies."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from ptmrec.config.sections import RankerConfig
from ptmrec.dataloader.combined_similarity_dataloader import CombinedSimilarityDataset
from ptmrec.evaluation.metrics import weighted_tau
from ptmrec.loss.ranking_loss import RankingLoss
from ptmrec.model.build import build_ranker
from ptmrec.train.base_trainer import BaseTrainer


class RankerTrainer(BaseTrainer):
    """Ranking loss with annealed temperature, plus the likelihood of the measured accuracies."""

    name = "ranker"

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        options = self.options
        self.ranking = RankingLoss(options.loss, options.temperature_start, options.temperature_end)

    def on_epoch_start(self, epoch: int) -> None:
        """Cool the loss down with the epochs."""
        self.ranking.set_progress((epoch - 1) / max(1, self.options.epochs - 1))

    def compute_loss(self, batch: dict) -> Tensor:
        """Loss of a batch of lists, see :meth:`CombinedSimilarityDataset.collate` for its keys."""
        if not self.model.training:
            self.ranking.set_progress(1.0)  # validation losses of different epochs must be comparable
        scores, level, spread = self.model.answer(
            *(batch[key] for key in ("model_tokens", "dataset_tokens", "regime", "dataset_mask", "relations"))
        )
        truth = batch["true_scores"]
        ranking = self.ranking(self.model.sharpened(scores, batch["regime"]), batch["true_ranks"])
        accuracy = gaussian_likelihood(truth, level, spread)
        self._last_batch_metrics = {"ranking": ranking, "accuracy_nll": accuracy, "tau_w": mean_tau(truth, scores)}
        return ranking + self.options.accuracy_weight * accuracy

    def _describe_batch(self, batch: dict, index: int) -> str:
        return f"batch {index} (data sets {', '.join(sorted(set(batch['dataset_names'])))})"


def gaussian_likelihood(truth: Tensor, level: Tensor, spread: Tensor) -> Tensor:
    """Mean negative log-likelihood of measured accuracies under a normal distribution, each ``(B, N)``."""
    measured = ~torch.isnan(truth)
    errors = (torch.where(measured, truth, level.detach()) - level) / spread
    return (0.5 * errors.square() + spread.log())[measured].mean()


def mean_tau(truth: Tensor, scores: Tensor) -> float:
    """Mean tau_w over the lists of a batch; lists with fewer than two measured models are left out."""
    pairs = zip(truth.cpu().numpy(), scores.detach().float().cpu().numpy(), strict=True)
    taus = [weighted_tau(true, score) for true, score in pairs if np.isfinite(true).sum() > 1]
    return float(np.mean(taus)) if taus else 0.0


def make_ranker_trainer(
    train_loader: DataLoader,
    config: RankerConfig,
    output_dir: Path,
    validation_loader: DataLoader | None = None,
    linear: Mapping[str, np.ndarray] | None = None,
) -> RankerTrainer:
    """A trainer on lists; scaling comes from the models and the dataset tokens of the training lists.

    Args:
        train_loader: the lists.
        config: settings.
        output_dir: where checkpoints go.
        validation_loader: lists to watch.
        linear: regime -> weights ``(R,)`` of the linear part, which training leaves as they are.
    """
    dataset: CombinedSimilarityDataset = train_loader.dataset
    embeddings = dataset.model_embeddings
    features = [dataset[index]["dataset_tokens"] for index in range(len(dataset))]
    model = build_ranker(config, embeddings.view_dims, features[0].shape[-1], dataset[0]["relations"].shape[-1])
    for regime, weights in (linear or {}).items():
        model.set_linear(regime, torch.from_numpy(weights).float())
    model.fit_scaling(torch.from_numpy(embeddings.vectors), torch.from_numpy(np.concatenate(features)))
    return RankerTrainer(model, config, output_dir, train_loader, validation_loader)
