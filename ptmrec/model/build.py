"""Models from their configuration sections."""

import numpy as np
import torch

from ptmrec.config.sections import AutoEncoderConfig, RankerConfig
from ptmrec.core.errors import ConfigError
from ptmrec.model.custom_similarity_transformer import CustomSimilarityTransformer
from ptmrec.model.model_encoder import AutoEncoder
from ptmrec.model.ranking_transformer import RankingCrossAttentionTransformer

ARCHITECTURES = {
    "cross_attention": RankingCrossAttentionTransformer,
    "similarity": CustomSimilarityTransformer,
}


def build_autoencoder(config: AutoEncoderConfig, input_dim: int) -> AutoEncoder:
    """The autoencoder a configuration asks for, with fresh weights from its seed."""
    torch.manual_seed(config.seed)
    return AutoEncoder(
        input_dim, config.code_dim, config.hidden, config.activation, config.dropout, config.reconstruction_loss
    )


def build_ranker(
    config: RankerConfig, view_dims: dict[str, int], dataset_dim: int, num_relations: int = 0
) -> RankingCrossAttentionTransformer:
    """The ranker a configuration asks for, with fresh weights from its seed.

    Raises:
        ConfigError: the width is no multiple of the heads.
    """
    if config.width % config.heads:
        raise ConfigError(f"[ranker] width = {config.width} must be a multiple of heads = {config.heads}")
    torch.manual_seed(config.seed)
    return ARCHITECTURES[config.architecture](
        view_dims,
        dataset_dim=dataset_dim,
        width=config.width,
        layers=config.layers,
        heads=config.heads,
        dropout=config.dropout,
        view_dropout=config.view_dropout,
        identity_dropout=config.identity_dropout,
        class_dropout=config.class_dropout,
        num_relations=num_relations,
    )


@torch.inference_mode()
def encode_parameters(model: AutoEncoder, vectors: np.ndarray) -> np.ndarray:
    """Codes ``(n, code_dim)`` float32 of weights vectors ``(n, input_dim)``."""
    return model.eval().encode(torch.from_numpy(vectors)).numpy()
