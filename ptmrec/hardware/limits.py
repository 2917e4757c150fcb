"""Hard limits on models: one table holds every limit, with how it is read, compared, shown and documented.

A model that breaks a limit, or of which the limited cost is not known, is not recommended.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ptmrec.core.errors import ConfigError
from ptmrec.core.words import suggest

STEP = 1.5
"""One step of relief: a limit becomes so many times as wide."""
Limits = Mapping[str, Any]
"""Limits that are set: name -> bound, in the order of :data:`LIMITS`."""


@dataclass(frozen=True)
class Quantity:
    """A kind of number and its units.

    Attributes:
        units: unit as it is typed -> its size.
        words: size and unit as it is shown, the largest first.
        example: a number with its unit, as it is typed.
    """

    units: Mapping[str, float]
    words: tuple[tuple[float, str], ...]
    example: str


_COUNTS = {"": 1, "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9, "B": 1e9, "T": 1e12}
_BYTES = {"kB": 1e3, "KB": 1e3, "MB": 1e6, "GB": 1e9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
QUANTITIES = {
    "count": Quantity(_COUNTS, ((1e9, "G"), (1e6, "M"), (1e3, "k"), (1, "")), "5M"),
    "memory": Quantity(_BYTES, ((2**30, "GiB"), (2**20, "MiB")), "64MiB"),
    "time": Quantity(
        {"us": 1e-3, "\u00b5s": 1e-3, "\u03bcs": 1e-3, "ms": 1.0, "s": 1e3}, ((1e3, "s"), (1, "ms")), "20ms"
    ),
    "rate": Quantity({"/s": 1.0, "/min": 1 / 60}, ((1, "images/s"),), "100/s"),
    "energy": Quantity({"uJ": 1e-6, "mJ": 1e-3, "J": 1.0}, ((1, "J"), (1e-3, "mJ")), "50mJ"),
}
"""Counts; memory in bytes; time in milliseconds; rates a second; energy in joule."""


def parse_quantity(text: str, kind: str, name: str) -> float:
    """Read a number with its unit: ``4.7M`` parameters, ``10G`` operations, ``64MiB``, ``20ms``, ``100/s``, ``50mJ``.

    Args:
        text: the number and its unit.
        kind: a key of :data:`QUANTITIES`; only counts need no unit.
        name: of what the number limits, for the error.

    Returns:
        The number in the unit of its kind.

    Raises:
        ConfigError: no positive number, no unit, or an unknown one.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([A-Za-z\u00b5\u03bc/]*)", str(text).strip())
    units, example = QUANTITIES[kind].units, QUANTITIES[kind].example
    if not found or found[2] not in units or not float(found[1]) > 0:
        raise ConfigError(f"{name} {text!r}: write a positive number with its unit, such as {example}")
    return float(found[1]) * units[found[2]]


def format_number(value: float) -> str:
    """Write a number with three digits at least, never with an exponent: 0.05, 2.81, 2,810."""
    if not math.isfinite(value) or not value:
        return f"{value:g}"
    text = f"{value:,.{max(0, 2 - math.floor(math.log10(abs(value))))}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def format_quantity(value: float, kind: str, noun: str = "") -> str:
    """Write a quantity: ``20 ms``, ``64 MiB``, ``4.7 M parameters``, ``100 images/s``, ``50 mJ``."""
    words = QUANTITIES[kind].words
    size, unit = next((pair for pair in words if value >= pair[0]), words[-1])
    number = format_number(value / size)
    noun = noun.removesuffix("s") if number == "1" and not unit else noun
    return f"{number} {unit}{noun}".replace("  ", " ")


@dataclass(frozen=True)
class Costs:
    """Costs of one model; None = not known.

    Attributes:
        params: parameters.
        flops: floating-point operations of one forward pass.
        memory: bytes of weights, input and activations of one forward pass.
        latency: milliseconds that a limit is held against: the upper bound of the 90th percentile where queries were
            timed one by one, the upper end of the interval where it is estimated.
        licence: in small letters.
        basis: of latency and throughput, in words; the first word is ``measured``, ``table``, ``estimated`` or ``not``.
        latency_p50: milliseconds, median (or the estimate).
        latency_p90: milliseconds, 90th percentile.
        throughput: images per second; its lower end where it is estimated.
        energy: joule for one image.
        energy_basis: of the energy, in words.
        stated: card and measurement as they are, for limits on other columns of theirs.
    """

    params: float | None
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
    stated: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def kind(self) -> str:
        """``measured``, ``table``, ``estimated`` or ``unknown``: the basis of latency in a word."""
        word = self.basis.partition(" ")[0]
        return "unknown" if word == "not" else word


