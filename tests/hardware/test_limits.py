from types import SimpleNamespace

import click
import pytest

from ptmrec.cli.recommend import limit_options
from ptmrec.core.errors import ConfigError
from ptmrec.hardware.limits import (
    LIMITS,
    QUANTITIES,
    STEP,
    Costs,
    Limit,
    broken,
    costs_of,
    format_number,
    format_quantity,
    nearest_misses,
    parse_quantity,
    read_limits,
    relieved,
)

CHEAP = Costs(1e3, 1e6, 2**20, 1.0, "mit", "table")
DEAR = Costs(1e6, 1e9, 64 * 2**20, 30.0, "apache-2.0", "table")
UNKNOWN = Costs(1e3, None, None, None, "", "not measured")


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("5M", "count", 5e6),
        ("50K", "count", 5e4),
        ("20\u00b5s", "time", 0.02),
        ("20\u03bcs", "time", 0.02),
        ("4.7 M", "count", 4.7e6),
        ("35063", "count", 35063),
        ("1G", "count", 1e9),
        ("64MiB", "memory", 64 * 2**20),
        ("4GB", "memory", 4e9),
        ("20ms", "time", 20),
        ("1.5 s", "time", 1500),
        ("30/min", "rate", 0.5),
        ("50mJ", "energy", 0.05),
        *((f"3{unit}", "count", 3 * 10**power) for unit, power in zip("kKMGBT", (3, 3, 6, 9, 9, 12), strict=True)),
        *((f"3{unit}B", "memory", 3 * 10**power) for unit, power in zip("kKMG", (3, 3, 6, 9), strict=True)),
        *((f"3{unit}iB", "memory", 3 * 2.0**power) for unit, power in zip("KMG", (10, 20, 30), strict=True)),
        *((f"3{unit}J", "energy", 3 * 10.0**power) for unit, power in zip(("u", "m", ""), (-6, -3, 0), strict=True)),
        *(("3us", "time", 0.003), ("3/s", "rate", 3)),
    ],
)
def test_quantities_are_read_with_their_units(text, kind, value):
    assert parse_quantity(text, kind, "max") == pytest.approx(value)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        *(("20", kind) for kind in QUANTITIES if kind != "count"),
        *(("5 lots", "count"), ("-5M", "count"), ("0ms", "time"), ("20MS", "time"), ("", "time")),
    ],
)
def test_a_missing_or_wrong_unit_is_refused(text, kind):
    with pytest.raises(ConfigError, match=f"max {text!r}: write a positive number with its unit, such as"):
        parse_quantity(text, kind, "max")


def test_quantities_are_written_without_exponents():
    assert format_quantity(20, "time") == "20 ms" and format_quantity(1500, "time") == "1.5 s"
    assert format_quantity(64 * 2**20, "memory") == "64 MiB" and format_quantity(2**32, "memory") == "4 GiB"
    assert (
        LIMITS["max_params"].format(4.65e6) == "4.65 M parameters" and LIMITS["max_params"].format(1) == "1 parameter"
    )
    assert LIMITS["max_flops"].format(1e9) == "1 GFLOPs" and LIMITS["max_flops"].format(1) == "1 FLOP"
    assert format_quantity(100, "rate") == "100 images/s" and format_quantity(12345.6, "rate") == "12,346 images/s"
    assert format_quantity(0.05, "energy") == "50 mJ" and format_quantity(1, "energy") == "1 J"
    assert [format_number(value) for value in (2810.4, 1000, 77.84, 0.00123, 0)] == "2,810 1,000 77.8 0.00123 0".split()


def test_every_limit_is_read_documented_and_an_option():
    """A row of the table is enough: whatever else names limits is made from it."""
    typed = {name: limit.typed for name, limit in LIMITS.items()}
    assert list(read_limits(**typed)) == list(LIMITS)
    command = limit_options(click.command()(lambda **given: click.echo(given)))
    options = {option: part.name for part in command.params for option in part.opts}
    assert options == {limit.option: name for name, limit in LIMITS.items()}
    for name, limit in LIMITS.items():
        assert f"{name}: limit on {limit.about}" in read_limits.__doc__
        assert limit.name == "licences" or limit.read(CHEAP) is not None or name in ("min_throughput", "max_energy")


