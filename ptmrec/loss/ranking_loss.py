"""Ranking losses over lists of models: Plackett-Luce listwise, and pairwise.

Shapes: B lists, N models per list.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ptmrec.core.errors import ConfigError

REDUCTIONS = ("mean", "sum", "none")

LossFunction = Callable[..., Tensor]
LOSSES: dict[str, LossFunction] = {}
"""Every ranking loss by the name that ``[ranker] loss`` gives it."""


def register_loss(name: str) -> Callable[[LossFunction], LossFunction]:
    """Decorator: make a function with the arguments of :func:`ranking_loss` known under a name."""

    def register(function: LossFunction) -> LossFunction:
        LOSSES[name] = function
        return function

    return register


@register_loss("listwise")
def ranking_loss(
    scores: Tensor,
    true_ranks: Tensor,
    mask: Tensor | None = None,
    temperature: float = 1.0,
    reduction: str = "mean",
) -> Tensor:
    """Negative log-likelihood of the true order under the Plackett-Luce model (ListMLE, Xia et al., 2008).

    With models sorted best first, each contributes ``logsumexp`` over itself and all worse ones minus its own
    score. Ties take Breslow's form: every member of a group of equals is compared with the whole group and
    all worse ones, so their order does not matter. Divided by the number of measured models, so that lists
    of different length weigh alike.

    Args:
        scores: ``(B, N)`` float, larger is better.
        true_ranks: ``(B, N)``, 1 = best, ties share a rank, 0 = not measured.
        mask: ``(B, N)`` bool, True = counts; entries not measured never count.
        temperature: scores are divided by it; positive.
        reduction: ``mean`` or ``sum`` over lists, or ``none`` for ``(B,)``.

    Returns:
        The loss; a list with fewer than two measured models gives 0. Entries that do not count get no gradient.

    Raises:
        ValueError: shapes differ, what is given as ranks are none, the temperature is not positive, or an
            unknown reduction.
    """
    valid = _valid(scores, true_ranks, mask, temperature)
    ranks = true_ranks.to(scores.dtype).masked_fill(~valid, torch.inf)
    order = ranks.argsort(dim=1, stable=True)
    ranks, kept = ranks.gather(1, order), valid.gather(1, order)
    sorted_scores = (scores.masked_fill(~valid, 0.0) / temperature).gather(1, order)
    lowest = torch.finfo(scores.dtype).min
    tails = sorted_scores.masked_fill(~kept, lowest).flip(1).logcumsumexp(dim=1).flip(1)
    # The first member of a group of equals sees the whole group: all members take its denominator.
    first = torch.searchsorted(ranks, ranks, side="left")
    terms = (tails.gather(1, first) - sorted_scores).masked_fill(~kept, 0.0)
    return _reduce(terms.sum(dim=1), kept.sum(dim=1), reduction)


@register_loss("pairwise")
def pairwise_ranking_loss(
    scores: Tensor,
    true_ranks: Tensor,
    mask: Tensor | None = None,
    temperature: float = 1.0,
    reduction: str = "mean",
) -> Tensor:
    """Mean logistic loss over all pairs whose true order is known (RankNet, Burges et al., 2005).

    Arguments, result and errors as in :func:`ranking_loss`.
    """
    valid = _valid(scores, true_ranks, mask, temperature)
    clean = scores.masked_fill(~valid, 0.0) / temperature
    better = (true_ranks[:, :, None] < true_ranks[:, None, :]) & valid[:, :, None] & valid[:, None, :]
    losses = F.softplus(clean[:, None, :] - clean[:, :, None])
    count = better.sum(dim=(1, 2))
    total = losses.masked_fill(~better, 0.0).sum(dim=(1, 2))
    return _reduce(total, count, reduction, least=1)


def _valid(scores: Tensor, true_ranks: Tensor, mask: Tensor | None, temperature: float) -> Tensor:
    if not temperature > 0:
        raise ValueError(f"temperature must be positive, got {temperature}")
    for name, tensor in (("true_ranks", true_ranks), ("mask", mask)):
        if tensor is not None and tensor.shape != scores.shape:
            raise ValueError(f"{name} has shape {tuple(tensor.shape)}, expected that of scores {tuple(scores.shape)}")
    if scores.ndim != 2:
        raise ValueError(f"scores has shape {tuple(scores.shape)}, expected (lists, models)")
    wrong = ~((true_ranks >= 1) | (true_ranks == 0))  # NaN is wrong, too
    if wrong.any():
        raise ValueError(
            f"true_ranks must be ranks: 1 = best, 0 = not measured; got {true_ranks[wrong][0].item():g}"
            " (accuracies become ranks by ptmrec.dataloader.true_ranks)"
        )
    valid = true_ranks > 0
    return valid if mask is None else valid & mask.bool()


def _reduce(totals: Tensor, counts: Tensor, reduction: str, least: int = 2) -> Tensor:
    losses = torch.where(counts >= least, totals / counts.clamp(min=1), torch.zeros_like(totals))
    if reduction not in REDUCTIONS:
        raise ValueError(f"reduction {reduction!r} is not one of {', '.join(REDUCTIONS)}")
    return losses if reduction == "none" else getattr(losses, reduction)()


def temperature_at(fraction: float, start: float = 3.0, end: float = 1.0) -> float:
    """Temperature after a fraction (0 to 1) of the training, on a geometric path from ``start`` to ``end``."""
    if start <= 0 or end <= 0:
        raise ValueError(f"temperatures must be positive, got {start} and {end}")
    return start * (end / start) ** min(max(fraction, 0.0), 1.0)


class RankingLoss(nn.Module):
    """A ranking loss with an annealed temperature: soft lists first, sharp ones at the end.

    Args:
        kind: name out of :data:`LOSSES`: ``listwise`` (:func:`ranking_loss`), ``pairwise``
            (:func:`pairwise_ranking_loss`), or a registered one.
        temperature_start: temperature at the start of the training.
        temperature_end: temperature at its end.

    Raises:
        ConfigError: unknown kind.
        ValueError: a temperature that is not positive.
    """

    def __init__(self, kind: str = "listwise", temperature_start: float = 3.0, temperature_end: float = 1.0) -> None:
        super().__init__()
        if kind not in LOSSES:
            raise ConfigError(f"ranking loss {kind!r} is not one of {', '.join(LOSSES)}")
        self.kind = kind
        self.temperature_start = temperature_start
        self.temperature_end = temperature_end
        self.set_progress(0.0)

    def set_progress(self, fraction: float) -> None:
        """Say which fraction (0 to 1) of the training is done."""
        self.temperature = temperature_at(fraction, self.temperature_start, self.temperature_end)

    def forward(self, scores: Tensor, true_ranks: Tensor, mask: Tensor | None = None) -> Tensor:
        """Mean loss over the lists; arguments as in :func:`ranking_loss`."""
        return LOSSES[self.kind](scores, true_ranks, mask, self.temperature)
