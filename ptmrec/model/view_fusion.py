"""Fusing the views of a model into one token, with views that may be missing or hidden.

Shapes: B lists, N models, D = sum of the views' lengths, W = width.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

IDENTITY_VIEWS = frozenset({"embedding", "card"})
"""Views that tell who a model is; always on, they let a network memorise who is good."""


class ViewFusion(nn.Module):
    """Projects each view to a common width and averages those that are there.

    A missing view is NaN in the input. In training, views are hidden at random, identity views more often,
    the same ones for a whole list: a ranker then learns to use what a model has learned as well as what it
    is, and works without the views a new model cannot offer.

    Args:
        view_dims: length of each view, in the order in which they are joined in the input.
        width: W.
        view_dropout: chance to hide a view.
        identity_dropout: chance to hide the identity views together.
    """

    def __init__(
        self,
        view_dims: Mapping[str, int],
        width: int,
        view_dropout: float = 0.0,
        identity_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.view_dims = dict(view_dims)
        self.view_dropout = view_dropout
        self.identity_dropout = identity_dropout
        self.projections = nn.ModuleDict({name: nn.Linear(dim, width) for name, dim in view_dims.items()})
        self.norm = nn.LayerNorm(width)
        for name, dim in view_dims.items():
            self.register_buffer(f"{name}_mean", torch.zeros(dim))
            self.register_buffer(f"{name}_scale", torch.ones(()))

    def fit_scaling(self, model_tokens: Tensor) -> None:
        """Take mean and overall spread of each view from model tokens ``(n, D)``; missing ones are left out."""
        for name, part in self._split(model_tokens).items():
            present = part[~torch.isnan(part).any(dim=-1)]
            if len(present) > 1:
                getattr(self, f"{name}_mean").copy_(present.mean(dim=0))
                getattr(self, f"{name}_scale").copy_(present.std(dim=0).square().mean().sqrt().clamp(min=1e-6))

    def forward(self, model_tokens: Tensor) -> Tensor:
        """Fused tokens ``(B, N, W)`` of joined views ``(B, N, D)``, NaN where a view is missing."""
        total, count = 0.0, 0.0
        hidden = self._hidden(len(model_tokens), model_tokens.device)
        for name, part in self._split(model_tokens).items():
            present = ~torch.isnan(part).any(dim=-1, keepdim=True) & ~hidden[name]
            scaled = (part - getattr(self, f"{name}_mean")) / getattr(self, f"{name}_scale")
            projected = self.projections[name](torch.nan_to_num(scaled) / scaled.shape[-1] ** 0.5)
            total = total + projected * present
            count = count + present.float()
        return self.norm(total / count.clamp(min=1.0))

    def _split(self, model_tokens: Tensor) -> dict[str, Tensor]:
        wanted = sum(self.view_dims.values())
        if model_tokens.shape[-1] != wanted:
            raise ValueError(f"model_tokens have {model_tokens.shape[-1]} features, the views need {wanted}")
        parts = model_tokens.split(list(self.view_dims.values()), dim=-1)
        return dict(zip(self.view_dims, parts, strict=True))

    def _hidden(self, lists: int, device: torch.device) -> dict[str, Tensor]:
        """Which views to hide, ``(B, 1, 1)`` bool each; never all of them in a list."""
        if not self.training:
            return {name: torch.zeros(lists, 1, 1, dtype=torch.bool, device=device) for name in self.view_dims}
        identity = torch.rand(lists, 1, 1, device=device) < self.identity_dropout
        hidden = {}
        for name in self.view_dims:
            chance = torch.rand(lists, 1, 1, device=device) < self.view_dropout
            hidden[name] = chance | identity if name in IDENTITY_VIEWS else chance
        everything = torch.stack(list(hidden.values())).all(dim=0)
        return {name: value & ~everything for name, value in hidden.items()}
