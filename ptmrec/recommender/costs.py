"""Costs of models on this machine or a named device, the limits they keep, and their columns of an answer."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ptmrec.config.sections import HardwareConfig, PathsConfig
from ptmrec.core.errors import ArtifactError, NothingLeftError
from ptmrec.core.files import read_json
from ptmrec.core.progress import progress
from ptmrec.hardware.counting import count_activations
from ptmrec.hardware.devices import Device, Devices
from ptmrec.hardware.limits import LIMITS, Costs, Limits, broken, costs_of, nearest_misses
from ptmrec.hardware.machine import describe_machine
from ptmrec.hardware.pareto import pareto_front
from ptmrec.hardware.saved import MEASUREMENTS, find_saved, save_measurement
from ptmrec.hardware.timings import architecture
from ptmrec.zoo.python_model import SharedSnapshot
from ptmrec.zoo.real import is_real
from ptmrec.zoo.snapshot import Snapshot

if TYPE_CHECKING:
    import pandas as pd

    from ptmrec.hardware.estimates import Estimate
    from ptmrec.recommender.ranking import Ranking
    from ptmrec.recommender.recommendation import Recommendation

TRIES = 3
"""Times a model is measured before the table's value stands in for a machine that is never quiet."""
COLUMNS = (
    *("latency_ms", "latency_p90_ms", "latency_high_ms", "latency_basis", "throughput", "memory_mib", "gmacs"),
    *("energy_j", "energy_basis"),
)
"""Columns of costs in the order of schema 1; those of further limits come after them."""
SHOWN = ("max_latency", "max_memory")
"""Limits whose costs a terminal shows whenever they are known."""


class CostBook:
    """Costs of models, each with its basis.

    Without a device: what ``ptmrec measure --save`` measured on this machine, otherwise the committed table, which was
    measured on one thread of the machine it names; a measurement that is marked as not to be relied on binds nothing,
    and the basis says why. With a device: a table of it, otherwise an estimate whose upper end is held against limits.

    Args:
        paths: where tables and measurements lie.
        device: name of a device; this machine without it.

    Raises:
        ConfigError: no such device.
        ArtifactError: a table is damaged.
    """

    def __init__(self, paths: PathsConfig, device: str | None = None) -> None:
        self.paths, self.machine = paths, describe_machine()
        self.table: dict[str, Any] = read_json(paths.costs)
        self.device: Device | None = None
        if device:
            devices = Devices(paths.published, paths.devices, self.table["real_machine"]["processor"])
            self.device = devices.find(device)
        self._measured: dict[str, dict[str, Any]] = {}

    @property
    def device_info(self) -> dict[str, Any]:
        """The device with its name, as answers describe it."""
        if self.device is None:
            return {"name": "this machine", **self.machine}
        profile = self.device.profile
        return {"name": self.device.name, "memory_gib": profile.memory_gib, "source": profile.source}

    def add_measurement(self, measurement: Mapping[str, Any]) -> None:
        """Use a measurement made now."""
        self._measured[measurement["model"]] = dict(measurement)

    def costs(self, snapshots: Sequence[Snapshot]) -> dict[str, Costs]:
        """Costs of models by name."""
        return {snapshot.name: self._of(snapshot) for snapshot in snapshots}

    def published(self, name: str, card: Mapping[str, Any]) -> Costs:
        """Costs of a published model, from its card."""
        gmacs = card.get("gmacs") or (card["gflops"] / 2 if card.get("gflops") else None)
        licence = str(card.get("licence") or "").partition(";")[0].strip().lower()
        flops = 2e9 * gmacs if gmacs else None
        bare = Costs(card.get("num_params") or None, flops, None, None, licence, "not measured", stated=card)
        if self.device is None:
            return bare
        counts = np.array([gmacs or np.nan, card.get("macts") or np.nan, card.get("num_params") or np.nan], dtype=float)
        return self._on_device(bare, *self.device.latency(counts, known_as=architecture(name, card)))

    def _of(self, snapshot: Snapshot) -> Costs:
        record = None if self.device else self._measured.get(snapshot.name) or self._find(snapshot)
        marks = "; ".join(record.get("marks", ())) if record else ""
        if record and not marks:
            return costs_of(snapshot.card, record, f"measured (this machine, {self.machine['processor']}, 1 thread)")
        entry = self.table["models"].get(snapshot.name)
        machine = self.table["real_machine" if is_real(snapshot) else "machine"]["processor"]
        unused = f"; measured here, not used: {marks}" if marks else ""
        costs = costs_of(snapshot.card, entry, f"table ({machine}, 1 thread{unused})")
        if self.device is None:
            return costs
        card, here = snapshot.card, costs.latency_p50
        counts = np.array([card.gmacs or np.nan, _activations(snapshot), card.num_params], dtype=float)
        known_as = f"{card.architecture.get('model')}@{card.input_size}"
        bare = replace(costs, latency=None, latency_p50=None, latency_p90=None, throughput=None, energy=None)
        return self._on_device(bare, *self.device.latency(counts, here, known_as))

    def _find(self, snapshot: Snapshot) -> dict[str, Any] | None:
        return find_saved(self.paths.artifacts / MEASUREMENTS, snapshot, self.machine, 1)

    def _on_device(self, bare: Costs, found: "Estimate", basis: str) -> Costs:
        if not np.isfinite(found.value):
            return replace(bare, basis=basis)
        watts = self.device.profile.watts
        stated = np.isfinite(watts)
        return replace(
            bare,
            latency=found.high,
            basis=basis,
            latency_p50=found.value,
            throughput=1e3 / found.high,  # one image at a time: batches may do better, never worse
            energy=found.high / 1e3 * watts if stated else None,
            energy_basis=f"estimated (time, at {watts:g} W)" if stated else "not measured",
        )


