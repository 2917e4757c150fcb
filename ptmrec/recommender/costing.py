"""What models cost on this machine, or on a device somebody names."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ptmrec.config.sections import PathsConfig
from ptmrec.core.errors import ArtifactError
from ptmrec.core.files import read_json
from ptmrec.hardware.devices import Device, Devices
from ptmrec.hardware.estimates import Estimate
from ptmrec.hardware.limits import Costs, costs_of
from ptmrec.hardware.machine import describe_machine
from ptmrec.hardware.saved import MEASUREMENTS, find_saved
from ptmrec.hardware.timings import architecture
from ptmrec.zoo.real import is_real
from ptmrec.zoo.snapshot import Snapshot

EMBEDDED = "ptmrec"
"""Library that the cards of embedded models name."""


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
        self._devices = Devices(paths.published, paths.devices, self.table["real_machine"]["processor"])
        self.device: Device | None = self._devices.find(device) if device else None
        self._measured: dict[str, dict[str, Any]] = {}

    @property
    def said(self) -> dict[str, Any]:
        """The device as the answer names it."""
        if self.device is None:
            return {"name": "this machine", **self.machine}
        profile = self.device.profile
        memory = profile.memory_gib if profile else None
        return {"name": self.device.name, "memory_gib": memory, "source": profile.source if profile else ""}

    def take(self, measurement: Mapping[str, Any]) -> None:
        """Use a measurement made now."""
        self._measured[measurement["model"]] = dict(measurement)

    def costs(self, snapshots: Sequence[Snapshot]) -> dict[str, Costs]:
        """Costs of models by name."""
        return {snapshot.name: self._of(snapshot) for snapshot in snapshots}

    def published(self, name: str, card: Mapping[str, Any]) -> Costs:
        """Costs of a published model, of which only its card is known."""
        gmacs = card.get("gmacs") or (card["gflops"] / 2 if card.get("gflops") else None)
        licence = str(card.get("licence") or "").partition(";")[0].strip().lower()
        flops = 2e9 * gmacs if gmacs else None
        bare = Costs(card.get("num_params") or np.inf, flops, None, None, licence, "not measured")
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

    def _on_device(self, bare: Costs, found: Estimate, basis: str) -> Costs:
        if not np.isfinite(found.value):
            return replace(bare, basis=basis)
        profile = self.device.profile
        watts = profile.watts if profile else None
        return replace(
            bare,
            latency=found.high,
            basis=basis,
            latency_p50=found.value,
            throughput=1e3 / found.high,  # one image at a time: batches may do better, never worse
            energy=found.high / 1e3 * watts if watts else None,
            energy_basis=f"estimated (time, at {watts:g} W)" if watts else "not measured",
        )


def _activations(snapshot: Snapshot) -> float:
    """1e6 activations of one image, counted; NaN for embedded models, which no table of a device has the like of."""
    if snapshot.card.architecture.get("library") == EMBEDDED:
        return np.nan
    import torch

    from ptmrec.hardware.counting import count_activations

    size = snapshot.card.input_size
    try:
        return count_activations(snapshot.load(), torch.zeros(1, 3, size, size)) / 1e6
    except ArtifactError:  # known by its card only
        return np.nan
