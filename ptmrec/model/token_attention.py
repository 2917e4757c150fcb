"""Learned model tokens and data set tokens in one self-attention block, after Model Spider (Zhang et al., 2023).

Shapes: B lists, N models, M tokens of a data set, E = their length, W = width, R = regimes.
"""

import torch
from torch import Tensor, nn


class TokenAttention(nn.Module):
    """Scores of models that are known by nothing but a token of their own, learned from their measurements.

    Args:
        models: number of models N.
        dataset_dim: length E of a data set's tokens.
        regimes: number of scores R of each model.
        width: length of the tokens inside.
        heads: attention heads.
        dropout: in the block.
    """

    def __init__(
        self, models: int, dataset_dim: int, regimes: int, width: int = 32, heads: int = 2, dropout: float = 0.1
    ) -> None:
        super().__init__()
        self.models = nn.Parameter(0.1 * torch.randn(models, width))
        self.dataset = nn.Sequential(nn.LayerNorm(dataset_dim), nn.Linear(dataset_dim, width))
        self.block = nn.TransformerEncoderLayer(
            width, heads, 2 * width, dropout, activation="gelu", batch_first=True, norm_first=True
        )
        self.head = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, regimes))

    def forward(self, tokens: Tensor, mask: Tensor | None = None) -> Tensor:
        """Scores ``(B, N, R)`` of all models on data sets.

        Args:
            tokens: ``(B, M, E)``.
            mask: ``(B, M)`` bool, True = there; all without it.
        """
        count, models = tokens.shape[1], self.models.expand(len(tokens), -1, -1)
        hidden = None
        if mask is not None:
            hidden = torch.cat([~mask, mask.new_zeros(models.shape[:2])], dim=1)
        joint = torch.cat([self.dataset(tokens), models], dim=1)
        return self.head(self.block(joint, src_key_padding_mask=hidden)[:, count:])
