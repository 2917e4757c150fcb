"""Latency query by query: each starts when the one before has ended, as in MLPerf's single stream."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.stats import binom

CONFIDENCE = 0.95
"""How sure the upper bound of a percentile is."""
MARKED_DRIFT = 0.05
"""A reference model that got slower or faster by more than this share marks what was timed in between."""


@dataclass(frozen=True)
class Protocol:
    """How long a model is asked.

    Attributes:
        warm_up: untimed queries.
        queries: timed ones, at least.
        seconds: of timed queries, at least.
        most: seconds after which no query is asked any more, whatever is missing.
    """

    warm_up: int = 20
    queries: int = 200
    seconds: float = 2.0
    most: float = 10.0


def time_queries(ask: Callable[[], object], protocol: Protocol) -> np.ndarray:
    """Seconds ``(n,)`` of each timed query."""
    for _ in range(protocol.warm_up):
        ask()
    times: list[float] = []
    total = 0.0
    while total < protocol.most and (len(times) < protocol.queries or total < protocol.seconds):
        started = time.perf_counter()
        ask()
        times.append(time.perf_counter() - started)
        total += times[-1]
    return np.array(times)


def upper_rank(count: int, share: float = 0.9, confidence: float = CONFIDENCE) -> int | None:
    """Which of ``count`` sorted values is an upper bound of a percentile, counted from 1.

    The number of values below the percentile is binomial whatever the distribution: the value of rank r is at or above
    it with probability ``P(Binomial(count, share) <= r - 1)``.

    Returns:
        The smallest rank that is sure enough; None when even the largest of so few values is not.
    """
    rank = int(binom.ppf(confidence, count, share)) + 1
    return rank if rank <= count else None


def upper_bound(times: np.ndarray, share: float = 0.9) -> float:
    """Upper bound of a percentile of the times; infinite when there are too few of them."""
    rank = upper_rank(len(times), share)
    return math.inf if rank is None else float(np.sort(times)[rank - 1])


def summarise_queries(times: np.ndarray) -> dict[str, float | int | None]:
    """``latency_p50_ms``, ``latency_p90_ms``, ``latency_high_ms`` (95 % upper bound of p90) and ``queries``."""
    high = upper_bound(times)
    return {
        "latency_p50_ms": round(1e3 * float(np.percentile(times, 50)), 4),
        "latency_p90_ms": round(1e3 * float(np.percentile(times, 90)), 4),
        "latency_high_ms": round(1e3 * high, 4) if math.isfinite(high) else None,
        "queries": len(times),
    }


def drifted(first: float, last: float) -> bool:
    """Whether a reference timed before and after others says that the machine has changed in between."""
    return abs(last / first - 1) > MARKED_DRIFT
