"""Devices by name: this machine, those with a table of latencies, and those of which only a profile is known."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ptmrec.errors import ArtifactError, ConfigError
from ptmrec.files import read_json
from ptmrec.hardware.estimates import Estimate, LatencyModel, conformal_factor, fit_latency
from ptmrec.hardware.timings import Timings, read_timings

PROFILES = "profiles.json"
FIELDS = {"memory_gib": float, "gflops": float, "bandwidth_gbs": float, "watts": float, "kind": str, "source": str}
CALIBRATING = ("i9-10940X", "i7-12700H")
"""Processors with both a profile and a table: how well peaks foretell times is measured on them."""


@dataclass(frozen=True)
class Profile:
    """What a data sheet says of a device; None = it depends.

    Attributes:
        kind: ``CPU`` or ``GPU``.
        memory_gib: memory that models can use.
        gflops: 1e9 float32 operations a second at the peak.
        bandwidth_gbs: 1e9 bytes a second to and from memory.
        watts: power under load.
        source: how the numbers come about.
    """

    kind: str
    memory_gib: float | None
    gflops: float
    bandwidth_gbs: float
    watts: float
    source: str


@dataclass(frozen=True)
class Device:
    """A device by name; see :meth:`Devices.find`.

    Attributes:
        name: as it is known.
        profile: its data sheet; None when only times are known.
        timings: latencies measured on it; None when there are none.
        model: what estimates latency from counts; None without a table.
        bridge: how many times as long a model takes as on the machine of the committed costs, with its interval;
            None when nothing connects the two.
    """

    name: str
    profile: Profile | None = None
    timings: Timings | None = None
    model: LatencyModel | None = field(default=None, repr=False)
    bridge: Estimate | None = None

    def latency(self, counts: np.ndarray, here_ms: float | None = None, known_as: str = "") -> tuple[Estimate, str]:
        """Milliseconds of one image, and what they rest on.

        Args:
            counts: ``(3,)`` of :data:`~ptmrec.hardware.timings.COUNTED`, NaN = not known.
            here_ms: on the machine of the committed costs.
            known_as: architecture@size, as tables name it.

        Returns:
            Estimate and basis; NaN and ``not known ...`` where nothing can be said.
        """
        if self.timings is not None and known_as in self.timings.by_model:
            ms = self.timings.by_model[known_as]
            return Estimate(ms, ms, ms), f"table ({self.name}: {self.timings.source}; means, no percentiles)"
        found = self.model.estimate(counts) if self.model is not None else None
        if found is not None:
            return (
                found,
                f"estimated ({self.name}: from operations, activations and parameters, {len(self.timings)} models)",
            )
        if here_ms and self.bridge is not None:
            scaled = (here_ms * self.bridge.value, here_ms * self.bridge.low, here_ms * self.bridge.high)
            how = "models timed on both" if self.timings is not None else "peak operations of the data sheets"
            return Estimate(*scaled), f"estimated ({self.name}: from the time here, scaled by {how})"
        return Estimate(np.nan, np.nan, np.nan), f"not known for {self.name}"


class Devices:
    """Every device that is known.

    Args:
        published: folder of the published tables.
        folder: profiles and device tables.
        here: name of the device table of the machine of the committed costs.

    Raises:
        ArtifactError: a table or profile is damaged.
    """

    def __init__(self, published: Path, folder: Path, here: str) -> None:
        self.profiles = read_profiles(folder / PROFILES)
        self.here, self.folder, self.published = here, folder, published

    @cached_property
    def timings(self) -> dict[str, Timings]:
        """Tables of latencies by device."""
        return read_timings(self.published, self.folder)

    @property
    def names(self) -> list[str]:
        """Every device by name."""
        return list(dict.fromkeys([*self.profiles, *self.timings]))

    def find(self, name: str) -> Device:
        """The device somebody means, whatever spaces, hyphens and capitals.

        Raises:
            ConfigError: there is none of this name.
        """
        plain = {_plain(known): known for known in self.names}
        found = plain.get(_plain(name))
        if found is None:
            near = get_close_matches(_plain(name), plain, n=1, cutoff=0.5)
            hint = f"did you mean {plain[near[0]]}?" if near else "see ptmrec plan --devices"
            raise ConfigError(f"no device {name!r} is known; {hint}")
        timings, profile = self.timings.get(found), self.profiles.get(found)
        return Device(found, profile, timings, self._model(timings), self._bridge(found))

    def _model(self, timings: Timings | None) -> LatencyModel | None:
        if timings is None:
            return None
        rows = timings.counted
        families = tuple(np.array(timings.families)[rows])
        return fit_latency(timings.counts[rows], timings.ms[rows], families)

    def _bridge(self, name: str) -> Estimate | None:
        """Times as long as here: from models timed on both, else by peak operations from processors timed on both."""
        own = self._ratio(name, self.here)
        if own is not None or name not in self.profiles or self.profiles[name].kind != "CPU":
            return own
        ratios = {other: self._ratio(other, self.here) for other in CALIBRATING}
        scaled = {
            other: ratio.value * self.profiles[other].gflops / self.profiles[name].gflops
            for other, ratio in ratios.items()
            if ratio is not None
        }
        if len(scaled) < 2:
            return None
        spread = max(ratio.high / ratio.value for ratio in ratios.values() if ratio is not None)
        middle = float(np.exp(np.mean(np.log(list(scaled.values())))))
        apart = max(scaled.values()) / min(scaled.values())  # two processors whose peaks disagree by so much
        return Estimate.around(middle, apart * spread)

    def _ratio(self, name: str, other: str) -> Estimate | None:
        """How many times as long models take on one device as on another; None without a few timed on both."""
        first, second = self.timings.get(name), self.timings.get(other)
        both = set(first.models) & set(second.models) if first and second else set()
        if len(both) < 5:
            return None
        ratios = np.array([first.by_model[model] / second.by_model[model] for model in sorted(both)])
        middle = float(np.median(ratios))
        factor = conformal_factor(ratios, np.full(len(ratios), middle))
        return Estimate.around(middle, min(factor, float(np.max(np.maximum(ratios / middle, middle / ratios)))))


def read_profiles(path: Path) -> dict[str, Profile]:
    """The profiles by device; none without the file.

    Raises:
        ArtifactError: damaged file, or a field is missing or of the wrong type.
    """
    if not path.is_file():
        return {}
    data = read_json(path)
    if not isinstance(data, dict):
        raise ArtifactError(f"{path}: expected an object: device -> profile")
    return {name: _profile(f"{path}: {name!r}", entry) for name, entry in data.items()}


def _profile(where: str, entry: Any) -> Profile:
    if not isinstance(entry, Mapping):
        raise ArtifactError(f"{where}: expected an object with {', '.join(FIELDS)}")
    for name, kind in FIELDS.items():
        value = entry.get(name)
        number = isinstance(value, int | float) and not isinstance(value, bool) and value > 0
        if not (number if kind is float else isinstance(value, str)) and (name != "memory_gib" or name not in entry):
            raise ArtifactError(f"{where}: {name!r} should be {'a positive number' if kind is float else 'text'}")
    return Profile(**{name: entry[name] for name in FIELDS})


def _plain(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum())
