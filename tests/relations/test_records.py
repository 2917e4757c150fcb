import numpy as np
import pytest

from ptmrec.relations.records import (
    COMPLEMENTARY,
    HEAD,
    choose_next,
    complementary_models,
    expected_by_records,
    first_models,
    lost,
)

EVERY = np.ones(4, dtype=bool)
CAMPS = np.array([[0.9, 0.88, 0.1, 0.5], [0.8, 0.79, 0.2, 0.5], [0.7, 0.75, 0.95, 0.5], [0.7, 0.71, 0.9, 0.5]] * 3)
"""Two models that agree, one that is best where these are not, and one that never is."""


def test_levels_add_up_and_gaps_do_not_count():
    sets, models = np.array([0.1, 0.3, 0.5]), np.array([0.0, 0.2, 0.4])
    table = sets[:, None] + models
    np.testing.assert_allclose(expected_by_records(table), table.mean(axis=0))
    table[0, 0] = table[2, 2] = np.nan
    np.testing.assert_allclose(expected_by_records(table), models + sets.mean(), atol=1e-3)


def test_a_complementary_set_takes_another_camp_and_the_head_does_not():
    assert first_models(CAMPS, EVERY, 2).tolist() == [1, 0]
    assert complementary_models(CAMPS, EVERY, 2).tolist() == [1, 2]
    assert complementary_models(CAMPS, EVERY & [True, True, False, True], 2).tolist() == [1, 0]
    assert complementary_models(CAMPS, EVERY, 1, known=[1]).tolist() == [2]
    assert len(complementary_models(CAMPS, EVERY, 9)) == 4


def test_the_rule_that_gains_on_data_sets_left_out_is_taken():
    choice = choose_next(CAMPS, np.arange(12), EVERY, 2)
    assert choice.rule == COMPLEMENTARY and choice.models.tolist() == [1, 2] and choice.gain > 2 * choice.error
    alike = np.tile([0.9, 0.8, 0.7, 0.6], (6, 1))
    assert choose_next(alike, np.arange(6), EVERY, 2).rule == HEAD


def test_what_is_lost_is_against_the_best_that_is_kept():
    row = np.array([0.9, np.nan, 0.5, 0.7])
    assert lost(row, EVERY, [2, 3]) == pytest.approx(0.2)
    assert np.isnan(lost(row, EVERY, [1]))
    assert lost(row, EVERY & [False, True, True, True], [3]) == 0
