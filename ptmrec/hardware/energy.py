"""Energy of work on the processor: read from its counters where the system lets us, otherwise estimated."""

import time
from dataclasses import dataclass, field
from pathlib import Path

COUNTERS = Path("/sys/class/powercap")
"""Where Linux shows the running average power limit counters (RAPL) of Intel and AMD processors."""


def read_counters(folder: Path = COUNTERS) -> dict[str, tuple[int, int]]:
    """Microjoule that each processor package has used, and where its counter begins anew; empty without them."""
    found = {}
    for path in sorted(folder.glob("intel-rapl:[0-9]*")) if folder.is_dir() else []:
        if path.name.count(":") > 1:  # a part of a package, which the package counts as well
            continue
        try:
            found[path.name] = (
                int((path / "energy_uj").read_text()),
                int((path / "max_energy_range_uj").read_text()),
            )
        except (OSError, ValueError):  # only root may read them on many systems
            return {}
    return found


@dataclass
class EnergyMeter:
    """Joule between two moments.

    Args:
        threads: that work in between.
        watts_per_core: what a busy core is taken to draw when there are no counters.
        folder: of the counters.
    """

    threads: int
    watts_per_core: float
    folder: Path = COUNTERS
    _before: dict[str, tuple[int, int]] = field(init=False)
    _started: float = field(init=False)

    def __post_init__(self) -> None:
        self._before = read_counters(self.folder)
        self._started = time.perf_counter()

    def stop(self) -> tuple[float, str]:
        """Joule since the meter was made, and what the number rests on.

        Counters count the whole processor, whoever uses it.
        """
        seconds, after = time.perf_counter() - self._started, read_counters(self.folder)
        if self._before and set(after) == set(self._before):
            used = ((after[name][0] - now) % full for name, (now, full) in self._before.items())
            return sum(used) / 1e6, "measured (RAPL, whole processor)"
        watts = self.threads * self.watts_per_core
        return seconds * watts, f"estimated ({watts:g} W while it runs)"
