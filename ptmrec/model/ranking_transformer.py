"""The ranker: a linear part in the relations of each pair, and a correction by cross-attention.

In the correction models are queries, dataset tokens are keys and values. It starts at zero, so that an untrained
ranker is its linear part, which is fitted in closed form (:mod:`ptmrec.relations.linear`).

Shapes: B lists, N models, M dataset tokens, D = model features, E = dataset features, R = relations, W = width.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ptmrec.config.sections import REGIMES
from ptmrec.model.view_fusion import ViewFusion

Regime = str | Sequence[str] | None


class Answer(NamedTuple):
    """What a ranker says, each ``(B, N)``: scores, expected accuracy in 0..1, and its standard deviation."""

    scores: Tensor
    accuracy: Tensor
    spread: Tensor


class CrossAttentionLayer(nn.Module):
    """Pre-norm cross-attention and feed-forward with residual connections."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.norm_queries = nn.LayerNorm(width)
        self.attention = nn.MultiheadAttention(width, heads, dropout, batch_first=True)
        self.norm_feed = nn.LayerNorm(width)
        self.feed = nn.Sequential(
            nn.Linear(width, 2 * width),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(2 * width, width),
            nn.Dropout(dropout),
        )

    def forward(self, models: Tensor, dataset: Tensor, dataset_mask: Tensor | None) -> Tensor:
        """Models ``(B, N, W)`` after reading dataset tokens ``(B, M, W)``; mask ``(B, M)``, True = real."""
        padding = None if dataset_mask is None else ~dataset_mask
        read, _ = self.attention(
            self.norm_queries(models), dataset, dataset, key_padding_mask=padding, need_weights=False
        )
        models = models + read
        return models + self.feed(self.norm_feed(models))


