from types import SimpleNamespace

import pytest

from ptmrec.hardware.limits import (
    STEP,
    Costs,
    Limits,
    broken,
    costs_of,
    count_cut,
    excess,
    nearest_misses,
    relieved,
    say_value,
)

CHEAP = Costs(1e3, 1e6, 2**20, 1.0, "mit", "table")
DEAR = Costs(1e6, 1e9, 64 * 2**20, 30.0, "apache-2.0", "table")
UNKNOWN = Costs(1e3, None, None, None, "", "not measured")


def test_costs_come_from_card_and_measurements():
    card = SimpleNamespace(num_params=7, gmacs=0.5, licence="MIT; stated on its card")
    timed = {"latency_p50_ms": 2.0, "latency_p90_ms": 3.0, "throughput": 400.0}
    measured = {"peak_memory_mib": 2.0, "threads": {"1": timed}}
    costs = costs_of(card, measured, "table (Xeon, 1 thread)")
    assert (costs.params, costs.flops, costs.memory, costs.latency) == (7, 1e9, 2 * 2**20, 3.0)
    assert (costs.kind, costs.licence, costs.throughput, costs.energy) == ("table", "mit", 400.0, None)
    bounded = costs_of(card, {"peak_memory_mib": 2.0, "threads": {"1": timed | {"latency_high_ms": 3.5}}}, "measured")
    assert (bounded.latency, bounded.latency_p90, bounded.kind) == (3.5, 3.0, "measured"), "the upper bound decides"
    assert costs_of(card, None, "measured") == Costs(7, 1e9, None, None, "mit", "not measured")
    assert costs_of(card, None, "measured").kind == "unknown"


def test_a_model_that_cannot_be_shown_to_keep_a_limit_breaks_it():
    assert broken(UNKNOWN, Limits(max_latency=20)) == ["max_latency"]
    assert broken(UNKNOWN, Limits(max_params=1e3)) == []
    assert broken(DEAR, Limits(max_params=1e3, max_latency=20, licences=("mit",))) == [
        "max_params",
        "max_latency",
        "licences",
    ]
    assert broken(CHEAP, Limits(max_latency=1.0)) == [], "a limit may be reached"


def test_least_and_most_are_told_apart():
    fast = Costs(1, 1, 1, 1, "", "table", throughput=200.0, energy=0.02)
    assert broken(fast, Limits(min_throughput=100, max_energy=0.05)) == []
    assert broken(fast, Limits(min_throughput=300, max_energy=0.01)) == ["min_throughput", "max_energy"]
    assert excess(fast, Limits(min_throughput=300), "min_throughput") == pytest.approx(1.5)
    assert relieved(Limits(min_throughput=300), "min_throughput").min_throughput == pytest.approx(200)


def test_every_limit_that_is_broken_counts():
    assert count_cut([CHEAP, DEAR, UNKNOWN], Limits(max_latency=20, max_flops=1e6)) == {
        "max_latency": 2,
        "max_flops": 2,
    }


def test_the_nearest_misses_come_first():
    costs = {"far": DEAR, "near": Costs(1, 1, 1, 22.0, "mit", ""), "none": UNKNOWN, "fits": CHEAP}
    assert nearest_misses(costs, Limits(max_latency=20)) == [
        ("near", "max_latency"),
        ("far", "max_latency"),
        ("none", "max_latency"),
    ]


def test_relief_widens_one_limit():
    limits = Limits(max_latency=20, licences=("mit",))
    assert relieved(limits, "max_latency") == Limits(max_latency=20 * STEP, licences=("mit",))
    assert relieved(limits, "licences") == Limits(max_latency=20)
    assert limits and not Limits()
    assert limits.to_dict() == {"max_latency": 20, "licences": ["mit"]}


def test_values_in_words():
    assert say_value(UNKNOWN, "max_latency") == "not known" and say_value(UNKNOWN, "licences") == "no licence"
    assert say_value(CHEAP, "max_params") == "1 k parameters"
