import math

import numpy as np
import pytest
import torch

from ptmrec.core.errors import ConfigError
from ptmrec.dataloader import true_ranks
from ptmrec.loss.ranking_loss import (
    LOSSES,
    RankingLoss,
    pairwise_ranking_loss,
    ranking_loss,
    register_loss,
    temperature_at,
)

NAN = float("nan")


def brute_force_listwise(scores, truth, temperature=1.0):
    """Plackett-Luce with Breslow ties, one model at a time."""
    kept = [(s / temperature, t) for s, t in zip(scores, truth, strict=True) if not math.isnan(t)]
    if len(kept) < 2:
        return 0.0
    terms = [math.log(sum(math.exp(s) for s, other in kept if other <= t)) - own for own, t in kept]
    return sum(terms) / len(kept)


def brute_force_pairwise(scores, truth, temperature=1.0):
    losses = [
        math.log1p(math.exp(-(a - b) / temperature))
        for a, s in zip(scores, truth, strict=True)
        for b, t in zip(scores, truth, strict=True)
        if s > t
    ]
    return sum(losses) / len(losses) if losses else 0.0


def ranks_of(truth):
    """Ranks ``(B, N)`` of accuracies: 1 = best, ties share the mean, 0 = not measured."""
    return torch.from_numpy(np.stack([true_ranks(row) for row in np.asarray(truth, dtype=np.float64)]))


LISTS = [
    [0.9, 0.2, 0.5, 0.7],
    [0.5, 0.5, 0.5, 0.1],
    [0.3, NAN, 0.3, 0.8],
    [0.5, 0.5, 0.5, 0.5],
    [0.3, NAN, NAN, 0.8],
    [NAN, NAN, 0.4, NAN],
    [NAN, NAN, NAN, NAN],
]


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
@pytest.mark.parametrize(
    ("loss", "reference"), [(ranking_loss, brute_force_listwise), (pairwise_ranking_loss, brute_force_pairwise)]
)
def test_against_brute_force(loss, reference, temperature):
    scores = torch.randn(len(LISTS), 4, dtype=torch.float64)
    expected = [reference(s, t, temperature) for s, t in zip(scores.tolist(), LISTS, strict=True)]
    truth = ranks_of(LISTS)
    got = loss(scores, truth, temperature=temperature, reduction="none")
    torch.testing.assert_close(got, torch.tensor(expected, dtype=torch.float64))
    assert loss(scores, truth, temperature=temperature).item() == pytest.approx(sum(expected) / len(expected))
    assert loss(scores, truth, temperature=temperature, reduction="sum").item() == pytest.approx(sum(expected))


@pytest.mark.parametrize("loss", [ranking_loss, pairwise_ranking_loss])
def test_a_mask_counts_like_a_missing_measurement(loss):
    scores, ranks = torch.randn(3, 6), ranks_of(torch.rand(3, 6))
    mask = torch.rand(3, 6) > 0.3
    torch.testing.assert_close(loss(scores, ranks, mask), loss(scores, ranks.masked_fill(~mask, 0.0)))


@pytest.mark.parametrize("loss", [ranking_loss, pairwise_ranking_loss])
def test_order_of_models_does_not_matter(loss):
    scores, truth = torch.randn(2, 9, dtype=torch.float64), ranks_of(torch.randint(0, 4, (2, 9)))
    order = torch.randperm(9)
    torch.testing.assert_close(loss(scores, truth), loss(scores[:, order], truth[:, order]))


@pytest.mark.parametrize("loss", [ranking_loss, pairwise_ranking_loss])
@pytest.mark.parametrize("size", [1.0, 1e4])
def test_gradients_are_finite_and_zero_where_nothing_was_measured(loss, size):
    scores = (size * torch.randn(len(LISTS), 4)).requires_grad_()
    ranks = ranks_of(LISTS)
    loss(scores, ranks).backward()
    assert torch.isfinite(scores.grad).all()
    assert (scores.grad[ranks == 0] == 0).all()


@pytest.mark.parametrize("loss", [ranking_loss, pairwise_ranking_loss])
def test_gradients_match_finite_differences(loss):
    scores = torch.randn(4, 4, dtype=torch.float64, requires_grad=True)
    ranks = ranks_of(LISTS[:4])
    assert torch.autograd.gradcheck(lambda s: loss(s, ranks, temperature=2.0), scores)


@pytest.mark.parametrize("loss", [ranking_loss, pairwise_ranking_loss])
def test_the_true_order_costs_less_than_its_reverse(loss):
    truth = torch.rand(1, 8)
    ranks = ranks_of(truth)
    assert loss(5 * truth, ranks) < loss(truth, ranks) < loss(-5 * truth, ranks)


@pytest.mark.parametrize("loss", [ranking_loss, pairwise_ranking_loss])
@pytest.mark.parametrize("wrong", [0.35, -1.0, NAN])
def test_accuracies_given_as_ranks_are_refused(loss, wrong):
    with pytest.raises(ValueError, match="1 = best, 0 = not measured; got"):
        loss(torch.zeros(1, 3), torch.tensor([[1.0, wrong, 2.0]]))


def test_errors_name_what_was_expected():
    with pytest.raises(ValueError, match=r"true_ranks has shape \(2, 3\), expected that of scores \(2, 4\)"):
        ranking_loss(torch.zeros(2, 4), torch.zeros(2, 3))
    with pytest.raises(ValueError, match=r"scores has shape \(4,\), expected \(lists, models\)"):
        ranking_loss(torch.zeros(4), torch.zeros(4))
    with pytest.raises(ValueError, match="temperature must be positive"):
        pairwise_ranking_loss(torch.zeros(2, 4), torch.zeros(2, 4), temperature=0.0)
    with pytest.raises(ValueError, match="reduction 'max'"):
        ranking_loss(torch.zeros(2, 4), torch.zeros(2, 4), reduction="max")
    with pytest.raises(ConfigError, match="listwise, pairwise"):
        RankingLoss("pointwise")
    with pytest.raises(ValueError, match="positive"):
        RankingLoss(temperature_end=0.0)


def test_whole_numbers_as_ranks():
    scores, ranks = torch.randn(2, 5), torch.tensor([[5, 1, 2, 3, 3], [1, 2, 3, 4, 0]])
    torch.testing.assert_close(ranking_loss(scores, ranks), ranking_loss(scores, ranks.float()))


def test_temperature_goes_from_start_to_end():
    values = [temperature_at(fraction, 3.0, 1.0) for fraction in (0.0, 0.5, 1.0, 2.0)]
    assert values == pytest.approx([3.0, math.sqrt(3.0), 1.0, 1.0])
    assert values[:3] == [temperature_at(fraction) for fraction in (0.0, 0.5, 1.0)], "what is not given"
    loss = RankingLoss("listwise", 3.0, 1.0)
    scores, truth = torch.randn(2, 5), ranks_of(torch.rand(2, 5))
    assert loss(scores, truth) == ranking_loss(scores, truth, temperature=3.0)
    loss.set_progress(1.0)
    assert loss(scores, truth) == ranking_loss(scores, truth, temperature=1.0)


def test_a_registered_loss_is_built_by_its_name():
    @register_loss("flat")
    def flat(scores, true_ranks, mask, temperature):
        return scores.sum() * 0 + temperature

    try:
        assert RankingLoss("flat", 3.0)(torch.randn(1, 2), torch.tensor([[1.0, 2.0]])) == 3.0
    finally:
        del LOSSES["flat"]
