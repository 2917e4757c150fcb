"""Limits somebody sets on models, what each model costs, and what a limit costs.

A limit is hard: a model that breaks it, or of which what it limits is not known, is not recommended. Every cost has a
basis: ``counted`` (from the weights and the graph), ``card``, ``measured`` (on this machine), ``table`` (measured
elsewhere or before, on a named machine) or ``estimated``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from ptmrec.hardware.quantities import say_quantity

STEP = 1.5
"""One step of relief: a limit becomes so many times as wide."""


@dataclass(frozen=True)
class Limits:
    """What a model may cost; None = no limit.

    Attributes:
        max_params: parameters.
        max_flops: floating-point operations of one forward pass; twice the multiply-accumulates.
        max_memory: bytes of weights, input and activations of one forward pass of one image.
        max_latency: milliseconds that nine of ten forward passes of one image stay within.
        min_throughput: images per second, in batches.
        max_energy: joule for one image.
        licences: licences that are accepted, in small letters; the first word of a card's licence counts.
    """

    max_params: float | None = None
    max_flops: float | None = None
    max_memory: float | None = None
    max_latency: float | None = None
    min_throughput: float | None = None
    max_energy: float | None = None
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
        latency: milliseconds that a limit is held against: the upper bound of the 90th percentile where queries were
            timed one by one, the upper end of the interval where it is estimated.
        licence: in small letters.
        basis: what latency and throughput rest on, in words; the first word is ``measured``, ``table``, ``estimated``
            or ``not``.
        latency_p50: milliseconds, median (or the estimate).
        latency_p90: milliseconds, 90th percentile.
        throughput: images per second; its lower end where it is estimated.
        energy: joule for one image.
        energy_basis: the same of the energy.
    """

    params: float
    flops: float | None
    memory: float | None
    latency: float | None
    licence: str
    basis: str
    latency_p50: float | None = None
    latency_p90: float | None = None
    throughput: float | None = None
    energy: float | None = None
    energy_basis: str = "not measured"

    @property
    def kind(self) -> str:
        """``measured``, ``table``, ``estimated`` or ``unknown``: the basis of latency in a word."""
        word = self.basis.partition(" ")[0]
        return "unknown" if word == "not" else word


LIMITED = {
    "max_params": "params",
    "max_flops": "flops",
    "max_memory": "memory",
    "max_latency": "latency",
    "min_throughput": "throughput",
    "max_energy": "energy",
}
"""Limits and the cost each is set on."""


def costs_of(card: Any, measured: Mapping[str, Any] | None, basis: str) -> Costs:
    """What a model costs.

    Args:
        card: its card.
        measured: its measurements: ``peak_memory_mib``, ``threads`` -> ``latency_p90_ms`` and what else is there; None
            when it has none.
        basis: what they rest on, in words.
    """
    licence = card.licence.partition(";")[0].strip().lower()
    flops = 2e9 * card.gmacs if card.gmacs else None
    if measured is None:
        return Costs(card.num_params, flops, None, None, licence, "not measured")
    one = measured["threads"]["1"]
    return Costs(
        *(card.num_params, flops, measured["peak_memory_mib"] * 2**20),
        latency=one.get("latency_high_ms") or one["latency_p90_ms"],
        licence=licence,
        basis=basis,
        latency_p50=one["latency_p50_ms"],
        latency_p90=one["latency_p90_ms"],
        throughput=one["throughput"],
        energy=measured.get("energy_j"),
        energy_basis=measured.get("energy_basis", "not measured"),
    )


def broken(costs: Costs, limits: Limits) -> list[str]:
    """The limits a model breaks; one it cannot be shown to keep counts as broken."""
    found = [limit for limit in LIMITED if excess(costs, limits, limit) > 1]
    if limits.licences and costs.licence not in limits.licences:
        found.append("licences")
    return found


def excess(costs: Costs, limits: Limits, limit: str) -> float:
    """How many times a cost is what its limit allows: above 1 is too much; infinite where the cost is not known."""
    if limit == "licences":
        return float("inf")
    bound, cost = getattr(limits, limit), getattr(costs, LIMITED[limit])
    if bound is None:
        return 0.0
    if not cost:
        return float("inf")
    return bound / cost if limit.startswith("min_") else cost / bound


def relieved(limits: Limits, name: str) -> Limits:
    """The limits with one of them a step wider; licences are all accepted then."""
    if name == "licences":
        return replace(limits, licences=())
    step = 1 / STEP if name.startswith("min_") else STEP
    return replace(limits, **{name: getattr(limits, name) * step})


def say_value(costs: Costs, limit: str) -> str:
    """A cost in the unit people set its limit in."""
    if limit == "licences":
        return costs.licence or "no licence"
    value = getattr(costs, LIMITED[limit])
    return "not known" if value is None else say_quantity(value, limit)


def nearest_misses(costs: Mapping[str, Costs], limits: Limits, count: int = 3) -> list[tuple[str, str]]:
    """Models that break the limits by least, with the limit each misses by most.

    Returns:
        ``(model, limit)``, nearest first; what is not known or not licensed is farthest.
    """
    rows = []
    for model, own in costs.items():
        ratios = {limit: excess(own, limits, limit) for limit in broken(own, limits)}
        if ratios:
            worst = max(ratios, key=ratios.get)
            rows.append((ratios[worst], model, worst))
    return [(model, limit) for _, model, limit in sorted(rows)[:count]]


def count_cut(costs: Sequence[Costs], limits: Limits) -> dict[str, int]:
    """How many models break each limit."""
    found: dict[str, int] = {}
    for own in costs:
        for limit in broken(own, limits):
            found[limit] = found.get(limit, 0) + 1
    return found
