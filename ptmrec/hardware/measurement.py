"""Measured costs of models on this machine, query by query as in MLPerf's single stream.

Models run as float32 in inference mode, images are ready in memory (decoding and resizing are not timed). The machine
is waited for until it is quiet; then batch sizes are swept, then single images are asked for query by query, each when
the one before has ended. ``latency_high_ms`` is the 95 % upper bound of the 90th percentile from order statistics. A
reference network is timed before the first and after the last model; a drift above 5 % marks the models in between.
"""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import timm
import torch
from scipy.stats import binom
from torch import nn

from ptmrec.config.sections import HardwareConfig
from ptmrec.core.errors import ArtifactError
from ptmrec.hardware.counting import count_activations, count_flops, peak_memory
from ptmrec.hardware.machine import describe_machine, fresh_process_memory, start_meter, wait_until_quiet
from ptmrec.zoo.snapshot import Snapshot

REFERENCE = "resnet18"
"""timm's network, with random weights, that is timed first and last."""
CONFIDENCE = 0.95
"""Confidence of the upper bound of a percentile."""
MARKED_DRIFT = 0.05
"""Share by which a reference model gets slower or faster that marks the models timed in between."""


@dataclass(frozen=True)
class Measurement:
    """Measured costs of one model on one machine.

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
        energy_j: joule of one image; energy_basis: its basis.
        busy: share of the machine that other programs took before; marks: reasons not to rely on the numbers.
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


def measure_models(snapshots: Sequence[Snapshot], config: HardwareConfig) -> Iterator[Measurement]:
    """Measure models on this machine; each as soon as all its reference timings are there.

    Args:
        snapshots: models that can be rebuilt.
        config: how long.

    Raises:
        ArtifactError: a model cannot be rebuilt.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(config.threads)
    try:
        ask = _reference()
        first = _median(ask, config)
        for snapshot in snapshots:
            found = _measure(snapshot, config, wait_until_quiet(config.quiet, config.wait))
            last = _median(ask, config)
            drift, first = last / first - 1, last
            if abs(drift) > MARKED_DRIFT:
                found = replace(found, marks=(*found.marks, f"a reference network drifted by {100 * drift:+.0f} %"))
            yield found
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
    return float(np.median(time_queries(ask, config.warm_up, config.reference_queries, 0.0, config.most)))


def _measure(snapshot: Snapshot, config: HardwareConfig, busy: float) -> Measurement:
    model, size = snapshot.load(), snapshot.card.input_size
    if size is None:
        raise ArtifactError(f"{snapshot.name}: its card does not state the input size; state it there")
    single, digest = torch.zeros(1, 3, size, size), snapshot.digest()
    stored = sum(tensor.nbytes for _, tensor in snapshot.tensors())
    batches = {str(count): _throughput(model, count, size, config) for count in config.batch_sizes}
    times = time_queries(_asking(model, single), config.warm_up, config.queries, config.seconds, config.most)
    energy, basis = _energy(model, single, times, config)
    memory, summary = fresh_process_memory(snapshot, size), summarise_queries(times)
    summary |= {"throughput": max(batches.values()), "batches": batches}
    loaded = f"the machine was loaded ({busy:.0%} busy)" if busy > config.quiet else ""
    few = "" if summary["latency_high_ms"] else f"{len(times)} queries are too few for an upper bound"
    return Measurement(
        **{"model": snapshot.name, "hash": digest, "machine": describe_machine()},
        **{"num_params": sum(p.numel() for p in model.parameters()), "file_mib": round(stored / 2**20, 3)},
        gmacs=round(count_flops(model, single) / 2e9, 6),
        macts=round(count_activations(model, single) / 1e6, 6),
        peak_memory_mib=round(peak_memory(model, single) / 2**20, 4),
        process_memory_mib=None if memory is None else round(memory / 2**20, 2),
        threads={str(config.threads): summary},
        **{"energy_j": float(f"{energy:.4g}"), "energy_basis": basis, "busy": round(busy, 3)},
        marks=tuple(mark for mark in (loaded, few) if mark),
    )


def _throughput(model: nn.Module, count: int, size: int, config: HardwareConfig) -> float:
    times = time_queries(_asking(model, torch.zeros(count, 3, size, size)), 1, 3, config.batch_seconds, config.most)
    return round(count / float(np.median(times)), 1)


def _energy(model: nn.Module, single: torch.Tensor, times: np.ndarray, config: HardwareConfig) -> tuple[float, str]:
    """Joule of one image: over enough queries that counters have moved."""
    count = max(1, math.ceil(config.batch_seconds / float(np.median(times))))
    ask, stop = _asking(model, single), start_meter(config.threads * config.watts_per_core)
    for _ in range(count):
        ask()
    joule, basis = stop()
    return joule / count, basis


def time_queries(ask: Callable[[], object], warm_up: int, queries: int, seconds: float, most: float) -> np.ndarray:
    """Time queries: seconds ``(n,)`` of each timed one.

    Args:
        ask: one query.
        warm_up: untimed queries.
        queries: timed ones, at least.
        seconds: of timed queries, at least.
        most: seconds after which no query is asked any more, whatever is missing.
    """
    for _ in range(warm_up):
        ask()
    times: list[float] = []
    total = 0.0
    while total < most and (len(times) < queries or total < seconds):
        started = time.perf_counter()
        ask()
        times.append(time.perf_counter() - started)
        total += times[-1]
    return np.array(times)


def upper_rank(count: int) -> int | None:
    """Rank, counted from 1, of the value among ``count`` sorted ones that is an upper bound of the 90th percentile.

    The number of values below the percentile is binomial whatever the distribution: the value of rank r is at or above
    it with probability ``P(Binomial(count, 0.9) <= r - 1)``.

    Returns:
        The smallest rank with :data:`CONFIDENCE`; None when even the largest of so few values has it not.
    """
    rank = int(binom.ppf(CONFIDENCE, count, 0.9)) + 1
    return rank if rank <= count else None


def summarise_queries(times: np.ndarray) -> dict[str, float | int | None]:
    """``latency_p50_ms``, ``latency_p90_ms``, ``latency_high_ms`` (95 % upper bound of p90) and ``queries``."""
    rank = upper_rank(len(times))
    return {
        "latency_p50_ms": round(1e3 * float(np.percentile(times, 50)), 4),
        "latency_p90_ms": round(1e3 * float(np.percentile(times, 90)), 4),
        "latency_high_ms": None if rank is None else round(1e3 * float(np.sort(times)[rank - 1]), 4),
        "queries": len(times),
    }
