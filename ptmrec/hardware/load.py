"""Waiting for a quiet machine: what else runs is timed, too."""

import time

import psutil

STEP = 0.5
"""Seconds that the load is watched at a time."""
HOT = 85.0
"""Degrees Celsius at which processors begin to slow down, where they say how hot they are."""


def busy_share(seconds: float = STEP) -> float:
    """Share of the processor time that is taken, 0 to 1, over some seconds in which this process does nothing."""
    return psutil.cpu_percent(interval=seconds) / 100


def hottest() -> float | None:
    """Degrees Celsius of the hottest sensor; None where none can be read."""
    read = getattr(psutil, "sensors_temperatures", dict)()
    return max((sensor.current for sensors in read.values() for sensor in sensors), default=None)


def wait_until_quiet(share: float, patience: float) -> float:
    """Wait until no more than a share of the machine is busy and nothing is hot.

    Args:
        share: busy share that is quiet enough.
        patience: seconds after which to go on all the same.

    Returns:
        The busy share last seen: above ``share`` when patience ran out.
    """
    started = time.monotonic()
    while True:
        busy, heat = busy_share(), hottest()
        if (busy <= share and (heat is None or heat < HOT)) or time.monotonic() - started >= patience:
            return busy
