"""What one model costs on this machine, measured with care: see :data:`PROCEDURE`."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import timm
import torch
from torch import nn

from ptmrec.config.sections import HardwareConfig
from ptmrec.core.errors import ArtifactError
from ptmrec.hardware.counting import count_activations, count_flops, peak_memory
from ptmrec.hardware.energy import EnergyMeter
from ptmrec.hardware.load import wait_until_quiet
from ptmrec.hardware.machine import describe_machine
from ptmrec.hardware.process_memory import fresh_process_memory
from ptmrec.hardware.queries import Protocol, drifted, summarise_queries, time_queries
from ptmrec.zoo.snapshot import Snapshot, tensor_hash

PROCEDURE = (
    "float32 in inference mode, images ready in memory (decoding and resizing are not timed). The machine is waited"
    " for until it is quiet; then batch sizes are swept, then single images are asked for query by query, each when"
    " the one before has ended. latency_high_ms is the 95 % upper bound of the 90th percentile from order statistics."
    " A reference network is timed before the first and after the last model; a drift above 5 % marks the models in"
    " between."
)
REFERENCE = "resnet18"
"""timm's network, with random weights, that is timed first and last."""


@dataclass(frozen=True)
class Measurement:
    """What one model costs on one machine.

    Attributes:
        model: its name.
        hash: SHA-256 of its tensors.
        machine: from :func:`~ptmrec.hardware.machine.describe_machine`.
        num_params: parameters.
        file_mib: MiB of its tensors as stored.
        gmacs: 1e9 multiply-accumulates of one image; macts: 1e6 activations.
        peak_memory_mib: weights, input and activations of one image, counted; process_memory_mib: growth of a fresh
            process, None when it was killed.
        threads: number of threads -> ``latency_p50_ms, latency_p90_ms, latency_high_ms, queries, throughput`` (images
            per second at the best batch size) and ``batches`` (batch size -> images per second).
        energy_j: joule of one image; energy_basis: what it rests on.
        busy: share of the machine that something else took before; marks: why not to rely on it; empty when there
            is no reason.
    """

    model: str
    hash: str
    machine: dict[str, Any]
    num_params: int
    file_mib: float
    gmacs: float
    macts: float
    peak_memory_mib: float
    process_memory_mib: float | None
    threads: dict[str, dict[str, Any]]
    energy_j: float
    energy_basis: str
    busy: float
    marks: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """As plain data for JSON."""
        return asdict(self) | {"marks": list(self.marks)}


def measure_models(
    snapshots: Sequence[Snapshot], config: HardwareConfig, wait: float | None = None
) -> Iterator[Measurement]:
    """Measure models on this machine, see :data:`PROCEDURE`; each as soon as all its reference timings are there.

    Args:
        snapshots: models that can be rebuilt.
        config: how long.
        wait: seconds to wait for a quiet machine before each model; the configured ones without it.

    Raises:
        ArtifactError: a model cannot be rebuilt.
    """
    before, patience = torch.get_num_threads(), config.wait if wait is None else wait
    torch.set_num_threads(config.threads)
    try:
        ask = _reference()
        first = _median(ask, config)
        for snapshot in snapshots:
            found = _measure(snapshot, config, wait_until_quiet(config.quiet, patience))
            last = _median(ask, config)
            marks = (
                (f"a reference network drifted by {100 * (last / first - 1):+.0f} %",) if drifted(first, last) else ()
            )
            first = last
            yield Measurement(**found | {"marks": (*found["marks"], *marks)})
    finally:
        torch.set_num_threads(before)


def _reference() -> Callable[[], object]:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = timm.create_model(REFERENCE).eval()
    return _asking(network, torch.zeros(1, 3, 224, 224))


def _asking(model: nn.Module, images: torch.Tensor) -> Callable[[], object]:
    def ask() -> object:
        with torch.inference_mode():
            return model(images)

    return ask


def _median(ask: Callable[[], object], config: HardwareConfig) -> float:
    protocol = Protocol(config.warm_up, config.reference_queries, 0.0, config.most)
    return float(np.median(time_queries(ask, protocol)))


def _measure(snapshot: Snapshot, config: HardwareConfig, busy: float) -> dict[str, Any]:
    model, size = snapshot.load(), snapshot.card.input_size
    if size is None:
        raise ArtifactError(f"{snapshot.name}: its card does not state the input size; state it there")
    single, (digest, stored) = torch.zeros(1, 3, size, size), tensor_hash(snapshot)
    batches = {str(count): _throughput(model, count, size, config) for count in config.batch_sizes}
    times = time_queries(_asking(model, single), Protocol(config.warm_up, config.queries, config.seconds, config.most))
    energy, basis = _energy(model, single, times, config)
    memory, summary = fresh_process_memory(snapshot, size), summarise_queries(times)
    summary |= {"throughput": max(batches.values()), "batches": batches}
    loaded = f"the machine was loaded ({busy:.0%} busy)" if busy > config.quiet else ""
    few = "" if summary["latency_high_ms"] else f"{len(times)} queries are too few for an upper bound"
    return {
        **{"model": snapshot.name, "hash": digest, "machine": describe_machine()},
        **{"num_params": sum(p.numel() for p in model.parameters()), "file_mib": round(stored / 2**20, 3)},
        "gmacs": round(count_flops(model, single) / 2e9, 6),
        "macts": round(count_activations(model, single) / 1e6, 6),
        "peak_memory_mib": round(peak_memory(model, single) / 2**20, 4),
        "process_memory_mib": None if memory is None else round(memory / 2**20, 2),
        "threads": {str(config.threads): summary},
        **{"energy_j": float(f"{energy:.4g}"), "energy_basis": basis, "busy": round(busy, 3)},
        "marks": tuple(mark for mark in (loaded, few) if mark),
    }


def _throughput(model: nn.Module, count: int, size: int, config: HardwareConfig) -> float:
    protocol = Protocol(1, 3, config.batch_seconds, config.most)
    times = time_queries(_asking(model, torch.zeros(count, 3, size, size)), protocol)
    return round(count / float(np.median(times)), 1)


def _energy(model: nn.Module, single: torch.Tensor, times: np.ndarray, config: HardwareConfig) -> tuple[float, str]:
    """Joule of one image: over enough queries that counters have moved."""
    count = max(1, math.ceil(config.batch_seconds / float(np.median(times))))
    ask, meter = _asking(model, single), EnergyMeter(config.threads, config.watts_per_core)
    for _ in range(count):
        ask()
    joule, basis = meter.stop()
    return joule / count, basis
