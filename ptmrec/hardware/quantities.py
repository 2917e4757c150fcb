"""Quantities as people write and read them: a number with its unit."""

import re

from ptmrec.core.errors import ConfigError

_PREFIXES = {"": 1, "k": 1e3, "M": 1e6, "G": 1e9, "B": 1e9, "T": 1e12}
_UNITS = {
    "count": _PREFIXES,
    "memory": {"kB": 1e3, "MB": 1e6, "GB": 1e9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30},
    "time": {"us": 1e-3, "ms": 1.0, "s": 1e3},
    "rate": {"/s": 1.0, "/min": 1 / 60},
    "energy": {"uJ": 1e-6, "mJ": 1e-3, "J": 1.0},
}
_EXAMPLES = {
    "count": "5M",
    "memory": "64MiB or 4GB",
    "time": "20ms",
    "rate": "100/s (images per second)",
    "energy": "50mJ (for one image)",
}
KINDS = {
    "max_params": "count",
    "max_flops": "count",
    "max_memory": "memory",
    "max_latency": "time",
    "min_throughput": "rate",
    "max_energy": "energy",
}
"""Limits and the kind of quantity each is set in."""


def parse_quantity(text: str, kind: str) -> float:
    """A number with its unit: ``4.7M`` parameters, ``10G`` operations, ``64MiB``, ``20ms``, ``100/s``, ``50mJ``.

    Args:
        text: what somebody wrote.
        kind: ``count``, ``memory`` (in bytes), ``time`` (in milliseconds), ``rate`` (a second) or ``energy`` (joule).

    Raises:
        ConfigError: no number, no unit, or none that is known. A bare number of parameters is one.
    """
    units = _UNITS[kind]
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([A-Za-z/]*)", str(text).strip())
    if not found or found[2] not in units or not float(found[1]) > 0:
        raise ConfigError(f"{text!r}: write a positive number with its unit, such as {_EXAMPLES[kind]}")
    return float(found[1]) * units[found[2]]


def say_quantity(value: float, limit: str) -> str:
    """A limit or cost in words: ``20 ms``, ``64 MiB``, ``4.7 M parameters``, ``100 images/s``, ``50 mJ``."""
    if limit == "max_latency":
        return f"{value:.3g} ms" if value < 1e3 else f"{value / 1e3:.3g} s"
    if limit == "max_memory":
        return f"{value / 2**20:.3g} MiB" if value < 2**30 else f"{value / 2**30:.3g} GiB"
    if limit == "min_throughput":
        return f"{value:.3g} images/s" if value < 1e3 else f"{value:.0f} images/s"
    if limit == "max_energy":
        return f"{1e3 * value:.3g} mJ"
    size, letter = next(((own, sign) for sign, own in (("G", 1e9), ("M", 1e6), ("k", 1e3)) if value >= own), (1, ""))
    return f"{value / size:.3g} {letter}{' parameters' if limit == 'max_params' else 'FLOPs'}".replace("  ", " ")
