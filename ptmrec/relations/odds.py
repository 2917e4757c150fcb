"""How accuracies that users measured move expected ones: the posterior in log-odds, calibrated for their case.

In log-odds a data set that is harder than usual shifts all models alike; accuracies near 0 and 1 it hardly moves.
"""

from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np

from ptmrec.relations.conformal import Conformal, fit_conformal
from ptmrec.relations.posterior import HOLDS, KnownErrors, condition, fit_posterior, gap_to_best
from ptmrec.relations.records import expected_by_records, left_out_errors

OFFSET = 0.02
"""Keeps log-odds finite. Of none (accuracies as they are), 0.02 and 0.2 it erred least on data sets left out."""
HEAD = 20
"""Models at the head of the list err less than the rest and have intervals of their own."""
EXACT = 1e-6
"""Variance of a measurement without chance, in squared log-odds: numbers are rounded somewhere."""
OLD, PLACED, NEW = "the old order", "measured models placed in the old order", "a new order"
ORDERS = (OLD, PLACED, NEW)
STEP = 1e-9
"""Between scores of models that follow each other."""
APART = 100.0
"""Variance of the level of measurements on another scale, of which next to nothing is known."""


def log_odds(accuracy: np.ndarray) -> np.ndarray:
    """Log-odds of accuracies, finite from 0 to 1."""
    return np.log((accuracy + OFFSET) / (1 - accuracy + OFFSET))


def accuracy_of(odds: np.ndarray) -> np.ndarray:
    """Accuracies of log-odds, within 0 and 1."""
    return np.clip((1 + 2 * OFFSET) / (1 + np.exp(-odds)) - OFFSET, 0, 1)


def chance_of(accuracy: np.ndarray, images: np.ndarray | float) -> np.ndarray:
    """Variance of the log-odds of an accuracy that was judged on so many images."""
    slope = 1 / (accuracy + OFFSET) + 1 / (1 - accuracy + OFFSET)
    return np.maximum(accuracy * (1 - accuracy), 0.01) / images * slope**2 + EXACT


