import numpy as np
import pytest

from ptmrec.relations.conformal import LEVELS, fit_conformal

GENERATOR = np.random.default_rng(0)


def hierarchical_errors(sets: int) -> list[np.ndarray]:
    """Errors that models of a data set share, and their own."""
    return [GENERATOR.normal(0, 0.1) + GENERATOR.normal(0, 0.04, GENERATOR.integers(5, 60)) for _ in range(sets)]


@pytest.mark.parametrize("level", LEVELS)
def test_coverage_over_new_data_sets_is_nominal(level):
    """Averaged over calibrations of 28 sets, each judged on new sets of any size."""
    shares = []
    for _ in range(60):
        reach = fit_conformal(hierarchical_errors(28)).reach(level)
        shares += [np.mean(np.abs(errors) <= reach) for errors in hierarchical_errors(20)]
    assert np.mean(shares) == pytest.approx(level, abs=0.03)


def test_every_data_set_has_the_same_say():
    conformal = fit_conformal([np.full(1000, 0.1), np.full(10, -0.3), np.array([0.2, np.nan])])
    assert conformal.reach(0.33) == pytest.approx(0.1)
    assert conformal.reach(0.6) == pytest.approx(0.2)
    assert conformal.reach(0.7) == conformal.reach(1.0) == pytest.approx(0.3)


def test_reach_equals_a_loop():
    groups = hierarchical_errors(7)
    conformal = fit_conformal(groups)
    for level in (0.5, *LEVELS):
        shares = {
            value: np.mean([np.mean(np.abs(group) <= value) for group in groups])
            for value in np.abs(np.concatenate(groups))
        }
        expected = min(value for value, share in shares.items() if share >= level - 1e-9)
        assert conformal.reach(level) == expected


def test_intervals_stay_between_0_and_1_and_are_in_units():
    conformal = fit_conformal([np.array([0.2])])
    low, high = conformal.interval(np.array([0.1, 0.5, 0.95]), 0.8)
    np.testing.assert_allclose(low, [0, 0.3, 0.75])
    np.testing.assert_allclose(high, [0.3, 0.7, 1])
    low, high = conformal.interval(np.array([0.5, 0.5]), 0.8, np.array([0.5, 2.0]))
    np.testing.assert_allclose([low, high], [[0.4, 0.1], [0.6, 0.9]])


def test_nothing_measured_is_refused():
    with pytest.raises(ValueError, match="nothing was measured"):
        fit_conformal([np.array([np.nan])])


def test_a_level_that_errors_reach_exactly_is_reached_by_them():
    """Sums of weights are rounded: a third and two thirds of three data sets are the first and the second."""
    conformal = fit_conformal([np.full(3, error) for error in (0.1, 0.2, 0.3)])
    assert [conformal.reach(part / 3) for part in (1, 2, 3)] == [0.1, 0.2, 0.3]
