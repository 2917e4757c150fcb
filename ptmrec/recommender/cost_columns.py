"""What models cost, as columns of an answer."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ptmrec.hardware.limits import Costs, Limits
from ptmrec.hardware.pareto import pareto_front


def with_costs(frame: pd.DataFrame, costs: Sequence[Costs]) -> pd.DataFrame:
    """The frame with what each of its models costs, what that rests on, and whether it is on the Pareto front.

    ``latency_high_ms`` is what a limit is held against, see :class:`~ptmrec.hardware.limits.Costs`. The front is of
    expected accuracy against it; where no latency is known, against parameters.
    """
    latency = _numbers([own.latency for own in costs])
    paid = latency if np.isfinite(latency).any() else _numbers([own.params for own in costs])
    return frame.assign(
        latency_ms=_numbers([own.latency_p50 for own in costs]),
        latency_p90_ms=_numbers([own.latency_p90 for own in costs]),
        latency_high_ms=latency,
        latency_basis=[own.kind for own in costs],
        throughput=_numbers([own.throughput for own in costs]),
        memory_mib=_numbers([own.memory for own in costs]) / 2**20,
        gmacs=_numbers([own.flops for own in costs]) / 2e9,
        energy_j=_numbers([own.energy for own in costs]),
        energy_basis=[own.energy_basis for own in costs],
        on_pareto=pareto_front(frame["expected_accuracy"].to_numpy(), paid),
        cost_basis=[own.basis for own in costs],
    )


def readable_costs(frame: pd.DataFrame, limits: Limits) -> dict[str, pd.Series]:
    """The columns a terminal shows: what limits were set on, and what latency rests on."""
    found = {"ms": frame["latency_high_ms"].round(2)}
    if frame["memory_mib"].notna().any():
        found["MiB"] = frame["memory_mib"].round(1)
    if limits.min_throughput:
        found["images/s"] = frame["throughput"].round(1)
    if limits.max_energy:
        found["mJ"] = (1e3 * frame["energy_j"]).round(2)
    return found | {"basis": frame["latency_basis"]}


def _numbers(values: Sequence[float | None]) -> np.ndarray:
    return np.array([np.nan if value is None else value for value in values], dtype=float)
