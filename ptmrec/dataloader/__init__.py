"""Images, tokens, and lists of models to rank.

The names below are looked up when they are asked for: most bring torch, which reading images does not need.
"""

from importlib import import_module
from typing import Any

_HOMES = {
    "CombinedSimilarityDataset": "combined_similarity_dataloader",
    "DatasetTokenDataset": "dataset_tokens",
    "ModelEmbeddingDataset": "model_datasets",
    "ModelParameterDataset": "model_datasets",
    "TokenSources": "combined_similarity_dataloader",
    "build_combined_similarity_loader": "combined_similarity_dataloader",
    "default_sources": "combined_similarity_dataloader",
    "true_ranks": "combined_similarity_dataloader",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
