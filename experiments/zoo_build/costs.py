"""Cost of each model, measured: parameters, FLOPs, peak memory, latency, throughput."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ptmrec.config.sections import CostConfig
from ptmrec.core.progress import progress
from ptmrec.hardware.counting import count_flops, peak_memory
from ptmrec.hardware.machine import describe_machine
from ptmrec.zoo.snapshot import Snapshot

METHOD = (
    "float32 on the CPU in inference mode. Latency: single forward passes of one image; throughput: passes of a"
    " batch. The models take turns in several rounds, so that a slow moment of the machine meets all of them; each"
    " turn warms up first. Percentiles and medians over all timed passes. Peak memory: weights, input and the"
    " largest sum of tensors alive in one pass, as torch's allocator counts them; the runtime itself is not in it."
)


def time_passes(model: nn.Module, images: Tensor, warm_up: int, repeats: int) -> list[float]:
    """Seconds of each of ``repeats`` forward passes after ``warm_up`` untimed ones."""
    seconds = []
    with torch.inference_mode():
        for turn in range(warm_up + repeats):
            started = time.perf_counter()
            model(images)
            if turn >= warm_up:
                seconds.append(time.perf_counter() - started)
    return seconds


@dataclass
class _Timing:
    """Timed passes of one model under one number of threads: of one image, and of a batch."""

    single: list[float]
    batch: list[float]

    def summary(self, batch_size: int) -> dict[str, float]:
        return {
            "latency_p50_ms": round(1e3 * float(np.percentile(self.single, 50)), 4),
            "latency_p90_ms": round(1e3 * float(np.percentile(self.single, 90)), 4),
            "throughput": round(batch_size / float(np.median(self.batch)), 1),
        }


def measure_costs(zoo: Sequence[Snapshot], config: CostConfig) -> dict[str, Any]:
    """Measure every model of a zoo on this machine.

    Args:
        zoo: snapshots that can be rebuilt.
        config: rounds, passes, batch size and numbers of threads.

    Returns:
        ``machine``, ``method``, ``settings`` and ``models``: name -> ``num_params``, ``gflops`` (1e9 of one
        image), ``peak_memory_mib`` (one image) and ``peak_memory_batch_mib``, and per number of threads
        ``latency_p50_ms``, ``latency_p90_ms`` (one image) and ``throughput`` (images per second).
    """
    before = torch.get_num_threads()
    candidates = {snapshot.name: _Candidate(snapshot.load(), snapshot.card.input_size) for snapshot in zoo}
    try:
        torch.set_num_threads(1)
        costs = {name: _fixed_costs(candidates[name], config) for name in progress(candidates, "counting")}
        for threads in config.threads:
            torch.set_num_threads(threads)
            for name, timing in _time_in_turns(candidates, config, f"timing, threads {threads}").items():
                costs[name]["threads"][str(threads)] = timing.summary(config.batch_size)
    finally:
        torch.set_num_threads(before)
    return {"machine": describe_machine(), "method": METHOD, "settings": asdict(config), "models": costs}


@dataclass(frozen=True)
class _Candidate:
    model: nn.Module
    input_size: int

    def images(self, count: int) -> Tensor:
        return torch.zeros(count, 3, self.input_size, self.input_size)


def _fixed_costs(candidate: _Candidate, config: CostConfig) -> dict[str, Any]:
    model, single, batch = candidate.model, candidate.images(1), candidate.images(config.batch_size)
    return {
        "num_params": sum(parameter.numel() for parameter in model.parameters()),
        "gflops": round(count_flops(model, single) / 1e9, 6),
        "peak_memory_mib": round(peak_memory(model, single) / 2**20, 4),
        "peak_memory_batch_mib": round(peak_memory(model, batch) / 2**20, 4),
        "threads": {},
    }


def _time_in_turns(candidates: dict[str, _Candidate], config: CostConfig, description: str) -> dict[str, _Timing]:
    timings = {name: _Timing([], []) for name in candidates}
    for _ in progress(range(config.rounds), description):
        for name, candidate in candidates.items():
            model, timing = candidate.model, timings[name]
            timing.single += time_passes(model, candidate.images(1), config.warm_up, config.passes)
            batch = candidate.images(config.batch_size)
            timing.batch += time_passes(model, batch, config.warm_up, config.batch_passes)
    return timings
