"""Latency on a device that is not at hand, estimated with an interval: to shortlist by, never the verdict."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

LEVEL = 0.9
"""Share of the models that an interval holds."""
FOLDS = 10
FEWEST = 10
"""A table with fewer models says nothing about others."""
MANY = 100
"""From so many models on the estimate bends: squares and products of the logarithms."""
BEYOND = 1.5
"""Factor by which counts may lie outside of a table that estimates are made from."""
PENALTIES = np.logspace(-3, 3, 13)


@dataclass(frozen=True)
class Estimate:
    """Milliseconds (or images per second) with the interval that holds :data:`LEVEL` of the models."""

    value: float
    low: float
    high: float

    @classmethod
    def around(cls, value: float, factor: float) -> "Estimate":
        """An interval of so many times less and more."""
        return cls(value, value / factor, value * factor)

    def times(self, count: float) -> "Estimate":
        """So many times as much."""
        return Estimate(self.value * count, self.low * count, self.high * count)


@dataclass(frozen=True)
class LatencyModel:
    """Regression of log milliseconds on logarithms of counts.

    Attributes:
        regression: the fitted ridge.
        low: ``(k,)`` smallest and high: largest value of each input in the table.
        factor: of the interval, from models of families that were left out.
    """

    regression: "Pipeline"
    low: np.ndarray
    high: np.ndarray
    factor: float

    def estimate(self, inputs: np.ndarray) -> Estimate | None:
        """One model with inputs ``(k,)``; None when it is unlike those of the table, or one of them is NaN."""
        if not ((inputs >= self.low / BEYOND) & (inputs <= self.high * BEYOND)).all():
            return None
        return Estimate.around(float(np.exp(self.regression.predict(np.log(inputs[None]))[0])), self.factor)


def _regression(count: int) -> "Pipeline":
    from sklearn.linear_model import RidgeCV  # takes longer than an answer that estimates nothing
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import PolynomialFeatures, StandardScaler

    bend = (PolynomialFeatures(2, include_bias=False),) if count >= MANY else ()
    return make_pipeline(*bend, StandardScaler(), RidgeCV(PENALTIES))


def leave_families_out(inputs: np.ndarray, ms: np.ndarray, families: tuple[str, ...]) -> np.ndarray:
    """Milliseconds ``(n,)`` predicted for each model from those of other families."""
    from sklearn.model_selection import GroupKFold

    predicted = np.full(len(ms), np.nan)
    for rest, out in GroupKFold(min(FOLDS, len(set(families)))).split(inputs, groups=families):
        fitted = _regression(len(rest)).fit(np.log(inputs[rest]), np.log(ms[rest]))
        predicted[out] = np.exp(fitted.predict(np.log(inputs[out])))
    return predicted


def conformal_factor(true: np.ndarray, predicted: np.ndarray) -> float:
    """How many times predictions are off at most, in a share of the cases; split conformal, infinite for too few."""
    off = np.sort(np.abs(np.log(predicted / true)))
    rank = int(np.ceil(LEVEL * (len(off) + 1)))
    return float(np.exp(off[rank - 1])) if rank <= len(off) else np.inf


def fit_latency(inputs: np.ndarray, ms: np.ndarray, families: tuple[str, ...]) -> LatencyModel | None:
    """Fit a device's table.

    Args:
        inputs: ``(n, k)`` positive.
        ms: ``(n,)`` milliseconds.
        families: ``(n,)``; the interval comes from families that were left out.

    Returns:
        The model; None when the table is too small or of one family.
    """
    if len(ms) < FEWEST or len(set(families)) < 2:
        return None
    factor = conformal_factor(ms, leave_families_out(inputs, ms, families))
    fitted = _regression(len(ms)).fit(np.log(inputs), np.log(ms))
    return LatencyModel(fitted, inputs.min(axis=0), inputs.max(axis=0), factor)
