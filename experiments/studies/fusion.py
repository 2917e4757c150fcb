"""A ranker that reads a hardware limit as one more token of the data set."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from experiments.evaluation.compare import Target
from experiments.studies.hardware_lists import HardwareLists, hardware_loader
from ptmrec.benchmark.splits import KNOWN
from ptmrec.config.sections import REGIMES, RankerConfig
from ptmrec.core.files import read_json
from ptmrec.dataloader.combined_similarity_dataloader import CombinedSimilarityDataset
from ptmrec.dataloader.dataset_tokens import DatasetTokenDataset
from ptmrec.dataloader.model_datasets import ModelEmbeddingDataset
from ptmrec.dataloader.relation_tables import read_relation_tables
from ptmrec.model.ranker_files import RANKER_NAME, load_ranker, save_ranker
from ptmrec.model.ranking_transformer import RankingCrossAttentionTransformer
from ptmrec.pipeline.committed import ProjectFiles
from ptmrec.train.ranker_trainer import RankerTrainer, make_ranker_trainer

LIMITS = {
    "max_latency": "latency_p90_ms",
    "max_memory": "peak_memory_mib",
    "max_params": "num_params",
    "max_flops": "gflops",
}
"""Limits that are set, and the measured cost each is on."""


@dataclass(frozen=True)
class Fusion:
    """A ranker that reads a hardware token beside the dataset tokens, see :class:`HardwareLists`."""

    ranker: RankingCrossAttentionTransformer
    lists: HardwareLists
    relations: Mapping[tuple[str, str], np.ndarray]
    kinds: tuple[str, ...]

    def scores(self, target: Target, limit: str, value: float) -> np.ndarray:
        """Scores ``(N,)`` under a limit, mean over the draws of the target's images."""
        token = self.lists.token(self.kinds.index(limit), value)
        scale = np.sqrt(np.mean(target.tokens**2, axis=(1, 2), keepdims=True))
        tokens = np.concatenate([target.tokens, scale * token], axis=1).astype(np.float32)
        models = torch.from_numpy(self.lists.model_embeddings.vectors).expand(len(tokens), -1, -1)
        relations = torch.from_numpy(self.relations[target.regime, target.dataset]).expand(len(tokens), -1, -1)
        with torch.inference_mode():
            found = self.ranker(models, torch.from_numpy(tokens), target.regime, relations=relations)
        return found.mean(dim=0).double().numpy()


def known_costs(files: ProjectFiles) -> dict[str, np.ndarray]:
    """Limit -> committed cost ``(N,)`` of the known models."""
    table = read_json(files.paths.costs)["models"]
    entries = [{**table[name], **table[name]["threads"]["1"]} for name in files.models(*KNOWN)]
    return {limit: np.array([entry[cost] for entry in entries], dtype=float) for limit, cost in LIMITS.items()}


def train_fusion(
    files: ProjectFiles, tokens: Path, relations: Path, config: RankerConfig, seed: int, folder: Path
) -> None:
    """Train a ranker on the known data sets, with limits drawn anew for every list, and write it into a folder.

    Args:
        files: the committed files.
        tokens: folder of the model tokens.
        relations: file of the relation tables.
        config: settings of the ranker.
        seed: seed of the limits that are drawn.
        folder: the folder to fill.
    """
    lists = _lists(files, tokens, relations, seed)
    trainer = _trainer(files, lists, relations, config, folder)
    trainer.fit()
    save_ranker(trainer.model, folder / RANKER_NAME)


def read_fusion(
    files: ProjectFiles, tokens: Path, relations: Path, config: RankerConfig, seed: int, folder: Path
) -> Fusion:
    """Read what :func:`train_fusion` made."""
    lists = _lists(files, tokens, relations, seed)
    ranker = _trainer(files, lists, relations, config, folder).model
    load_ranker(ranker, folder / RANKER_NAME)
    return Fusion(ranker.eval(), lists, read_relation_tables(relations, files.models(*KNOWN))[0], tuple(LIMITS))


def _lists(files: ProjectFiles, tokens: Path, relations: Path, seed: int) -> HardwareLists:
    names = files.models(*KNOWN)
    drawn = DatasetTokenDataset(files.token_folder, KNOWN)
    embeddings = ModelEmbeddingDataset(tokens, list(names), tuple(files.ranker_config.views))
    tables = read_relation_tables(relations, names)[0]
    lists = CombinedSimilarityDataset(drawn, embeddings, files.truth.only(names), REGIMES, relations=tables)
    return HardwareLists(lists, np.stack(list(known_costs(files).values()), axis=1), seed)


def _trainer(
    files: ProjectFiles, lists: HardwareLists, relations: Path, config: RankerConfig, folder: Path
) -> RankerTrainer:
    loader = hardware_loader(lists, config.batch_size, shuffle=True, seed=config.seed)
    linear = read_relation_tables(relations, files.models(*KNOWN))[1]
    return make_ranker_trainer(loader, config, folder, None, linear)
