"""Intervals of expected accuracies, conformal over left-out data sets.

Models of one data set err together: what is exchangeable is the data set. Every data set therefore has the same weight,
whatever the number of its models (pooling of Dunn, Wasserman and Ramdas, 2022, Distribution-Free Prediction Sets for
Two-Layer Hierarchical Models). Their guarantee puts a further weight on an error of any size, one data set's worth:
below 20 data sets a guaranteed 95 % interval is everything. It is left out here, so that coverage is what is
measured, not what is proved.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

LEVELS = (0.8, 0.95)
"""Levels of the intervals that are reported."""


@dataclass(frozen=True)
class Conformal:
    """Errors on left-out data sets.

    Attributes:
        errors: ``(R,)`` absolute, ascending.
        weights: ``(R,)``, which add up to 1 over all and to the same over each data set.
    """

    errors: np.ndarray
    weights: np.ndarray

    def reach(self, level: float) -> float:
        """Smallest error that the errors stay within with a weight of ``level``."""
        place = np.searchsorted(np.cumsum(self.weights), level - 1e-9)
        return float(self.errors[min(place, len(self.errors) - 1)])

    def interval(
        self, expected: np.ndarray, level: float, unit: np.ndarray | float = 1.0
    ) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper end ``(N,)`` around expected accuracies ``(N,)``, within 0 and 1; errors are in ``unit``."""
        reach = self.reach(level) * unit
        return np.clip(expected - reach, 0, 1), np.clip(expected + reach, 0, 1)


def fit_conformal(errors: Iterable[np.ndarray]) -> Conformal:
    """Intervals from the errors ``(N,)`` on each left-out data set, NaN = not measured.

    Raises:
        ValueError: nothing was measured.
    """
    groups = [np.abs(group[~np.isnan(group)]) for group in map(np.asarray, errors)]
    groups = [group for group in groups if len(group)]
    if not groups:
        raise ValueError("no errors on left-out data sets: nothing was measured there")
    values = np.concatenate(groups)
    weights = np.concatenate([np.full(len(group), 1 / len(group) / len(groups)) for group in groups])
    order = np.argsort(values, kind="stable")
    return Conformal(values[order], weights[order])
