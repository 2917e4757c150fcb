"""Limits somebody sets on models, what each model costs, and what a limit costs.

A limit is hard: a model that breaks it, or of which what it limits is not known, is not recommended. Every cost has a
basis: ``counted`` (from the weights and the graph), ``card``, or ``table`` (measured once, on a named machine).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from ptmrec.errors import ConfigError

STEP = 1.5
"""One step of relief: a limit becomes so many times as wide."""
_PREFIXES = {"": 1, "k": 1e3, "M": 1e6, "G": 1e9, "B": 1e9, "T": 1e12}
_BYTES = {"kB": 1e3, "MB": 1e6, "GB": 1e9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
_TIMES = {"us": 1e-3, "ms": 1.0, "s": 1e3}


@dataclass(frozen=True)
class Limits:
    """What a model may cost; None = no limit.

    Attributes:
        max_params: parameters.
        max_flops: floating-point operations of one forward pass; twice the multiply-accumulates.
        max_memory: bytes of weights, input and activations of one forward pass of one image.
        max_latency: milliseconds that nine of ten forward passes of one image stay within, on one thread.
        licences: licences that are accepted, in small letters; the first word of a card's licence counts.
    """

    max_params: float | None = None
    max_flops: float | None = None
    max_memory: float | None = None
    max_latency: float | None = None
    licences: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return any(getattr(self, entry.name) not in (None, ()) for entry in fields(self))

    def to_dict(self) -> dict[str, Any]:
        """The limits that are set."""
        values = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        return {name: list(value) if name == "licences" else value for name, value in values.items() if value}


@dataclass(frozen=True)
class Costs:
    """What one model costs; None = not known.

    Attributes:
        params: parameters.
        flops: of one forward pass.
        memory: bytes of one forward pass.
        latency: milliseconds, 90th percentile.
        licence: in small letters.
        basis: what latency and memory rest on.
    """

    params: float
    flops: float | None
    memory: float | None
    latency: float | None
    licence: str
    basis: str


LIMITED = {"max_params": "params", "max_flops": "flops", "max_memory": "memory", "max_latency": "latency"}
"""Limits and the cost each is set on."""


def parse_quantity(text: str, kind: str) -> float:
    """A number with its unit: ``4.7M`` parameters, ``10G`` operations, ``64MiB``, ``20ms``.

    Args:
        text: what somebody wrote.
        kind: ``count``, ``memory`` (in bytes) or ``time`` (in milliseconds).

    Raises:
        ConfigError: no number, no unit, or none that is known. A bare number of parameters is one.
    """
    units = {"count": _PREFIXES, "memory": _BYTES, "time": _TIMES}[kind]
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([A-Za-z]*)", str(text).strip())
    if not found or found[2] not in units or not float(found[1]) > 0:
        examples = {"count": "5M", "memory": "64MiB or 4GB", "time": "20ms"}[kind]
        raise ConfigError(f"{text!r}: write a positive number with its unit, such as {examples}")
    return float(found[1]) * units[found[2]]


def costs_of(card: Any, measured: Mapping[str, Any] | None, machine: str) -> Costs:
    """What a model costs.

    Args:
        card: its card.
        measured: its entry in the table of measured costs; None when it has none.
        machine: the machine of that table, in words.
    """
    licence = card.licence.partition(";")[0].strip().lower()
    flops = 2e9 * card.gmacs if card.gmacs else None
    if measured is None:
        return Costs(card.num_params, flops, None, None, licence, "not measured")
    one = measured["threads"]["1"]
    basis = f"table ({machine}, 1 thread)"
    return Costs(card.num_params, flops, measured["peak_memory_mib"] * 2**20, one["latency_p90_ms"], licence, basis)


def broken(costs: Costs, limits: Limits) -> list[str]:
    """The limits a model breaks; one it cannot be shown to keep counts as broken."""
    found = []
    for limit, name in LIMITED.items():
        most, cost = getattr(limits, limit), getattr(costs, name)
        if most is not None and (cost is None or cost > most):
            found.append(limit)
    if limits.licences and costs.licence not in limits.licences:
        found.append("licences")
    return found


def relieved(limits: Limits, name: str) -> Limits:
    """The limits with one of them a step wider; licences are all accepted then."""
    values = {entry.name: getattr(limits, entry.name) for entry in fields(limits)}
    values[name] = () if name == "licences" else values[name] * STEP
    return Limits(**values)


def say_value(costs: Costs, limit: str) -> str:
    """A cost in the unit people set its limit in."""
    if limit == "licences":
        return costs.licence or "no licence"
    value = getattr(costs, LIMITED[limit])
    return "not known" if value is None else say_quantity(value, limit)


def say_quantity(value: float, limit: str) -> str:
    """A limit or cost in words: ``20 ms``, ``64 MiB``, ``4.7 M parameters``."""
    if limit == "max_latency":
        return f"{value:.3g} ms"
    if limit == "max_memory":
        return f"{value / 2**20:.3g} MiB"
    size, letter = next(((own, sign) for sign, own in (("G", 1e9), ("M", 1e6), ("k", 1e3)) if value >= own), (1, ""))
    return f"{value / size:.3g} {letter}{' parameters' if limit == 'max_params' else 'FLOPs'}".replace("  ", " ")


def nearest_misses(costs: Mapping[str, Costs], limits: Limits, count: int = 3) -> list[tuple[str, str]]:
    """Models that break the limits by least, with the limit each misses by most.

    Returns:
        ``(model, limit)``, nearest first; what is not known or not licensed is farthest.
    """
    rows = []
    for model, own in costs.items():
        ratios = {limit: _ratio(own, limits, limit) for limit in broken(own, limits)}
        if ratios:
            worst = max(ratios, key=ratios.get)
            rows.append((ratios[worst], model, worst))
    return [(model, limit) for _, model, limit in sorted(rows)[:count]]


def _ratio(costs: Costs, limits: Limits, limit: str) -> float:
    cost = None if limit == "licences" else getattr(costs, LIMITED[limit])
    return float("inf") if cost is None else cost / getattr(limits, limit)


def count_cut(costs: Sequence[Costs], limits: Limits) -> dict[str, int]:
    """How many models break each limit."""
    found: dict[str, int] = {}
    for own in costs:
        for limit in broken(own, limits):
            found[limit] = found.get(limit, 0) + 1
    return found
