"""Lists to rank: the tokens of a data set, the tokens of all models, and what was measured."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from scipy.stats import rankdata
from torch.utils.data import DataLoader, Dataset

from ptmrec.benchmark.ground_truth import GroundTruth, read_ground_truth
from ptmrec.benchmark.splits import KNOWN, read_splits
from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import REGIMES, DatasetTokenConfig, PathsConfig, RankerConfig
from ptmrec.core.errors import ArtifactError
from ptmrec.dataloader.dataset_tokens import DatasetTokenDataset, kind_of_shots, pad_tokens
from ptmrec.dataloader.model_datasets import MODEL_TOKENS, ModelEmbeddingDataset, find_recommender
from ptmrec.dataloader.relation_tables import RELATIONS_NAME, RelationTables, read_relation_tables
from ptmrec.zoo.snapshot import read_zoo


@dataclass(frozen=True)
class TokenSources:
    """Where lists come from.

    Attributes:
        dataset_tokens: folder with ``train/``, ``validation/`` and ``test/``.
        model_tokens: folder with one NPZ per model.
        ground_truth: the JSON file of measured accuracies.
        models: names of the models to list, in order; what the ground truth says of others is not used.
        views: views joined into a model token.
        relations: file of the relations of these models to data sets; None: lists have none.
    """

    dataset_tokens: Path
    model_tokens: Path
    ground_truth: Path
    models: tuple[str, ...]
    views: tuple[str, ...]
    relations: Path | None = None


class CombinedSimilarityDataset(Dataset):
    """One item per draw of a data set and regime.

    Args:
        dataset_tokens: draws of dataset tokens.
        model_embeddings: tokens of all models.
        truth: measured accuracies of the same models in the same order.
        regimes: which regimes to list.
        datasets: keep these data sets only; all without it.
        relations: relations ``(N, R)`` of the same models by regime and data set; none without it.

    Raises:
        ArtifactError: the models differ, or a data set was not measured or has no relations.
    """

    def __init__(
        self,
        dataset_tokens: DatasetTokenDataset,
        model_embeddings: ModelEmbeddingDataset,
        truth: GroundTruth,
        regimes: tuple[str, ...] = REGIMES,
        datasets: tuple[str, ...] | None = None,
        relations: RelationTables | None = None,
    ) -> None:
        if list(truth.models) != model_embeddings.names:
            raise ArtifactError("ground truth and model tokens list different models, or in another order")
        self.dataset_tokens = dataset_tokens
        self.model_embeddings = model_embeddings
        self.truth = truth
        names = [tokens.name for tokens, _, _ in dataset_tokens.items]
        kept = [index for index, name in enumerate(names) if datasets is None or name in datasets]
        unknown = {names[index] for index in kept} - set(truth.datasets)
        if unknown:
            raise ArtifactError(f"data set {min(unknown)!r} has tokens but no ground truth")
        self.items = [(index, regime) for index in kept for regime in regimes]
        if not self.items:
            raise ArtifactError("no list to rank: no dataset tokens in the splits asked for")
        self.relations = relations
        listed = {(regime, names[index]) for index, regime in self.items}
        missing = set() if relations is None else listed - set(relations)
        if missing:
            raise ArtifactError(f"data set {min(missing)[1]!r} has tokens but no relations")
        self._true = {pair: (scores, true_ranks(scores)) for pair in listed for scores in [truth.row(*pair)]}

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> dict:
        """``dataset_tokens (M, E)``, ``relations (N, R)`` (R may be 0), ``true_scores (N,)``, ``true_ranks (N,)``.

        And ``regime``, ``dataset_name`` and ``dataset_split``.
        """
        token_index, regime = self.items[index]
        draw = self.dataset_tokens[token_index]
        scores, ranks = self._true[regime, draw["name"]]
        none = np.zeros((len(scores), 0), np.float32)
        return {
            "dataset_tokens": draw["features"],
            "relations": none if self.relations is None else self.relations[regime, draw["name"]],
            "true_scores": scores,
            "true_ranks": ranks,
            "regime": regime,
            "dataset_name": draw["name"],
            "dataset_split": draw["split"],
        }

    def collate(self, items: list[dict]) -> dict:
        """Join items into a batch; dataset tokens are padded with zeros and masked.

        Returns:
            ``dataset_tokens (B, M, E)``, ``dataset_mask (B, M)`` (True = real), ``model_tokens (B, N, D)``,
            ``relations (B, N, R)``, ``model_indices (B, N)``, ``model_names`` (B lists of N), ``true_ranks (B, N)``
            (1 = best, ties share the mean, 0 = not measured), ``true_scores (B, N)`` (NaN = not measured), ``regime``,
            ``dataset_names``, ``dataset_splits`` (lists of B) and ``batch_size``.
        """
        count = len(items)
        tokens, mask = pad_tokens([item["dataset_tokens"] for item in items])
        names = self.model_embeddings.names
        models = torch.from_numpy(self.model_embeddings.vectors)
        return {
            "dataset_tokens": tokens,
            "dataset_mask": mask,
            "model_tokens": models.expand(count, *models.shape),
            "relations": torch.from_numpy(np.stack([item["relations"] for item in items])),
            "model_indices": torch.arange(len(names)).expand(count, len(names)),
            "model_names": [list(names) for _ in items],
            "true_ranks": torch.from_numpy(np.stack([item["true_ranks"] for item in items])).float(),
            "true_scores": torch.from_numpy(np.stack([item["true_scores"] for item in items])).float(),
            "regime": [item["regime"] for item in items],
            "dataset_names": [item["dataset_name"] for item in items],
            "dataset_splits": [item["dataset_split"] for item in items],
            "batch_size": count,
        }


def true_ranks(scores: np.ndarray) -> np.ndarray:
    """Rank of each model ``(N,)``: 1 = best, ties share the mean rank, 0 = not measured (NaN)."""
    ranks = np.zeros(len(scores))
    measured = ~np.isnan(scores)
    ranks[measured] = rankdata(-scores[measured])
    return ranks


def default_sources(config: ConfigParser | None = None) -> TokenSources:
    """The project's own files: its dataset tokens, model tokens and ground truth, for the known models.

    Args:
        config: the configuration; the nearest ``config.ini`` without it.
    """
    config = config or ConfigParser()
    paths = config.get(PathsConfig)
    roles = read_splits(paths.splits)
    models = [snapshot.name for snapshot in read_zoo(paths.zoo) if roles.model_role(snapshot.card) in KNOWN]
    return TokenSources(
        paths.dataset_tokens / kind_of_shots(config.get(DatasetTokenConfig).shots),
        find_recommender(paths) / MODEL_TOKENS,
        paths.ground_truth,
        tuple(models),
        tuple(config.get(RankerConfig).views),
        find_recommender(paths) / RELATIONS_NAME,
    )


def build_combined_similarity_loader(
    sources: TokenSources | None = None,
    splits: tuple[str, ...] = ("train",),
    regimes: tuple[str, ...] = REGIMES,
    datasets: tuple[str, ...] | None = None,
    batch_size: int = 16,
    shuffle: bool = False,
    seed: int = 0,
) -> DataLoader:
    """Loader of lists to rank; keys of a batch as in :meth:`CombinedSimilarityDataset.collate`.

    Args:
        sources: where tokens and ground truth lie; the project's own files without it.
        splits: split folders of the dataset tokens.
        regimes: regimes to list.
        datasets: keep these data sets only.
        batch_size: lists per batch.
        shuffle: draw the lists in random order, from a generator of its own.
        seed: seed of that generator.
    """
    sources = sources or default_sources()
    tables = None if sources.relations is None else read_relation_tables(sources.relations, sources.models)[0]
    dataset = CombinedSimilarityDataset(
        DatasetTokenDataset(sources.dataset_tokens, splits),
        ModelEmbeddingDataset(sources.model_tokens, list(sources.models), sources.views),
        read_ground_truth(sources.ground_truth).only(sources.models),
        regimes,
        datasets,
        tables,
    )
    generator = torch.Generator().manual_seed(seed)
    return DataLoader(dataset, batch_size, shuffle=shuffle, collate_fn=dataset.collate, generator=generator)
