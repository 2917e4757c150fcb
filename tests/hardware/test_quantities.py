import pytest

from ptmrec.core.errors import ConfigError
from ptmrec.hardware.quantities import KINDS, parse_quantity, say_quantity


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
        ("30/min", "rate", 0.5),
        ("50mJ", "energy", 0.05),
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


def test_values_in_words():
    assert say_quantity(20, "max_latency") == "20 ms" and say_quantity(1500, "max_latency") == "1.5 s"
    assert say_quantity(64 * 2**20, "max_memory") == "64 MiB" and say_quantity(2**32, "max_memory") == "4 GiB"
    assert say_quantity(4.65e6, "max_params") == "4.65 M parameters"
    assert say_quantity(1e9, "max_flops") == "1 GFLOPs"
    assert say_quantity(100, "min_throughput") == "100 images/s"
    assert say_quantity(0.05, "max_energy") == "50 mJ"


@pytest.mark.parametrize("limit", KINDS)
def test_no_unit_is_guessed(limit):
    if KINDS[limit] == "count":
        assert parse_quantity("20", "count") == 20
    else:
        with pytest.raises(ConfigError, match="with its unit"):
            parse_quantity("20", KINDS[limit])
