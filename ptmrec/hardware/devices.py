"""Devices by name: this machine, those with a table of latencies, and those with a profile alone."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ptmrec.core.errors import ArtifactError, ConfigError
from ptmrec.core.files import is_number, read_json
from ptmrec.hardware.estimates import Estimate, LatencyModel, conformal_factor, fit_latency
from ptmrec.hardware.timings import Timings, read_timings

PROFILES = "profiles.json"
CALIBRATING = ("i9-10940X", "i7-12700H")
"""Processors with both a profile and a table: how well peaks foretell times is measured on them."""


@dataclass(frozen=True)
class Profile:
    """Data sheet of a device; None = it depends.

    Attributes:
        kind: ``CPU`` or ``GPU``.
        memory_gib: memory that models can use.
        gflops: 1e9 float32 operations a second at the peak.
        watts: power under load.
        source: how the numbers come about.
    """

    kind: str
    memory_gib: float | None
    gflops: float
    watts: float
    source: str


UNKNOWN = Profile("phone or board", None, np.nan, np.nan, "")
"""What stands for the data sheet of a device of which only times are known."""


@dataclass(frozen=True)
class Device:
    """A device by name; see :meth:`Devices.find`.

    Attributes:
        name: as it is known.
        profile: its data sheet; :data:`UNKNOWN` when only times are known.
        timings: latencies measured on it; None when there are none.
        model: what estimates latency from counts; None without a table.
        bridge: how many times as long a model takes as on the machine of the committed costs, with its interval;
            None when too few models were timed on both.
        base: a device with a table, where this one has none; scale: how many times as long as there, by the peaks of
            the data sheets.
    """

    name: str
    profile: Profile = UNKNOWN
    timings: Timings | None = None
    model: LatencyModel | None = field(default=None, repr=False)
    bridge: Estimate | None = None
    base: "Device | None" = field(default=None, repr=False)
    scale: Estimate | None = None

    def latency(self, counts: np.ndarray, here_ms: float | None = None, known_as: str = "") -> tuple[Estimate, str]:
        """Milliseconds of one image, and their basis.

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
            how = f"from operations, activations and parameters, {len(self.timings)} models"
            return found, f"estimated ({self.name}: {how})"
        if here_ms and self.bridge is not None:
            return self.bridge.times(here_ms), f"estimated ({self.name}: from the time here, by models timed on both)"
        if self.base is not None:
            there = self.base.latency(counts, here_ms, known_as)[0]
            scaled = Estimate(there.value * self.scale.value, there.low * self.scale.low, there.high * self.scale.high)
            if np.isfinite(scaled.value):
                return scaled, f"estimated ({self.name}: from {self.base.name}, by peak operations of the data sheets)"
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
        """Find a device by name, whatever its spaces, hyphens and capitals.

        Raises:
            ConfigError: there is none of this name.
        """
        plain = {_plain(known): known for known in self.names}
        found = plain.get(_plain(name))
        if found is None:
            near = get_close_matches(_plain(name), plain, n=1, cutoff=0.5)
            hint = f"did you mean {plain[near[0]]}?" if near else "see ptmrec plan --devices"
            raise ConfigError(f"no device {name!r} is known; {hint}")
        timings, profile = self.timings.get(found), self.profiles.get(found, UNKNOWN)
        scale = self._by_peaks(profile) if timings is None else None
        base = self.find(CALIBRATING[0]) if scale else None
        model = fit_timings(timings) if timings else None
        return Device(found, profile, timings, model, self._ratio(found, self.here), base, scale)

    def _by_peaks(self, profile: Profile) -> Estimate | None:
        """How many times as long as on the first calibrating processor, by peak operations.

        How far peaks can be wrong is how far they are from what the two calibrating processors really need.
        """
        first, second = CALIBRATING
        timed = self._ratio(second, first)
        if profile.kind != "CPU" or timed is None or not {first, second} <= set(self.profiles):
            return None
        foretold = self.profiles[first].gflops / self.profiles[second].gflops
        apart = max(timed.value / foretold, foretold / timed.value) * timed.high / timed.value
        return Estimate.around(self.profiles[first].gflops / profile.gflops, apart)

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


def fit_timings(timings: Timings) -> LatencyModel | None:
    """Fit the regression of a table's times on its counts; None when the table is too small."""
    rows = timings.counted
    return fit_latency(timings.counts[rows], timings.ms[rows], tuple(np.array(timings.families)[rows]))


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
        raise ArtifactError(f"{where}: expected an object with {', '.join(part.name for part in fields(Profile))}")
    for part in fields(Profile):
        value, text = entry.get(part.name), part.type is str
        number = is_number(value) and value > 0
        left_open = value is None and part.name in entry and part.type == float | None
        if not (isinstance(value, str) if text else number or left_open):
            raise ArtifactError(f"{where}: {part.name!r} should be {'text' if text else 'a positive number'}")
    return Profile(**{part.name: entry[part.name] for part in fields(Profile)})


def _plain(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum())