def test_a_further_row_is_a_further_option(monkeypatch):
    row = Limit("max_activations", "count", lambda own: own.stated["macts"], "the activations")
    monkeypatch.setitem(LIMITS, row.name, row)
    command = limit_options(click.command()(lambda **given: click.echo(given)))
    assert "--max-activations" in [option for part in command.params for option in part.opts]
    assert read_limits(max_activations="5M") == {"max_activations": 5e6}


def test_costs_come_from_card_and_measurements():
    card = SimpleNamespace(num_params=7, gmacs=0.5, licence="MIT; stated on its card")
    timed = {"latency_p50_ms": 2.0, "latency_p90_ms": 3.0, "throughput": 400.0}
    measured = {"peak_memory_mib": 2.0, "threads": {"1": timed}}
    costs = costs_of(card, measured, "table (Xeon, 1 thread)")
    assert (costs.params, costs.flops, costs.memory, costs.latency) == (7, 1e9, 2 * 2**20, 3.0)
    assert (costs.kind, costs.licence, costs.throughput, costs.energy) == ("table", "mit", 400.0, None)
    assert costs.stated["gmacs"] == 0.5 and costs.stated["peak_memory_mib"] == 2.0
    bounded = costs_of(card, {"peak_memory_mib": 2.0, "threads": {"1": timed | {"latency_high_ms": 3.5}}}, "measured")
    assert (bounded.latency, bounded.latency_p90, bounded.kind) == (3.5, 3.0, "measured"), "the upper bound decides"
    assert costs_of(card, None, "measured") == Costs(7, 1e9, None, None, "mit", "not measured")
    assert costs_of(card, None, "measured").kind == "unknown"


def test_a_model_that_cannot_be_shown_to_keep_a_limit_breaks_it():
    assert broken(UNKNOWN, {"max_latency": 20}) == ["max_latency"]
    assert broken(UNKNOWN, {"max_params": 1e3}) == []
    limits = {"max_params": 1e3, "max_latency": 20, "licences": ("mit",)}
    assert broken(DEAR, limits) == list(limits)
    assert broken(CHEAP, {"max_latency": 1.0}) == [], "a limit may be reached"


def test_least_and_most_are_told_apart():
    fast = Costs(1, 1, 1, 1, "", "table", throughput=200.0, energy=0.02)
    assert broken(fast, {"min_throughput": 100, "max_energy": 0.05}) == []
    assert broken(fast, {"min_throughput": 300, "max_energy": 0.01}) == ["min_throughput", "max_energy"]
    assert LIMITS["min_throughput"].excess(fast, 300) == pytest.approx(1.5)
    assert relieved({"min_throughput": 300}, "min_throughput") == {"min_throughput": pytest.approx(200)}


def test_the_nearest_misses_come_first():
    costs = {"far": DEAR, "near": Costs(1, 1, 1, 22.0, "mit", ""), "none": UNKNOWN, "fits": CHEAP}
    assert nearest_misses(costs, {"max_latency": 20}) == [(name, "max_latency") for name in ("near", "far", "none")]


def test_relief_widens_one_limit():
    limits = {"max_latency": 20, "licences": ("mit",)}
    assert relieved(limits, "max_latency") == {"max_latency": 20 * STEP, "licences": ("mit",)}
    assert relieved(limits, "licences") == {"max_latency": 20}
    assert LIMITS["licences"].format(None) == "any licence" and LIMITS["licences"].format("") == "no licence"
    assert LIMITS["max_latency"].format(None) == "not known"


def test_licences_are_names():
    assert LIMITS["licences"].describe_cut([CHEAP, CHEAP, UNKNOWN], ("apache-2.0", "bsd")) == [
        "2 models have another licence than apache-2.0 or bsd",
        "1 model states no licence",
    ]
    assert read_limits(licences="MIT, apache-2.0") == read_limits(licences=["mit", "Apache-2.0 "])
    assert read_limits(licences=(), max_params=None) == {}
    for nothing in ("", ",", [" "]):
        with pytest.raises(ConfigError, match="name one at least"):
            read_limits(licences=nothing)
