import numpy as np
import pytest

from experiments.evaluation.statistics import ceiling_tau, mean_interval, paired_bootstrap, spearman_brown
from ptmrec.evaluation.metrics import weighted_tau


def test_interval_covers_the_mean_and_matches_theory():
    values = np.random.default_rng(0).normal(2.0, 1.0, 400)
    interval = mean_interval(values)
    assert interval.mean == pytest.approx(values.mean())
    half = 1.96 * values.std() / np.sqrt(len(values))
    assert interval.low == pytest.approx(values.mean() - half, abs=0.02)
    assert interval.high == pytest.approx(values.mean() + half, abs=0.02)
    assert mean_interval(values) == interval


def test_pairing_removes_what_targets_share():
    generator = np.random.default_rng(1)
    hard = generator.normal(0, 1, 30)
    difference = paired_bootstrap(hard + 0.1 + 0.01 * generator.normal(size=30), hard)
    assert 0.08 < difference.low < 0.1 < difference.high < 0.12


@pytest.mark.parametrize("values", [[], [1.0, np.nan], [[1.0]]])
def test_interval_refuses(values):
    with pytest.raises(ValueError, match="finite"):
        mean_interval(np.array(values))


def test_pairs_need_one_length():
    with pytest.raises(ValueError, match="one length"):
        paired_bootstrap(np.ones(3), np.ones(4))


def test_spearman_brown():
    assert spearman_brown(0.5) == pytest.approx(2 / 3)
    assert spearman_brown(1.0, 5) == 1.0


def test_ceiling_of_two_repetitions_is_their_corrected_agreement():
    repeats = np.random.default_rng(2).random((2, 12))
    repeats[1] = repeats[0] + 0.2 * repeats[1]
    agreement = (weighted_tau(*repeats) + weighted_tau(*repeats[::-1])) / 2
    assert ceiling_tau(repeats) == pytest.approx(spearman_brown(agreement))


def test_ceiling_of_opposite_repetitions_is_zero():
    assert ceiling_tau(np.array([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]])) == 0


def test_ceiling_of_many_repetitions_does_not_list_every_split():
    repeats = np.tile(np.arange(6.0), (60, 1))  # 1e17 splits
    assert ceiling_tau(repeats) == pytest.approx(1.0)


def test_ceiling_falls_with_noise_and_ignores_unmeasured_models():
    generator = np.random.default_rng(4)
    truth = generator.random(30)
    ceilings = [ceiling_tau(truth + noise * generator.normal(size=(8, 30))) for noise in (0.0, 0.1, 0.5)]
    assert ceilings[0] == pytest.approx(1.0)
    assert ceilings[0] > ceilings[1] > ceilings[2]
    repeats = truth + 0.1 * generator.normal(size=(4, 30))
    gaps = np.hstack([repeats, np.full((4, 2), np.nan)])
    assert ceiling_tau(gaps) == ceiling_tau(repeats)
    with pytest.raises(ValueError, match="two repetitions"):
        ceiling_tau(truth[None])
