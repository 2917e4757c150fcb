"""What a few measured accuracies say of all others: a Gaussian posterior, calibrated on known data sets.

Before anything is measured, a model's accuracy is what is expected of it. What is measured beyond that is partly common
to all models (the data set is harder than it looks), partly shared by models whose errors went together on known data
sets, and partly the model's own. How large each part is, and how far a measurement on the user's images is from the
accuracy it stands for, is learned on known data sets, each left out of its own expectation.
"""

from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from ptmrec.relations.conformal import Conformal, fit_conformal

NOISE = 0.1
"""Share of a model's own part that is chance, when the shared part is chosen."""
SHARES = (0.0, 0.2, 0.4, 0.6)
"""How much of what is not common to all may be shared; the likeliest on known data sets is taken."""
USUAL = 10
"""Data sets as many as that count as the usual deviation of a model's own part beside its own."""
FEWEST = 5
"""Known data sets on which two of the models listed were measured, below which those of all models stand for theirs."""
HOLDS = 0.8
"""Share of the data sets on which the models that tie with the first one hold the best."""


@dataclass(frozen=True)
class KnownErrors:
    """Expected and measured accuracies of N models on K known data sets; NaN does not count.

    Attributes:
        expected: ``(K, N)``, each data set left out of its own.
        measured: ``(K, N)``.
        probes: ``(K, N)`` accuracies as users measure them, see :func:`~ptmrec.relations.ridge.split_probe`.
        share: how much of what is not common to all models those share whose errors go together.
    """

    expected: np.ndarray
    measured: np.ndarray
    probes: np.ndarray
    share: float = 0.0

    def only(self, models: np.ndarray) -> "KnownErrors":
        """Those of some models, by index; -1 stands for one that was never measured."""
        tables = (self.expected, self.measured, self.probes)
        return KnownErrors(*(np.where(models < 0, np.nan, table[:, models]) for table in tables), self.share)

    def own(self) -> tuple[np.ndarray, np.ndarray, float]:
        """What is common to all models of each data set ``(K,)``, the rest ``(K, N)`` over its deviation, and that.

        Raises:
            ValueError: nothing was measured.
        """
        errors = self.measured - self.expected
        errors = errors[~np.isnan(errors).all(axis=1)]
        if not len(errors):
            raise ValueError("no errors on left-out data sets: nothing was measured there")
        common = np.nanmean(errors, axis=1)
        rest = errors - common[:, None]
        scale = max(float(np.sqrt(np.nanmean(rest**2))), 1e-6)
        return common, rest / scale, scale