@dataclass(frozen=True)
class Limit:
    """A row of :data:`LIMITS`: one cost that can be limited.

    Attributes:
        name: keyword of :func:`ptmrec.recommend`, and with dashes the option; ``min_`` is a lower bound.
        kind: of the quantity, see :data:`QUANTITIES`.
        read: the cost of a model from its :class:`Costs`.
        about: what is limited, for the help of the command and the documentation.
        noun: of what a count is, after its unit.
        column: of JSON and CSV, if it is no column without limits; in units of ``scale``.
        scale: see ``column``.
        heading: of the table on a terminal, unit of its numbers, and their decimals.
        example: a bound as it is typed; without it that of the quantity.
    """

    name: str
    kind: str
    read: Callable[[Costs], Any]
    about: str
    noun: str = ""
    column: str = ""
    scale: float = 1.0
    heading: tuple[str, float, int] | None = None
    example: str = ""

    @property
    def option(self) -> str:
        """Name of the option of the command line."""
        return f"--{self.name.replace('_', '-')}"

    @property
    def typed(self) -> str:
        """A bound as it is typed."""
        return self.example or QUANTITIES[self.kind].example

    def parse(self, bound: Any) -> Any:
        """Read a bound.

        Raises:
            ConfigError: it is not positive or has no unit.
        """
        return parse_quantity(str(bound), self.kind, self.name)

    def excess(self, costs: Costs, bound: Any) -> float:
        """How many times a cost is its bound: above 1 breaks it; infinite where the cost is not known."""
        cost = self.read(costs)
        if not cost:
            return math.inf
        return bound / cost if self.name.startswith("min_") else cost / bound

    def relieve(self, bound: Any) -> Any:
        """The bound one step wider; None admits everything."""
        return bound / STEP if self.name.startswith("min_") else bound * STEP

    def format(self, value: Any) -> str:
        """Write a bound or cost in words."""
        return "not known" if value is None else format_quantity(value, self.kind, self.noun)

    def describe_cut(self, costs: Sequence[Costs], bound: Any) -> list[str]:
        """Say how many models are cut, those of unknown cost apart."""
        known = sum(self.read(own) is not None for own in costs)
        rows = ((known, "breaks", "break"), (len(costs) - known, "is not known to keep", "are not known to keep"))
        return [
            f"{count} {f'model {one}' if count == 1 else f'models {many}'} {self.format(bound)}"
            for count, one, many in rows
            if count
        ]


class _Licences(Limit):
    """Licences that are accepted: any of several names instead of a number."""

    option = "--licence"

    def parse(self, bound: str | Sequence[str]) -> tuple[str, ...]:
        names = bound.split(",") if isinstance(bound, str) else bound
        if not (found := tuple(name.strip().lower() for name in names if name.strip())):
            raise ConfigError(f"licences {bound!r}: name one at least, or leave them away")
        return found

    def excess(self, costs: Costs, bound: tuple[str, ...]) -> float:
        return 0.0 if costs.licence in bound else math.inf

    def relieve(self, bound: tuple[str, ...]) -> None:
        return None

    def format(self, value: str | tuple[str, ...] | None) -> str:
        if value is None:
            return "any licence"
        return (value or "no licence") if isinstance(value, str) else ", ".join(value)

    def describe_cut(self, costs: Sequence[Costs], bound: tuple[str, ...]) -> list[str]:
        stated = sum(bool(own.licence) for own in costs)
        other = f"another licence than {' or '.join(bound)}"
        rows = ((stated, "has", "have", other), (len(costs) - stated, "states", "state", "no licence"))
        return [
            f"{count} {f'model {one}' if count == 1 else f'models {many}'} {what}"
            for count, one, many, what in rows
            if count
        ]


