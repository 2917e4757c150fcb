import numpy as np
import pytest

from ptmrec.hardware.pareto import pareto_front


@pytest.mark.parametrize("seed", range(20))
def test_it_is_what_comparing_all_pairs_finds(seed):
    generator = np.random.default_rng(seed)
    gains, costs = generator.integers(0, 6, (2, 30)).astype(float)
    costs[:3] = np.nan
    expected = [
        bool(np.isfinite(cost) and not np.any((gains >= gain) & (costs <= cost) & ((gains > gain) | (costs < cost))))
        for gain, cost in zip(gains, costs, strict=True)
    ]
    assert pareto_front(gains, costs).tolist() == expected


def test_nothing_known_is_no_front():
    assert not pareto_front(np.ones(3), np.full(3, np.nan)).any()
