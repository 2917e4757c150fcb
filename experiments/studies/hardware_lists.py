"""Fusion: lists to rank under limits, with a hardware token beside the dataset tokens and costs beside the views.

A limit is a quantile of one cost over the listed models. Models that keep it come first, in the order of their
accuracies; those that break it follow, the nearest to it first.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from ptmrec.dataloader.combined_similarity_dataloader import CombinedSimilarityDataset, true_ranks

COST_VIEW = "cost"
"""Name of the view of a model that holds the logarithms of its costs."""
RANGE = (0.05, 0.95)
"""Quantiles between which limits are drawn."""


@dataclass(frozen=True)
class FusedModels:
    """Model tokens with costs as one more view, as :class:`~ptmrec.dataloader.model_datasets.ModelEmbeddingDataset`.

    Attributes:
        names: of N models.
        vectors: ``(N, D + K)`` float32.
        view_dims: length of each view.
    """

    names: list[str]
    vectors: np.ndarray
    view_dims: dict[str, int]


class HardwareLists(Dataset):
    """The same lists under limits.

    Args:
        lists: lists without limits.
        costs: ``(N, K)`` positive costs of their models.
        seed: of the limits, and of the projection from limits to tokens (which is the same for every seed).
        limit: ``(kind, value)`` for every list; drawn anew at each access without it.
    """

    def __init__(
        self,
        lists: CombinedSimilarityDataset,
        costs: np.ndarray,
        seed: int = 0,
        limit: tuple[int, float] | None = None,
    ) -> None:
        self.lists, self.limit = lists, limit
        logs = np.log(costs)
        self.costs, self._middle, self._spread = logs, logs.mean(axis=0), logs.std(axis=0)
        known = lists.model_embeddings
        vectors = np.concatenate([known.vectors, (logs - self._middle) / self._spread], axis=1).astype(np.float32)
        self.model_embeddings = FusedModels(known.names, vectors, {**known.view_dims, COST_VIEW: costs.shape[1]})
        self._generator = np.random.default_rng(seed)
        width = lists[0]["dataset_tokens"].shape[-1]
        self._projection = np.random.default_rng(0).choice([-1.0, 1.0], (2 * costs.shape[1], width))

    def __len__(self) -> int:
        return len(self.lists)

    def __getitem__(self, index: int) -> dict:
        """Keys of :meth:`CombinedSimilarityDataset.__getitem__`; the last dataset token is that of the hardware."""
        item = dict(self.lists[index])
        kind, value = self.limit or self._draw()
        tokens = item["dataset_tokens"]
        scale = np.sqrt(np.mean(tokens**2))
        token = (scale * self.token(kind, value)).astype(np.float32)
        item["dataset_tokens"] = np.concatenate([tokens, token[None]])
        item["true_ranks"] = ranks_under(item["true_scores"], self.costs[:, kind], np.log(value))
        return item

    def token(self, kind: int, value: float) -> np.ndarray:
        """The token ``(E,)`` of a limit: which cost it is on, and how tight it is."""
        count = len(self._middle)
        code = np.zeros(2 * count)
        code[kind], code[count + kind] = 1.0, (np.log(value) - self._middle[kind]) / self._spread[kind]
        return code @ self._projection / np.sqrt(2)

    def collate(self, items: list[dict]) -> dict:
        """A batch as :meth:`CombinedSimilarityDataset.collate` makes it, with the fused model tokens."""
        batch = self.lists.collate(items)
        models = torch.from_numpy(self.model_embeddings.vectors)
        return {**batch, "model_tokens": models.expand(len(items), *models.shape)}

    def _draw(self) -> tuple[int, float]:
        kind = int(self._generator.integers(self.costs.shape[1]))
        quantile = self._generator.uniform(*RANGE)
        return kind, float(np.exp(np.quantile(self.costs[:, kind], quantile)))


def ranks_under(scores: np.ndarray, cost: np.ndarray, limit: float) -> np.ndarray:
    """Rank ``(N,)`` of each model under a limit: 1 = best, 0 = not measured.

    Args:
        scores: ``(N,)`` accuracies, NaN = not measured.
        cost: ``(N,)`` logarithms of the cost.
        limit: logarithm of what it may be.
    """
    fits = cost <= limit
    return true_ranks(np.where(np.isnan(scores), np.nan, np.where(fits, scores, limit - cost)))


def hardware_loader(lists: HardwareLists, batch_size: int, shuffle: bool = False, seed: int = 0) -> DataLoader:
    """Loader of lists under limits; shuffled from a generator of its own."""
    generator = torch.Generator().manual_seed(seed)
    return DataLoader(lists, batch_size, shuffle=shuffle, collate_fn=lists.collate, generator=generator)