@dataclass(frozen=True)
class Moved:
    """Accuracies of N models after some were measured.

    Attributes:
        odds: ``(N,)`` log-odds; covariance: ``(N, N)`` of them.
        own: ``(N,)`` deviation of a measured log-odds from the true one; NaN where a model was not measured.
        head: ``(N,)`` bool, models at the head of the list.
        near, far: errors on data sets left out in units of the deviation, at the head and for the rest.
        tie: see :class:`~ptmrec.relations.posterior.Calibration`.
        losses: what the first model loses on data sets left out, in accuracy, by each of :data:`ORDERS`.
    """

    odds: np.ndarray
    covariance: np.ndarray
    own: np.ndarray
    head: np.ndarray
    near: Conformal
    far: Conformal
    tie: float
    losses: tuple[float, ...]

    @property
    def mean(self) -> np.ndarray:
        """Accuracies ``(N,)``."""
        return accuracy_of(self.odds)

    @property
    def order(self) -> str:
        """The one of :data:`ORDERS` that loses least on data sets left out; where they lose alike, the last.

        Without measurements it is the first.
        """
        if np.isnan(self.own).all():
            return OLD
        return ORDERS[-1 - int(np.argmin(self.losses[::-1]))]

    def scores(self, before: np.ndarray) -> np.ndarray:
        """Scores ``(N,)`` of the order that loses least; ``before`` are those of the old one."""
        if self.order == OLD:
            return before
        scores = self.mean
        if self.order == PLACED:
            rest = np.flatnonzero(np.isnan(self.own))
            order = rest[np.argsort(-before[rest], kind="stable")]
            scores[order] = np.minimum.accumulate(scores[order]) - STEP * np.arange(1, len(order) + 1)
        return scores

    @property
    def tied(self) -> np.ndarray:
        """Which models ``(N,)`` are not told apart from the first one, itself included."""
        return gap_to_best(self.odds, self.covariance) <= self.tie

    def only(self, rows: np.ndarray) -> "Moved":
        """Those of some models, by index."""
        own = (self.odds[rows], self.covariance[np.ix_(rows, rows)], self.own[rows], self.head[rows])
        return Moved(*own, self.near, self.far, self.tie, self.losses)

    def interval(self, level: float) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper end ``(N,)``: conformal, and normal around measured accuracies, of chance alone."""
        reach = np.where(self.head, self.near.reach(level), self.far.reach(level))
        half = reach * np.sqrt(np.maximum(np.diag(self.covariance), 0))
        half = np.where(np.isnan(self.own), half, NormalDist().inv_cdf((1 + level) / 2) * self.own)
        return accuracy_of(self.odds - half), accuracy_of(self.odds + half)


@dataclass(frozen=True)
class OddsPosterior:
    """What is expected of N models, and how errors on data sets left out go together.

    Attributes:
        expected: ``(N,)`` log-odds; known: errors on data sets left out, in log-odds.
        covariance: ``(N, N)`` of measured minus expected log-odds.
    """

    expected: np.ndarray
    known: KnownErrors
    covariance: np.ndarray

    def answer(
        self, measured: np.ndarray | None = None, images: np.ndarray | float = np.inf, same_scale: bool = True
    ) -> Moved:
        """Accuracies after some were measured; intervals are fitted anew for the same models, as many and as judged.

        Args:
            measured: ``(N,)`` accuracies, NaN = not measured.
            images: how many images each was judged on, one number or ``(N,)``.
            same_scale: measured as the records were; else only differences between measured models count.
        """
        measured = np.full(len(self.expected), np.nan) if measured is None else measured
        told, counts = ~np.isnan(measured), np.broadcast_to(np.asarray(images, dtype=float), measured.shape)
        usual = float(np.median(counts[told])) if told.any() else np.inf
        counts, level = np.where(told, counts, usual), 0.0 if same_scale else APART
        odds, covariance = self._move(self.expected, log_odds(measured), chance_of(measured, counts), level)
        own = np.sqrt(chance_of(measured, counts))
        if same_scale:
            odds = np.where(told, log_odds(measured), odds)
        return Moved(odds, covariance, own, first(self.expected, HEAD), *self._calibrate(told, counts, level))

    def _move(
        self, expected: np.ndarray, shown: np.ndarray, chance: np.ndarray, level: float
    ) -> tuple[np.ndarray, np.ndarray]:
        mean, covariance = condition(self.covariance, shown - expected, np.diag(np.nan_to_num(chance)) + level)
        return expected + mean, covariance

    def _calibrate(
        self, told: np.ndarray, counts: np.ndarray, level: float
    ) -> tuple[Conformal, Conformal, float, tuple[float, ...]]:
        """The last fields of :class:`Moved`, from data sets left out on which the same models are measured."""
        near, far, gaps, losses = [], [], [], []
        generator = np.random.default_rng(0)
        for expected, true in zip(self.known.expected, self.known.measured, strict=True):
            there = ~np.isnan(expected) & ~np.isnan(true)
            shown = _stand_in(told, there, expected)
            chance = chance_of(accuracy_of(true), counts)
            noisy = true + generator.normal(size=len(true)) * np.sqrt(np.nan_to_num(chance))
            expected = np.where(there, expected, 0.0)
            odds, covariance = self._move(expected, np.where(shown, noisy, np.nan), chance, level)
            error = np.abs(true - odds) / np.sqrt(np.maximum(np.diag(covariance), 1e-12))
            head, rest = first(np.where(there, expected, -np.inf), HEAD), there & (~shown | (shown == there).all())
            near.append(error[rest & head])
            far.append(error[rest & ~head])
            place = np.flatnonzero(there)
            gap = gap_to_best(odds[place], covariance[np.ix_(place, place)])
            best_place = true[place].argmax()
            before = (odds[place] >= odds[place][best_place]) & ~shown[place]  # measured models are told apart
            before[best_place] = True
            gaps.append(gap[before].max())
            best = accuracy_of(true[place].max())
            placed = np.where(shown | (expected == expected[there & ~shown].max(initial=-np.inf)), odds, -np.inf)
            losses.append([best - accuracy_of(true[place][own[place].argmax()]) for own in (expected, placed, odds)])
        far = far if any(len(errors) for errors in far) else near
        means = tuple(float(loss) for loss in np.mean(losses, axis=0))
        return fit_conformal(near), fit_conformal(far), float(np.quantile(gaps, HOLDS)), means


def fit_records(accuracy: np.ndarray, groups: np.ndarray) -> OddsPosterior:
    """Learn from records what is expected and how errors go together.

    Args:
        accuracy: ``(T, N)`` in 0..1, NaN = not measured; every model has a record.
        groups: ``(T,)`` labels of like data sets, which are left out together; at least two.
    """
    known = left_out_errors(log_odds(accuracy), groups)
    return OddsPosterior(expected_by_records(log_odds(accuracy)), known, fit_posterior(known).covariance)


def odds_posterior(expected: np.ndarray, known: KnownErrors) -> OddsPosterior:
    """The posterior of expected accuracies ``(N,)`` and known errors in accuracies."""
    inside = (log_odds(np.clip(table, 0, 1)) for table in (known.expected, known.measured, known.measured))
    known = replace(KnownErrors(*inside), share=known.share)
    return OddsPosterior(log_odds(np.clip(expected, 0, 1)), known, fit_posterior(known).covariance)


def first(expected: np.ndarray, count: int) -> np.ndarray:
    """Which ``(N,)`` are the first so many; infinitely small ones are none."""
    order = np.argsort(-expected, kind="stable")[:count]
    return np.isin(np.arange(len(expected)), order) & np.isfinite(expected)


def _stand_in(told: np.ndarray, there: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """The measured models ``(N,)`` that a data set knows, others of the first ones in place of those it lacks."""
    known = told & there
    lacking = int(told.sum() - known.sum())
    return known | first(np.where(there & ~known, expected, -np.inf), lacking) if lacking else known