def _activations(snapshot: Snapshot) -> float:
    """1e6 activations of one image, counted; NaN for embedded models, which are unlike those of every table."""
    if snapshot.is_small:
        return np.nan
    size = snapshot.card.input_size
    try:
        found = count_activations(snapshot.load(), torch.zeros(1, 3, size, size)) / 1e6
        return found or np.nan  # torch counts none of an ONNX file
    except ArtifactError:  # known by its card or registration only
        return np.nan


def keep_limits(costs: Mapping[str, Costs], limits: Limits) -> set[str]:
    """Names of the models that keep all limits.

    Raises:
        NothingLeftError: no model keeps them; names the nearest misses and the limit that binds.
    """
    cut = {name: broken(own, limits) for name, own in costs.items()}
    kept = {name for name, limits_broken in cut.items() if not limits_broken}
    if kept:
        return kept
    if not costs:
        raise NothingLeftError("no model is left: the zoo is empty")
    counts = Counter(limit for own in cut.values() for limit in own)
    binding = max((limit for limit in limits if counts[limit]), key=counts.__getitem__)
    limit = LIMITS[binding]
    bound = limit.format(limits[binding])
    if all(limit.read(own) is None for own in costs.values()):
        first = next(iter(costs.values()))
        basis = first.basis if first.kind == "unknown" else "it is not known of any model"
        raise NothingLeftError(f"no model is left: {bound} cannot be shown to be kept by any ({basis})")
    misses = nearest_misses(costs, limits)
    named = ", ".join(f"{name} ({LIMITS[miss].format(LIMITS[miss].read(costs[name]))})" for name, miss in misses)
    raise NothingLeftError(f"no model is left: the limit that binds is {bound}; nearest: {named}")


def describe_cut(costs: Mapping[str, Costs], limits: Limits) -> list[str]:
    """How many models each limit cuts, a phrase each."""
    lines = []
    for name, bound in limits.items():
        cut = [own for own in costs.values() if name in broken(own, limits)]
        lines += LIMITS[name].describe_cut(cut, bound) if cut else []
    return lines


def describe_limits(answer: "Recommendation") -> list[str]:
    """What limits cut, what the next step of each would bring, and what the costs rest on."""
    limits, worth = answer.request.limits, answer.ranking.worth
    lines = describe_cut(answer.costs, limits)
    unit = "expected" if worth == "expected_accuracy" else f"of {worth.replace('_', ' ')}"
    for step in answer.relief:
        bound = LIMITS[step["limit"]].format(limits[step["limit"]])
        lines.append(f"{step['to']} instead of {bound}: {100 * step['gain']:+.1f} points {unit} ({step['model']})")
    bases = dict.fromkeys(answer.costs[name].basis for name in answer.frame["model"].head(answer.count))
    return [*lines, f"costs: {'; '.join(bases)}"]


