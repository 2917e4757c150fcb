from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from experiments.evaluation.statistics import paired_bootstrap
from experiments.studies.passes import (
    HALVING,
    LOGME,
    MEAN_RANK,
    RANDOM,
    VERIFIED,
    PassTarget,
    compare_passes,
    halve,
    summarise_passes,
)
from ptmrec.evaluation.metrics import top1_regret, weighted_tau

COUNT = 24
SHARES = np.array([0.2, 0.4, 1.0])


def make_target(regime="low_data", name="birds", noise=0.0, seed=0):
    """What running a candidate reveals is its accuracy, blurred when few images are run."""
    generator = np.random.default_rng(seed)
    truth = generator.permutation(np.linspace(0.2, 0.9, COUNT))
    prior, mean_rank = (truth + generator.normal(size=COUNT) * blur for blur in (0.2, 0.3))
    rounds = truth + generator.normal(size=(3, COUNT)) * noise * np.array([[2.0], [1.0], [0.0]])

    def update(revealed):
        return np.where(np.isnan(revealed), prior, revealed)

    orders = np.stack([np.random.default_rng([0, draw]).permutation(COUNT) for draw in range(20)])
    parts = (truth, prior, mean_rank, truth.copy(), truth**3, SHARES, rounds, np.full(COUNT, 0.5), update, orders)
    return PassTarget(regime, name, *parts)


@pytest.fixture(scope="module")
def frame():
    return compare_passes([make_target(), make_target("fine_tuning", seed=1)], (0, 1, 4, 8, 99))


def value(frame: pd.DataFrame, method: str, k: int, column: str = "regret1", regime: str = "low_data") -> float:
    rows = frame[(frame["method"] == method) & (frame["k"] == k) & (frame["regime"] == regime)]
    return rows[column].item()


def test_every_method_gets_every_number_of_passes_and_all_come_last(frame):
    assert list(frame) == ["regime", "target", "k", "all", "method", "tau_w", "regret1", "seconds"]
    for method in (VERIFIED, MEAN_RANK, RANDOM, HALVING):
        assert frame[(frame["method"] == method) & (frame["regime"] == "low_data")]["k"].tolist() == [0, 1, 4, 8, COUNT]
    assert frame[frame["method"] == LOGME]["k"].unique().tolist() == [COUNT]
    assert not frame.isna().any(axis=None)


def test_without_a_pass_only_the_prior_speaks(frame):
    target = make_target()
    assert value(frame, VERIFIED, 0) == top1_regret(target.truth, target.prior)
    assert value(frame, MEAN_RANK, 0, "tau_w") == pytest.approx(weighted_tau(target.truth, target.mean_rank))
    for method in (RANDOM, HALVING):
        assert value(frame, method, 0) == pytest.approx(100 * (target.truth.max() - target.truth.mean()))
        assert value(frame, method, 0, "tau_w") == 0
    assert frame[frame["k"] == 0]["seconds"].eq(0).all()


def test_running_all_finds_the_best_when_what_is_revealed_is_the_truth(frame):
    at_end = frame[frame["k"] == COUNT]
    np.testing.assert_allclose(at_end["regret1"], 0, atol=1e-12)
    np.testing.assert_allclose(at_end[at_end["method"] != HALVING]["tau_w"], 1)
    np.testing.assert_allclose(at_end[at_end["method"] != HALVING]["seconds"], 12)


def test_the_first_of_a_ranking_are_those_that_are_run(frame):
    target = make_target()
    first = np.argsort(-target.mean_rank)[:4]
    assert value(frame, MEAN_RANK, 4) == pytest.approx(100 * (target.truth.max() - target.truth[first].max()))
    assert value(frame, VERIFIED, 4, "seconds") == value(frame, RANDOM, 4, "seconds") == 2


def test_a_random_order_is_the_mean_over_orders(frame):
    expected = [np.random.default_rng([0, draw]).permutation(COUNT)[:8] for draw in range(20)]
    truth = make_target().truth
    regret = np.mean([100 * (truth.max() - truth[run].max()) for run in expected])
    assert value(frame, RANDOM, 8) == pytest.approx(regret)


@pytest.mark.parametrize("k", [1, 3, 8, COUNT])
def test_halving_stays_within_its_passes_and_keeps_the_better_half(k):
    target, order = make_target(noise=0.2), np.arange(COUNT)[::-1]
    scores, seconds = halve(order, target, k)
    assert seconds / 0.5 <= k + 1e-9
    started = order[: (scores >= 0).sum()]
    assert (scores[started] >= 0).all()
    alive, cost = list(started), 0.0
    for stage, fresh in enumerate((0.2, 0.2, 0.6)):
        cost += fresh * len(alive)
        alive.sort(key=lambda m, stage=stage: -target.rounds[stage, m])
        if stage < 2:
            alive = alive[: -(-len(alive) // 2)]
    assert cost == pytest.approx(seconds / 0.5)
    assert np.argmax(scores) == alive[0]
    assert set(np.flatnonzero(scores >= 2)) == set(alive)


def test_where_few_were_run_no_more_are_asked_for():
    target = make_target("fine_tuning")
    orders = (np.argsort(-target.prior), np.argsort(-target.mean_rank), target.random[0])
    run = np.concatenate([order[:8] for order in orders])
    revealed = np.full(COUNT, np.nan)
    revealed[run] = target.truth[run]
    few = replace(target, revealed=revealed, random=target.random[:1])
    frame = compare_passes([few], (0, 3, 99))
    assert set(frame["k"]) == {0, 3, 8} and not frame["all"].any()
    assert set(frame["method"]) == {VERIFIED, MEAN_RANK, RANDOM}
    best = np.argsort(-target.mean_rank)[:8]
    assert value(frame, MEAN_RANK, 8, regime="fine_tuning") == pytest.approx(
        100 * (target.truth.max() - target.truth[best].max())
    )
    assert set(summarise_passes(frame, draws=50)["k"]) == {0, 3, 8}


def test_means_have_intervals_and_are_paired_with_ours():
    whole = compare_passes([make_target(name=name, seed=seed) for seed, name in enumerate("abcde")], (0, 4))
    table = summarise_passes(whole, draws=500).set_index(["regime", "method", "k"])
    part = whole[whole["k"] == 4].pivot(index="target", columns="method", values="regret1")
    row, found = table.loc["low_data", MEAN_RANK, 4], paired_bootstrap(part[MEAN_RANK], part[VERIFIED], 500)
    assert (row["more"], row["more_low"], row["more_high"]) == pytest.approx(found)
    assert row["regret1"] == pytest.approx(part[MEAN_RANK].mean())
    assert row["regret1_low"] <= row["regret1"] <= row["regret1_high"]
    assert table.loc["low_data", VERIFIED, 4]["more_high"] == 0
    assert set(table.index.get_level_values("k")) == {0, 4, COUNT}