@dataclass(frozen=True)
class Posterior:
    """How measured accuracies move expected ones.

    Attributes:
        known: what it was learned from.
        covariance: ``(N, N)`` of measured minus expected accuracy.
        bias: mean of measurements on the user's images minus the accuracies they stand for.
        common, noise: variance of that difference: what all models of a data set have in common, and the rest.
    """

    known: KnownErrors
    covariance: np.ndarray
    bias: float
    common: float
    noise: float

    def update(
        self,
        expected: np.ndarray,
        measured: np.ndarray | None = None,
        images: np.ndarray | float = np.inf,
        noisy: bool = False,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Accuracies after some were measured.

        Args:
            expected: ``(N,)`` expected accuracies.
            measured: ``(N,)`` accuracies measured on the user's images, NaN = not measured; None measures nothing.
            images: how many images each was judged on, one number or ``(N,)``.
            noisy: a measurement is one draw of an accuracy: it moves what is expected and does not take its place.

        Returns:
            ``(N,)`` mean, where a model was measured that accuracy without the bias, and ``(N, N)`` covariance.
        """
        if measured is None or np.isnan(measured).all():
            return expected, self.covariance
        error = measured - expected - self.bias
        own = self.noise + np.clip(measured * (1 - measured), 0.01, 1) / images
        mean, covariance = condition(self.covariance, error, np.diag(own) + self.common)
        kept = np.isnan(measured) | noisy
        return np.where(kept, expected + mean, measured - self.bias), covariance

    def answer(
        self,
        expected: np.ndarray,
        measured: np.ndarray | None = None,
        images: np.ndarray | float = np.inf,
        noisy: bool = False,
        listed: np.ndarray | None = None,
    ) -> "Accuracies":
        """:meth:`update` with what tells how far to trust it; arguments as there.

        With ``listed``, by index, those models alone: how far they are off says nothing of others, nor these of them.
        """
        count = 0 if measured is None else int((~np.isnan(measured)).sum())
        mean, covariance = self.update(expected, measured, images, noisy)
        deviations = np.full(len(expected), np.nan)
        if count and not noisy:
            deviations = np.sqrt(self.common + self.noise + measured * (1 - measured) / images)
        whole = Accuracies(mean, covariance, self.calibrate(count, noisy, listed), deviations)
        return whole if listed is None else whole.only(listed)

    def calibrate(self, count: int, noisy: bool = False, listed: np.ndarray | None = None) -> "Calibration":
        """Errors that are left on the known data sets when the first ``count`` of the models listed are measured."""
        errors, gaps, truth = [], [], self._measured(listed)
        for expected, measured, probes in zip(self.known.expected, truth, self.known.probes, strict=True):
            there = np.flatnonzero(~np.isnan(measured) & ~np.isnan(expected))
            if not len(there):
                continue
            order = there[np.argsort(-expected[there], kind="stable")]
            first = order[~np.isnan(probes[order])][:count]
            shown = np.full(len(expected), np.nan)
            shown[first] = probes[first]
            mean, covariance = self.update(np.nan_to_num(expected), shown, noisy=noisy)
            deviation = np.sqrt(np.diag(covariance))
            error = (measured - mean) / deviation
            if len(first) < len(order) and not noisy:
                error[first] = np.nan
            errors.append(error)
            gap = gap_to_best(np.where(np.isnan(measured), -np.inf, mean), covariance)
            before = there[mean[there] >= mean[there[measured[there].argmax()]]]
            gaps.append(gap[before].max())
        return Calibration(fit_conformal(errors), float(np.quantile(gaps, HOLDS)))

    def _measured(self, listed: np.ndarray | None) -> np.ndarray:
        """Accuracies ``(K, N)`` of the models listed on known data sets; of all where too few of them were measured."""
        if listed is None:
            return self.known.measured
        own = np.full(self.known.measured.shape, np.nan)
        own[:, listed] = self.known.measured[:, listed]
        told = (~np.isnan(own + self.known.expected)).sum(axis=1) > 1
        return own if told.sum() >= FEWEST else self.known.measured


@dataclass(frozen=True)
class Calibration:
    """How far accuracies are from where they are expected, once so many were measured.

    Attributes:
        conformal: errors in units of a model's deviation.
        tie: gap behind the first, in deviations of the difference, within which the best model and all before it lie
            on :data:`HOLDS` of the known data sets.
    """

    conformal: Conformal
    tie: float


class Accuracies(NamedTuple):
    """Accuracies of N models.

    Attributes:
        mean: ``(N,)`` expected, or measured.
        covariance: ``(N, N)``.
        calibration: of so many measured models.
        deviations: ``(N,)`` of a measured accuracy from the one it stands for; NaN where a model was not measured.
    """

    mean: np.ndarray
    covariance: np.ndarray
    calibration: Calibration
    deviations: np.ndarray

    def interval(self, level: float) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper end ``(N,)`` within 0 and 1: conformal, and normal around measured accuracies.

        Chance among the images is a part of the latter alone: on known data sets binomial intervals of 80 % hold 54 %.
        """
        ends = self.calibration.conformal.interval(self.mean, level, np.sqrt(np.diag(self.covariance)))
        half = NormalDist().inv_cdf((1 + level) / 2) * self.deviations
        own = np.clip(self.mean - half, 0, 1), np.clip(self.mean + half, 0, 1)
        return tuple(np.where(np.isnan(half), end, near) for end, near in zip(ends, own, strict=True))

    def only(self, models: np.ndarray) -> "Accuracies":
        """Those of some models, by index."""
        own = (self.mean[models], self.covariance[np.ix_(models, models)], self.calibration, self.deviations[models])
        return Accuracies(*own)

    @property
    def tied(self) -> np.ndarray:
        """Which models ``(N,)`` are not told apart from the first one, itself included."""
        return gap_to_best(self.mean, self.covariance) <= self.calibration.tie


def reordered(scores: np.ndarray, expected: np.ndarray, moved: np.ndarray) -> np.ndarray:
    """Scores ``(N,)`` on the scale of accuracies, each moved as far as what is expected of its model was."""
    return scores * expected.std() / max(float(scores.std()), 1e-9) + moved - expected


def gap_to_best(mean: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """How far ``(N,)`` each model is behind the first, in deviations of the difference."""
    best = int(mean.argmax())
    variance = covariance[best, best] + np.diag(covariance) - 2 * covariance[best]
    return (mean[best] - mean) / np.sqrt(np.maximum(variance, 1e-12))


def fit_errors(expected: np.ndarray, measured: np.ndarray, probes: np.ndarray) -> KnownErrors:
    """Errors with the likeliest share, see :class:`KnownErrors`.

    Raises:
        ValueError: nothing was measured.
    """
    known = KnownErrors(expected, measured, probes)
    rest = known.own()[1]
    return replace(known, share=max(SHARES, key=lambda share: _likelihood(rest, share)))


def fit_posterior(known: KnownErrors) -> Posterior:
    """Learn from known data sets how errors go together; a model with no error goes with nobody.

    Raises:
        ValueError: nothing was measured.
    """
    common, rest, scale = known.own()
    counts = (~np.isnan(rest)).sum(axis=0)
    deviations = scale * np.sqrt((np.nansum(rest**2, axis=0) + USUAL) / (counts + USUAL))
    covariance = _covariance(rest, known.share) * np.outer(deviations, deviations) + np.mean(common**2)
    gaps = known.probes - known.measured
    gaps = gaps[~np.isnan(gaps).all(axis=1)]
    if not len(gaps):
        return Posterior(known, covariance, 0.0, 0.0, 0.0)
    means = np.nanmean(gaps, axis=1)
    noise = float(np.nanmean((gaps - means[:, None]) ** 2))
    return Posterior(known, covariance, float(means.mean()), float(means.var()), noise)


def condition(covariance: np.ndarray, observed: np.ndarray, noise: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean ``(N,)`` and covariance ``(N, N)`` of Gaussian variables of mean 0 given some of them.

    Args:
        covariance: ``(N, N)``.
        observed: ``(N,)``, NaN = not observed.
        noise: ``(N, N)`` covariance of the observations' noise.
    """
    seen = np.flatnonzero(~np.isnan(observed))
    if not len(seen):
        return np.zeros(len(observed)), covariance
    factor = cho_factor((covariance + noise)[np.ix_(seen, seen)], lower=True)
    across = covariance[seen]
    return across.T @ cho_solve(factor, observed[seen]), covariance - across.T @ cho_solve(factor, across)


def _covariance(errors: np.ndarray, share: float) -> np.ndarray:
    """Correlation ``(N, N)`` of errors ``(K, N)`` over data sets, shrunk; a model with none goes with nobody."""
    values = np.nan_to_num(errors)
    values = values / np.sqrt((values**2).mean(axis=0) + 1e-9)
    covariance = share * values.T @ values / len(values)
    np.fill_diagonal(covariance, 1.0)
    return covariance


def _likelihood(errors: np.ndarray, share: float) -> float:
    """Mean log likelihood per model of each data set's errors, given the others'."""
    total = 0.0
    for place, row in enumerate(errors):
        seen = ~np.isnan(row)
        if len(errors) < 2 or not seen.any():
            continue
        covariance = _covariance(np.delete(errors, place, axis=0), share)[np.ix_(seen, seen)]
        # By Cholesky: scipy's multivariate_normal decomposes into eigenvectors, at ten times the cost.
        factor = cho_factor(covariance + NOISE * np.eye(seen.sum()), lower=True)
        log_determinant = 2 * np.log(np.diag(factor[0])).sum()
        squares = row[seen] @ cho_solve(factor, row[seen])
        total -= (squares + log_determinant + seen.sum() * np.log(2 * np.pi)) / 2 / seen.sum()
    return total / len(errors)
