import numpy as np
import pytest

from ptmrec.relations.odds import (
    EXACT,
    OFFSET,
    OLD,
    accuracy_of,
    chance_of,
    first,
    fit_records,
    log_odds,
    odds_posterior,
)
from ptmrec.relations.posterior import KnownErrors


def make_table(generator, sets=24, models=15, spread=0.3, gaps=0.0):
    """Log-odds that are a level of the data set, one of the model, and chance; as accuracies, with groups of two."""
    odds = generator.normal(0, 1, (sets, 1)) + np.linspace(1, -1, models) + generator.normal(0, spread, (sets, models))
    table = accuracy_of(odds)
    table[generator.random(table.shape) < gaps] = np.nan
    return table, np.arange(sets) // 2


def test_log_odds_are_undone_and_chance_is_the_binomial():
    shares = np.array([0.0, 0.1, 0.5, 1.0])
    np.testing.assert_allclose(accuracy_of(log_odds(shares)), shares, atol=1e-12)
    draws = log_odds(np.random.default_rng(0).binomial(400, 0.7, 20000) / 400)
    assert chance_of(np.array(0.7), 400.0) == pytest.approx(draws.var(), rel=0.05)


@pytest.mark.parametrize("gaps", [0.0, 0.1])
@pytest.mark.parametrize("images", [np.inf, 200])
def test_one_measured_model_repairs_level_and_intervals(gaps, images):
    generator = np.random.default_rng(1)
    table, groups = make_table(generator, sets=60, gaps=gaps)
    posterior, test = fit_records(table, groups), make_table(generator, 60)[0]
    found = {0: [], 1: [], 5: []}
    for row in test:
        for count, rows in found.items():
            measured = np.where(np.arange(len(row)) < count, row, np.nan)
            moved = posterior.answer(measured, images)
            low, high = moved.interval(0.8)
            rest = slice(count, None)
            rows.append([(high - low)[rest].mean() / 2, ((low <= row) & (row <= high))[rest].mean()])
            np.testing.assert_allclose(moved.mean[:count], row[:count], atol=1e-9)
    half, cover = (np.array([np.mean(rows, axis=0)[part] for rows in found.values()]) for part in (0, 1))
    assert half[1] < 0.6 * half[0] and half[2] < half[1]
    assert (cover > 0.68).all() and (cover < 0.9).all()


def test_another_scale_moves_the_order_and_hardly_the_level():
    table, groups = make_table(np.random.default_rng(2), spread=0.6)
    posterior = fit_records(table, groups)
    measured = np.full(table.shape[1], np.nan)
    measured[[3, 4]] = 0.2, 0.6
    moved = posterior.answer(measured, same_scale=False)
    change = moved.odds - posterior.expected
    assert change[4] - change[3] > 0.5 and abs(change[3] + change[4]) < 0.2


def test_without_measurements_nothing_moves_and_where_no_order_gains_it_stays():
    table, groups = make_table(np.random.default_rng(3))
    plain = fit_records(table, groups).answer()
    np.testing.assert_allclose(plain.odds, fit_records(table, groups).expected)
    before = -plain.mean
    assert plain.order == OLD and plain.scores(before).argsort().tolist() == before.argsort(kind="stable").tolist()


def test_an_accuracy_of_nothing_or_all_has_a_chance_as_well():
    slope = 1 / OFFSET + 1 / (1 + OFFSET)
    np.testing.assert_allclose(chance_of(np.array([0.0, 1.0]), 50), 0.01 / 50 * slope**2 + EXACT)


def test_the_first_are_the_largest_and_what_is_infinitely_small_is_none_of_them():
    expected = np.array([0.2, 0.9, 0.5, 0.9])
    assert first(expected, 2).tolist() == [False, True, False, True]
    assert first(np.where(expected < 0.9, -np.inf, expected), 3).tolist() == [False, True, False, True]


def test_errors_in_accuracies_become_errors_in_log_odds():
    expected, measured = np.random.default_rng(0).uniform(-0.1, 1.1, (2, 6, 8))
    posterior = odds_posterior(expected[0], KnownErrors(expected, measured, measured))
    inside = np.minimum(np.maximum(expected, 0), 1)
    np.testing.assert_allclose(posterior.known.expected, np.log((inside + OFFSET) / (1 - inside + OFFSET)))
    np.testing.assert_allclose(accuracy_of(posterior.known.measured), np.minimum(np.maximum(measured, 0), 1), atol=1e-9)
    np.testing.assert_allclose(posterior.expected, posterior.known.expected[0])
