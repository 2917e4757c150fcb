"""Images, tokens, and lists of models to rank."""

from ptmrec.dataloader.combined_similarity_dataloader import (
    CombinedSimilarityDataset,
    TokenSources,
    build_combined_similarity_loader,
    default_sources,
    true_ranks,
)
from ptmrec.dataloader.dataset_tokens import DatasetTokenDataset
from ptmrec.dataloader.model_datasets import ModelEmbeddingDataset, ModelParameterDataset

__all__ = [
    "CombinedSimilarityDataset",
    "DatasetTokenDataset",
    "ModelEmbeddingDataset",
    "ModelParameterDataset",
    "TokenSources",
    "build_combined_similarity_loader",
    "default_sources",
    "true_ranks",
]
