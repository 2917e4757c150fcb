"""How far a data set lies from all that is known, and what to tell people when it is farther than any known one.

Two distances are averaged: of the encoder's mean tokens, and of the mean images in the reference space in units of the
data set's own spread there. The second shows what covariances do not: noise and constant images hardly differ among
themselves, and lie together beside everything known.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ptmrec.relations.samples import DatasetSample

MIN_SPREAD = 1e-3
"""Spread of images that are all the same, so that they lie far away and not infinitely far."""


@dataclass(frozen=True)
class Nearest:
    """The known data set nearest to another.

    Attributes:
        name: its name.
        distance: 0 for itself, 1 as the typical known data set is from its nearest.
    """

    name: str
    distance: float


@dataclass(frozen=True)
class Surroundings:
    """What the known data sets show among themselves.

    Attributes:
        samples: the known data sets.
        typical: ``(2,)`` median distance of a known data set to its nearest, of tokens and of mean images.
        farthest: largest distance of a known data set from its nearest.
    """

    samples: tuple[DatasetSample, ...]
    typical: np.ndarray
    farthest: float

    def nearest(self, sample: DatasetSample) -> Nearest:
        """The known data set nearest to a sample."""
        distances = (_distances(sample, self.samples) / self.typical).mean(axis=1)
        place = int(distances.argmin())
        return Nearest(self.samples[place].name, float(distances[place]))

    def warning(self, sample: DatasetSample) -> str:
        """What to tell people whose data set lies beyond what the known ones show; empty where it does not."""
        nearest = self.nearest(sample)
        if nearest.distance <= self.farthest:
            return ""
        return (
            f"Nothing known is like this data set: the nearest, {nearest.name}, is {nearest.distance:.1f} times as far "
            f"away as known data sets typically are from their nearest (at most {self.farthest:.1f} times). "
            "Rely neither on the order nor on the accuracies: measure a few models."
        )


def fit_surroundings(samples: Mapping[str, DatasetSample]) -> Surroundings:
    """Surroundings from at least two known data sets.

    Raises:
        ValueError: fewer than two.
    """
    if len(samples) < 2:
        raise ValueError("how far data sets lie apart takes at least two known ones")
    known = tuple(samples.values())
    table = np.array([_distances(sample, known) for sample in known])
    table[np.arange(len(known)), np.arange(len(known))] = np.inf
    typical = np.maximum(np.median(table.min(axis=1), axis=0), 1e-9)
    return Surroundings(known, typical, float((table / typical).mean(axis=2).min(axis=1).max()))


def _distances(sample: DatasetSample, known: Sequence[DatasetSample]) -> np.ndarray:
    """Distances ``(K, 2)`` of a sample to known ones: of tokens, 0 to 1, and of mean images, 0 to very large."""
    centre = sample.coordinates.mean(axis=0)
    spread = np.sqrt(((sample.coordinates - centre) ** 2).sum(axis=1).mean())
    shifts = [np.linalg.norm(centre - other.coordinates.mean(axis=0)) / max(spread, MIN_SPREAD) for other in known]
    return np.stack([[_token_distance(sample.token, other.token) for other in known], shifts], axis=1)


def _token_distance(first: np.ndarray, second: np.ndarray) -> float:
    length = np.linalg.norm(first) * np.linalg.norm(second)
    return float(np.clip(1 - first @ second / length, 0, 1)) if length else 1.0
