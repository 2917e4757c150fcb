from types import SimpleNamespace

import pytest

from ptmrec.errors import ConfigError
from ptmrec.hardware.limits import (
    STEP,
    Costs,
    Limits,
    broken,
    costs_of,
    count_cut,
    nearest_misses,
    parse_quantity,
    relieved,
    say_quantity,
    say_value,
)


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("5M", "count", 5e6),
        ("4.7 M", "count", 4.7e6),
        ("35063", "count", 35063),
        ("1G", "count", 1e9),
        ("64MiB", "memory", 64 * 2**20),
        ("4GB", "memory", 4e9),
        ("20ms", "time", 20),
        ("1.5 s", "time", 1500),
    ],
)
def test_quantities_are_read_with_their_units(text, kind, value):
    assert parse_quantity(text, kind) == pytest.approx(value)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("20", "time"),
        ("64", "memory"),
        ("5 lots", "count"),
        ("-5M", "count"),
        ("0ms", "time"),
        ("20MS", "time"),
        ("", "time"),
    ],
)
def test_what_has_no_unit_or_a_wrong_one_is_refused(text, kind):
    with pytest.raises(ConfigError, match="with its unit, such as"):
        parse_quantity(text, kind)


CHEAP = Costs(1e3, 1e6, 2**20, 1.0, "mit", "table")
DEAR = Costs(1e6, 1e9, 64 * 2**20, 30.0, "apache-2.0", "table")
UNKNOWN = Costs(1e3, None, None, None, "", "not measured")


def test_costs_come_from_card_and_table():
    card = SimpleNamespace(num_params=7, gmacs=0.5, licence="MIT; stated on its card")
    measured = {"peak_memory_mib": 2.0, "threads": {"1": {"latency_p90_ms": 3.0}}}
    assert costs_of(card, measured, "Xeon") == Costs(7, 1e9, 2 * 2**20, 3.0, "mit", "table (Xeon, 1 thread)")
    assert costs_of(card, None, "Xeon") == Costs(7, 1e9, None, None, "mit", "not measured")


def test_a_model_that_cannot_be_shown_to_keep_a_limit_breaks_it():
    assert broken(UNKNOWN, Limits(max_latency=20)) == ["max_latency"]
    assert broken(UNKNOWN, Limits(max_params=1e3)) == []
    assert broken(DEAR, Limits(max_params=1e3, max_latency=20, licences=("mit",))) == [
        "max_params",
        "max_latency",
        "licences",
    ]
    assert broken(CHEAP, Limits(max_latency=1.0)) == [], "a limit may be reached"


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
    assert say_quantity(20, "max_latency") == "20 ms"
    assert say_quantity(64 * 2**20, "max_memory") == "64 MiB"
    assert say_quantity(4.65e6, "max_params") == "4.65 M parameters"
    assert say_quantity(1e9, "max_flops") == "1 GFLOPs"
    assert say_value(UNKNOWN, "max_latency") == "not known" and say_value(UNKNOWN, "licences") == "no licence"
