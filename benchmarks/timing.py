"""Timing several ways to do the same work in turns, so that a slow moment of the machine meets all of them."""

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass

import numpy as np


@dataclass(frozen=True)
class Row:
    """One comparison.

    Attributes:
        work: what is done.
        peer: what it is compared with.
        ours: median of ours, in ``unit``; theirs: of the peer, or the limit.
        ratio: median over the rounds of ours over theirs; low, high: quartiles.
        reach: the ratio wanted at most (with ``larger``: at least).
        unit: of both.
        larger: whether a larger ratio is better.
        note: what else is to be said.
    """

    work: str
    peer: str
    ours: float
    theirs: float
    ratio: float
    low: float
    high: float
    reach: float | None
    unit: str = "s"
    larger: bool = False
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the ratio is within reach; None when none is set."""
        if self.reach is None:
            return None
        return bool(self.ratio >= self.reach if self.larger else self.ratio <= self.reach)

    def to_dict(self) -> dict[str, object]:
        """As data."""
        return asdict(self) | {"met": self.met}


def take_turns(ways: Mapping[str, Callable[[], object]], rounds: int, warm_up: int = 1) -> dict[str, np.ndarray]:
    """Seconds ``(rounds,)`` of each way; every round runs all of them, in an order that turns."""
    for _ in range(warm_up):
        for run in ways.values():
            run()
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    names = list(ways)
    for turn in range(rounds):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            started = time.perf_counter()
            ways[name]()
            seconds[name].append(time.perf_counter() - started)
    return {name: np.array(values) for name, values in seconds.items()}


def compare(
    work: str,
    seconds: Mapping[str, np.ndarray],
    ours: str,
    reaches: Mapping[str, float | None],
    note: str = "",
) -> list[Row]:
    """Rows of one way against others, by ratios within each round.

    Args:
        work: what is done.
        seconds: result of :func:`take_turns`.
        ours: name of ours.
        reaches: peer -> ratio wanted at most; None: none is.
        note: for each row.
    """
    rows = []
    for peer, reach in reaches.items():
        ratios = seconds[ours] / seconds[peer]
        middle, low, high = np.quantile(ratios, [0.5, 0.25, 0.75])
        medians = (float(np.median(seconds[name])) for name in (ours, peer))
        rows.append(Row(work, peer, *medians, float(middle), float(low), float(high), reach, note=note))
    return rows


def against_limit(work: str, values: np.ndarray, limit: float, unit: str = "s", note: str = "") -> Row:
    """A row of measured values against a fixed limit that they should not exceed."""
    middle, low, high = np.quantile(values, [0.5, 0.25, 0.75])
    ratios = (float(value / limit) for value in (middle, low, high))
    return Row(work, f"limit of {limit:g} {unit}", float(middle), limit, *ratios, 1.0, unit, note=note)