def machine_of(device: Mapping[str, Any]) -> str:
    """The machine that costs hold for, in words."""
    name, processor = device.get("name", ""), device.get("processor", "")
    return f"{name} ({processor})" if processor and processor != name else name


def list_cut(costs: Mapping[str, Costs], limits: Limits) -> list[dict[str, str]]:
    """Models that break a limit: ``model``, the first ``limit`` it breaks and its own ``value``, in words."""
    rows = []
    for model, own in costs.items():
        for name in broken(own, limits)[:1]:
            limit = LIMITS[name]
            value = limit.format(limit.read(own))
            rows.append({"model": model, "limit": limit.format(limits[name]), "value": value})
    return rows


def measure_finalists(ranking: "Ranking", book: CostBook, count: int | None) -> "tuple[Ranking, dict[str, Costs]]":
    """Measure candidates on this machine, best first, until all that are shown are measured and keep the limits.

    Measurements are saved for later answers. One that is marked, as the machine was busy, is made again up to
    :data:`TRIES` times; then the table's value stands, with the reason.

    Args:
        ranking: within the limits, without verification.
        book: knows the costs of models; measurements are added to it.
        count: models that are shown; None measures all.

    Returns:
        The ranking of the models that still keep the limits, and the costs of all.

    Raises:
        NothingLeftError: measured, no model keeps the limits.
    """
    from ptmrec.hardware.measurement import measure_models

    tries: Counter[str] = Counter()
    config, limits = ranking.request.config, ranking.request.limits
    folder = config.get(PathsConfig).artifacts / MEASUREMENTS
    while True:
        costs = book.costs(ranking.candidates)
        ranking = ranking.narrow(keep_limits(costs, limits))
        first = ranking.frame["model"].iloc[:count]
        shown = [ranking.find(name) for name in first if name not in ranking.stand_ins]
        shown = [one for one in shown if not isinstance(one, SharedSnapshot)]  # whose weights are elsewhere
        todo = [one for one in shown if costs[one.name].kind != "measured" and tries[one.name] < TRIES]
        if not todo:
            return ranking, costs
        measured = measure_models(todo, config.get(HardwareConfig))
        for found in progress(measured, "measuring", len(todo), each=True):
            tries[found.model] += 1
            book.add_measurement(found.to_dict())
            if not found.marks:
                save_measurement(folder, found)


def with_costs(frame: "pd.DataFrame", costs: Sequence[Costs]) -> "pd.DataFrame":
    """Add to a frame of models the costs of each, their basis, and its membership of the Pareto front.

    ``latency_high_ms`` is what a limit is held against, see :class:`~ptmrec.hardware.limits.Costs`. The front is of
    expected accuracy against it; where no latency is known, against parameters.
    """
    columns = {
        "latency_ms": _numbers([own.latency_p50 for own in costs]),
        "latency_p90_ms": _numbers([own.latency_p90 for own in costs]),
        "latency_basis": [own.kind for own in costs],
        "energy_basis": [own.energy_basis for own in costs],
    }
    for limit in LIMITS.values():
        if limit.column:
            columns[limit.column] = _numbers([limit.read(own) for own in costs]) / limit.scale
    latency = columns["latency_high_ms"]
    paid = latency if np.isfinite(latency).any() else _numbers([own.params for own in costs])
    worth = frame["expected_accuracy"] if frame["expected_accuracy"].notna().any() else frame["score"]
    return frame.assign(
        **{name: columns[name] for name in (*COLUMNS, *(other for other in columns if other not in COLUMNS))},
        on_pareto=pareto_front(worth.to_numpy(), paid),
        cost_basis=[own.basis for own in costs],
    )


def readable_costs(frame: "pd.DataFrame", limits: Limits) -> "dict[str, pd.Series]":
    """The columns a terminal shows: latency, known memory, the costs that limits are set on, and the basis."""
    found = {}
    for name in dict.fromkeys((*SHOWN, *limits)):
        limit = LIMITS[name]
        if limit.heading and (name != "max_memory" or frame[limit.column].notna().any()):
            heading, size, decimals = limit.heading
            found[heading] = (frame[limit.column] * (limit.scale / size)).round(decimals)
    return found | {"basis": frame["latency_basis"]}


def _numbers(values: Sequence[float | None]) -> np.ndarray:
    return np.array([np.nan if value is None else value for value in values], dtype=float)