class RankingCrossAttentionTransformer(nn.Module):
    """Scores each model for a data set, whatever other models are listed.

    There is no attention between models, so scores are permutation equivariant and do not depend on the
    other candidates. The ``source`` view lives in the space of the dataset tokens and shares their
    projection, so what a model was trained on can be compared with the target from the start.

    Args:
        view_dims: length of each view of a model, in the order of ``model_tokens``.
        dataset_dim: E.
        width: W; layers, heads: of the transformer.
        dropout: inside the layers.
        view_dropout: see :class:`~ptmrec.model.view_fusion.ViewFusion`; identity_dropout likewise.
        class_dropout: share of dataset tokens dropped in training.
        num_relations: R; 0: there is no linear part.
    """

    def __init__(
        self,
        view_dims: Mapping[str, int],
        dataset_dim: int = 512,
        width: int = 64,
        layers: int = 2,
        heads: int = 4,
        dropout: float = 0.1,
        view_dropout: float = 0.0,
        identity_dropout: float = 0.0,
        class_dropout: float = 0.0,
        num_relations: int = 0,
    ) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"width {width} must be a multiple of heads {heads}")
        self.class_dropout = class_dropout
        self.fusion = ViewFusion(view_dims, width, view_dropout, identity_dropout)
        self.dataset_projection = nn.Linear(dataset_dim, width)
        self.register_buffer("dataset_mean", torch.zeros(dataset_dim))
        self.register_buffer("dataset_scale", torch.ones(()))
        self.shares_projection = view_dims.get("source") == dataset_dim
        if self.shares_projection:
            self.fusion.projections["source"] = self.dataset_projection
        self.dataset_norm = nn.LayerNorm(width)
        self.regimes = nn.Embedding(len(REGIMES), width)
        self.layers = nn.ModuleList(CrossAttentionLayer(width, heads, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.score_head = nn.Linear(width, 1)
        self.accuracy_head = nn.Linear(2 * width, 2)
        self.relation_projection = nn.Linear(num_relations, width) if num_relations else None
        self.register_buffer("linear", torch.zeros(len(REGIMES), num_relations))
        self.sharpness = nn.Parameter(torch.zeros(len(REGIMES)))
        if num_relations:
            nn.init.zeros_(self.score_head.weight)
            nn.init.zeros_(self.score_head.bias)

    def set_linear(self, regime: str, weights: Tensor) -> None:
        """Take the weights ``(R,)`` of the linear part in one regime."""
        self.linear[REGIMES.index(regime)] = weights

    def fit_scaling(self, model_tokens: Tensor, dataset_tokens: Tensor) -> None:
        """Take the scaling of inputs from training models ``(n, D)`` and training dataset tokens ``(k, E)``."""
        self.fusion.fit_scaling(model_tokens)
        self.dataset_mean.copy_(dataset_tokens.mean(dim=0))
        self.dataset_scale.copy_(dataset_tokens.std(dim=0).square().mean().sqrt().clamp(min=1e-6))
        if self.shares_projection:
            self.fusion.source_mean.copy_(self.dataset_mean)
            self.fusion.source_scale.copy_(self.dataset_scale)

    def forward(
        self,
        model_tokens: Tensor,
        dataset_tokens: Tensor,
        regime: Regime = None,
        dataset_mask: Tensor | None = None,
        relations: Tensor | None = None,
    ) -> Tensor:
        """Scores ``(B, N)`` of models, larger is better; arguments and errors as in :meth:`answer`."""
        return self.answer(model_tokens, dataset_tokens, regime, dataset_mask, relations).scores

    def answer(
        self,
        model_tokens: Tensor,
        dataset_tokens: Tensor,
        regime: Regime = None,
        dataset_mask: Tensor | None = None,
        relations: Tensor | None = None,
    ) -> Answer:
        """Scores and expected accuracies of models.

        Args:
            model_tokens: ``(B, N, D)`` float, NaN where a view is missing.
            dataset_tokens: ``(B, M, E)`` float.
            regime: name out of :data:`~ptmrec.config.sections.REGIMES`, one for all lists or B of them; without
                it the mean of all regimes is answered for.
            dataset_mask: ``(B, M)`` bool, True = real token; all are without it.
            relations: ``(B, N, R)`` float; without them the correction alone answers.

        Raises:
            ValueError: unknown regime, or features that do not fit the views.
        """
        shares = self._regime_shares(regime, len(model_tokens))
        models = self.fusion(model_tokens) + (shares @ self.regimes.weight)[:, None]
        if relations is not None and self.relation_projection is not None:
            models = models + self.relation_projection(relations)
        scaled = (dataset_tokens - self.dataset_mean) / self.dataset_scale / dataset_tokens.shape[-1] ** 0.5
        dataset = self.dataset_norm(self.dataset_projection(scaled))
        dataset_mask = self._drop_classes(dataset_mask, dataset)
        for layer in self.layers:
            models = layer(models, dataset, dataset_mask)
        models = self.norm(self._relate(models))
        pooled = _masked_mean(dataset, dataset_mask)[:, None].expand_as(models)
        level, spread = self.accuracy_head(torch.cat([models, pooled], dim=-1)).unbind(dim=-1)
        scores = self.score_head(models).squeeze(-1)
        if relations is not None:
            scores = scores + torch.einsum("bnr,br->bn", relations, shares @ self.linear)
        return Answer(scores, level.sigmoid(), 0.01 + 0.3 * spread.sigmoid())

    def sharpened(self, scores: Tensor, regime: Regime) -> Tensor:
        """Scores ``(B, N)`` as a ranking loss reads them: how sure a regime's scores are is learned beside them."""
        return scores * (self._regime_shares(regime, len(scores)) @ self.sharpness).exp()[:, None]

    def _relate(self, models: Tensor) -> Tensor:
        """Models ``(B, N, W)`` before the heads; here none sees another."""
        return models

    def _regime_shares(self, regime: Regime, lists: int) -> Tensor:
        """How much each regime counts in each list, ``(B, regimes)``: one alone, or all alike."""
        if regime is None:
            return torch.full((lists, len(REGIMES)), 1 / len(REGIMES), device=self.regimes.weight.device)
        regime = [regime] * lists if isinstance(regime, str) else regime
        unknown = sorted(set(regime) - set(REGIMES))
        if unknown:
            raise ValueError(f"unknown regime {unknown[0]!r}; known: {', '.join(REGIMES)}")
        indices = torch.tensor([REGIMES.index(name) for name in regime], device=self.regimes.weight.device)
        return nn.functional.one_hot(indices, len(REGIMES)).to(self.regimes.weight.dtype)

    def _drop_classes(self, mask: Tensor | None, dataset: Tensor) -> Tensor | None:
        """Hide a random share of the real tokens in training; each list keeps at least one."""
        if not (self.training and self.class_dropout):
            return mask
        real = torch.ones(dataset.shape[:2], dtype=torch.bool, device=dataset.device) if mask is None else mask
        draw = torch.rand(real.shape, device=real.device).masked_fill(~real, -1.0)
        kept = real & (draw >= self.class_dropout)
        return kept | (draw == draw.amax(dim=1, keepdim=True)) & real


def _masked_mean(tokens: Tensor, mask: Tensor | None) -> Tensor:
    """Mean ``(B, W)`` of the real tokens ``(B, M, W)``."""
    if mask is None:
        return tokens.mean(dim=1)
    weights = mask.unsqueeze(-1).to(tokens.dtype)
    return (tokens * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=1.0)
