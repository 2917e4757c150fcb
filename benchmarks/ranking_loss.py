"""The listwise loss against a loop over positions."""

import torch
from torch import Tensor

from benchmarks.timing import Row, compare, take_turns
from ptmrec.loss.ranking_loss import ranking_loss

LISTS, MODELS = 16, 1000


def by_loop(scores: Tensor, ranks: Tensor) -> Tensor:
    """ListMLE as its definition reads: at each position the log-probability of what stands there."""
    losses = []
    for own, order in zip(scores, ranks.argsort(dim=1), strict=True):
        ordered = own[order]
        terms = [ordered[place:].logsumexp(dim=0) - ordered[place] for place in range(len(ordered))]
        losses.append(torch.stack(terms).mean())
    return torch.stack(losses).mean()


def _with_gradient(loss, scores: Tensor, ranks: Tensor) -> tuple[Tensor, Tensor]:
    leaf = scores.clone().requires_grad_()
    value = loss(leaf, ranks)
    value.backward()
    return value.detach(), leaf.grad


def run() -> list[Row]:
    """Time of value and gradient, and how far both are apart."""
    torch.manual_seed(0)
    scores = torch.randn(LISTS, MODELS)
    ranks = torch.stack([torch.randperm(MODELS) + 1.0 for _ in range(LISTS)])
    (value, gradient), (slow, slow_gradient) = (_with_gradient(f, scores, ranks) for f in (ranking_loss, by_loop))
    apart = max(float((value - slow).abs()), float((gradient - slow_gradient).abs().max()))
    ways = {
        "ours": lambda: _with_gradient(ranking_loss, scores, ranks),
        "loop over positions": lambda: _with_gradient(by_loop, scores, ranks),
    }
    work = f"ranking loss and gradient, {LISTS} x {MODELS}"
    rows = compare(work, take_turns(ways, 5), "ours", {"loop over positions": 1 / 20})
    rows.append(Row("its value and gradient", "loop over positions", apart, 1e-5, *[apart / 1e-5] * 3, 1.0, ""))
    return rows
