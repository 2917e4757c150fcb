"""Choosing among N models for a new data set: eight references against running every candidate."""

import numpy as np

from benchmarks.candidates import SHOWN, Demo, published_names, seconds_per_image
from benchmarks.timing import Row, compare, take_turns

COUNTS = (50, 100, 200)
REACH = 1 / 50
PUBLISHED = "passes of published networks"
"""What running as many published networks is called."""
SAMPLED = 24
"""Published architectures that are timed, two images each, for the mean pass of one image."""


def run() -> list[Row]:
    """Seconds of both for the demo's images, and the same against published networks by their mean pass."""
    demo, rows = Demo(), []
    passes = np.array([seconds_per_image(name) for name in published_names(SAMPLED)])
    for count in COUNTS:
        peers = SHOWN if count == COUNTS[-1] else {"LogME": SHOWN["LogME"]}
        ways = {"ours": lambda count=count: demo.ask(count)}
        ways |= {
            f"{name} of our small networks": lambda count=count, name=name: demo.run_all(count, SHOWN[name])
            for name in peers
        }
        work = f"choosing among {count} models, {len(demo.images)} images"
        seconds = take_turns(ways, 3)
        rows += compare(work, seconds, "ours", dict.fromkeys(list(ways)[1:], REACH if count == COUNTS[-1] else None))
        rows.append(_against_published(work, seconds["ours"], passes * len(demo.images) * count, count))
    return rows


def _against_published(work: str, ours: np.ndarray, theirs: np.ndarray, count: int) -> Row:
    """Passes of as many published networks, were all of them like the mean of those timed."""
    ratio = float(np.median(ours)) / theirs.mean()
    low, high = (float(np.median(ours)) / value for value in _interval(theirs))
    note = f"mean pass of {len(theirs)} architectures, {theirs.mean() / count:.1f} s a model; 95 % of the mean"
    reach = REACH if count == COUNTS[-1] else None
    return Row(work, PUBLISHED, float(np.median(ours)), theirs.mean(), ratio, low, high, reach, note=note)


def _interval(values: np.ndarray) -> tuple[float, float]:
    """Of the mean, largest first."""
    error = 1.96 * values.std(ddof=1) / np.sqrt(len(values))
    return values.mean() + error, max(values.mean() - error, 1e-9)
