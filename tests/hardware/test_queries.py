import math

import numpy as np
import pytest
from scipy.stats import binom

from ptmrec.hardware.queries import Protocol, drifted, summarise_queries, time_queries, upper_bound, upper_rank


@pytest.mark.parametrize(("count", "rank"), [(100, 96), (200, 188), (500, 462)])
def test_ranks_of_the_upper_bound_are_the_published_ones(count, rank):
    assert upper_rank(count) == rank
    assert binom.cdf(rank - 1, count, 0.9) >= 0.95 > binom.cdf(rank - 2, count, 0.9)


def test_too_few_queries_have_no_upper_bound():
    assert upper_rank(28) is None and upper_rank(29) == 29
    assert math.isinf(upper_bound(np.ones(28)))
    assert summarise_queries(np.ones(28))["latency_high_ms"] is None


def test_the_bound_holds_as_often_as_it_says():
    draws = np.random.default_rng(0).exponential(size=(2000, 200))
    bounds = [upper_bound(row) for row in draws]
    exact = binom.cdf(upper_rank(200) - 1, 200, 0.9)
    assert exact >= 0.95 and np.mean(np.array(bounds) >= -np.log(0.1)) == pytest.approx(exact, abs=0.015)


def test_queries_go_on_until_count_and_seconds_are_reached():
    calls = []
    times = time_queries(lambda: calls.append(1), Protocol(warm_up=3, queries=7, seconds=0.0))
    assert len(times) == 7 and len(calls) == 10
    assert time_queries(lambda: None, Protocol(0, 1, 0.005)).sum() >= 0.005
    assert len(time_queries(lambda: None, Protocol(0, 10**9, 0, most=0.002))) < 10**6


def test_percentiles_are_numpys():
    times = np.arange(1, 201) / 1e3
    found = summarise_queries(times)
    assert found == {
        "latency_p50_ms": pytest.approx(100.5),
        "latency_p90_ms": pytest.approx(180.1),
        "latency_high_ms": 188.0,
        "queries": 200,
    }


def test_drift():
    assert drifted(1.0, 1.06) and drifted(1.0, 0.94) and not drifted(1.0, 1.04)
