"""A similarity model: attention over the model tokens given the data set, and a probability per model.

Shapes: B lists, N models, M dataset tokens, D = model features, E = dataset features, W = width.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ptmrec.model.ranking_transformer import RankingCrossAttentionTransformer, Regime


class CustomSimilarityTransformer(RankingCrossAttentionTransformer):
    """Self-attention over all candidates after each has read the data set, as Model Spider's tokens do.

    A model's probability depends on which others are listed, which a list without them does not tell:
    it is kept as a rival of :class:`RankingCrossAttentionTransformer`, whose inputs it shares.
    """

    def __init__(self, view_dims: Mapping[str, int], *, width: int = 64, heads: int = 4, **kwargs) -> None:
        super().__init__(view_dims, width=width, heads=heads, **kwargs)
        dropout = self.layers[0].attention.dropout
        self.candidates = nn.TransformerEncoderLayer(
            width, heads, 2 * width, dropout, activation="gelu", batch_first=True, norm_first=True
        )

    def _relate(self, models: Tensor) -> Tensor:
        """Models ``(B, N, W)`` after looking at each other."""
        return self.candidates(models)

    def probabilities(
        self,
        model_tokens: Tensor,
        dataset_tokens: Tensor,
        regime: Regime = None,
        dataset_mask: Tensor | None = None,
    ) -> Tensor:
        """Probability ``(B, N)`` that each model is the best of its list; arguments as in ``forward``."""
        return torch.softmax(self(model_tokens, dataset_tokens, regime, dataset_mask), dim=1)
