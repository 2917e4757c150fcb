"""Training the autoencoder of the weights vectors."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Subset

from ptmrec.config.sections import AutoEncoderConfig
from ptmrec.dataloader.model_datasets import ModelParameterDataset
from ptmrec.model.build import build_autoencoder
from ptmrec.train.base_trainer import BaseTrainer


class AutoEncoderTrainer(BaseTrainer):
    """Reconstruction of standardised weights vectors, with a penalty on the code."""

    name = "autoencoder"

    def compute_loss(self, batch: dict) -> Tensor:
        """Reconstruction error of ``parameters (B, 8192)`` plus the weighted mean absolute code."""
        codes, reconstructed = self.model(batch["parameters"])
        plain = self.accelerator.unwrap_model(self.model)
        error = plain.reconstruction_error(reconstructed, batch["parameters"])
        self._last_batch_metrics = {"reconstruction": error}
        return error + self.options.code_l1_penalty * codes.abs().mean()


def split_models(count: int, share: float, seed: int) -> tuple[list[int], list[int]]:
    """Random training and validation positions out of ``count`` models; at least one of each."""
    order = np.random.default_rng(seed).permutation(count).tolist()
    aside = min(max(1, round(share * count)), count - 1)
    return sorted(order[aside:]), sorted(order[:aside])


def make_autoencoder_trainer(
    dataset: ModelParameterDataset, config: AutoEncoderConfig, output_dir: Path
) -> AutoEncoderTrainer:
    """A trainer on a random part of the models, validated on the rest; scaling from the training part."""
    training, validation = split_models(len(dataset), config.validation_share, config.seed)
    model = build_autoencoder(config, dataset.vectors.shape[1])
    model.fit_scaling(torch.from_numpy(dataset.vectors[training]))
    generator = torch.Generator().manual_seed(config.seed)
    loaders = (
        DataLoader(Subset(dataset, training), config.batch_size, shuffle=True, generator=generator),
        DataLoader(Subset(dataset, validation), config.batch_size),
    )
    return AutoEncoderTrainer(model, config, output_dir, *loaders)