_ROWS = (
    Limit("max_params", "count", lambda own: own.params, "the parameters", noun=" parameters"),
    Limit(
        *("max_flops", "count", lambda own: own.flops, "the operations of one forward pass"),
        **{"noun": "FLOPs", "column": "gmacs", "scale": 2e9, "example": "1G"},
    ),
    Limit(
        *("max_memory", "memory", lambda own: own.memory, "weights and activations of one image"),
        **{"column": "memory_mib", "scale": 2**20, "heading": ("MiB", 2**20, 1)},
    ),
    Limit(
        *("max_latency", "time", lambda own: own.latency, "nine of ten forward passes of one image"),
        **{"column": "latency_high_ms", "heading": ("ms", 1, 2)},
    ),
    Limit(
        *("min_throughput", "rate", lambda own: own.throughput, "the images per second, in batches"),
        **{"column": "throughput", "heading": ("images/s", 1, 1)},
    ),
    Limit(
        *("max_energy", "energy", lambda own: own.energy, "the energy for one image"),
        **{"column": "energy_j", "heading": ("mJ", 1e-3, 2)},
    ),
    _Licences("licences", "", lambda own: own.licence, "the licences that are accepted", example="A,B"),
)
LIMITS = {limit.name: limit for limit in _ROWS}
"""Everything that can be limited; a further limit is a further row."""


def read_limits(**written: Any) -> dict[str, Any]:
    """Read limits as they are typed.

    Raises:
        ConfigError: an unknown limit, or one that is not positive, has no unit, or names nothing.
    """
    for name in written:
        if name not in LIMITS:
            raise ConfigError(f"{name}: no such limit{suggest(name, LIMITS)}; there are {', '.join(LIMITS)}")
    given = {name: bound for name, bound in written.items() if bound is not None and bound != ()}
    return {name: limit.parse(given[name]) for name, limit in LIMITS.items() if name in given}


read_limits.__doc__ = (read_limits.__doc__ or "").replace(
    "typed.",
    "typed.\n\n    Args:\n"
    + "\n".join(
        f'        {name}: limit on {limit.about}, such as ``"{limit.typed}"``.' for name, limit in LIMITS.items()
    )
    + "\n\n    Returns:\n        The limits that are set, in the order of :data:`LIMITS`.",
    1,
)


def costs_of(card: Any, measured: Mapping[str, Any] | None, basis: str) -> Costs:
    """Costs of a model.

    Args:
        card: its card.
        measured: its measurements: ``peak_memory_mib``, ``threads`` -> ``latency_p90_ms`` and what else is there; None
            when it has none.
        basis: of the measurements, in words.
    """
    licence = card.licence.partition(";")[0].strip().lower()
    flops = 2e9 * card.gmacs if card.gmacs else None
    if measured is None:
        return Costs(card.num_params, flops, None, None, licence, "not measured", stated=vars(card))
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
        stated={**vars(card), **measured},
    )


def broken(costs: Costs, limits: Limits) -> list[str]:
    """Names of the limits a model breaks; one it cannot be shown to keep counts as broken."""
    return [name for name, bound in limits.items() if LIMITS[name].excess(costs, bound) > 1]


def relieved(limits: Limits, name: str) -> dict[str, Any]:
    """The limits with one of them a step wider."""
    wider = LIMITS[name].relieve(limits[name])
    rest = {other: wider if other == name else bound for other, bound in limits.items()}
    return {other: bound for other, bound in rest.items() if bound is not None}


def nearest_misses(costs: Mapping[str, Costs], limits: Limits) -> list[tuple[str, str]]:
    """The three models that break the limits by least, with the limit each misses by most.

    Returns:
        ``(model, limit)``, nearest first; models of unknown cost or another licence are farthest.
    """
    rows = []
    for model, own in costs.items():
        ratios = {name: LIMITS[name].excess(own, limits[name]) for name in broken(own, limits)}
        if ratios:
            worst = max(ratios, key=ratios.get)
            rows.append((ratios[worst], model, worst))
    return [(model, limit) for _, model, limit in sorted(rows)[:3]]
