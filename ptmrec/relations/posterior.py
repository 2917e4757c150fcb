"""What a few candidates, run on the user's images, say about the ranking: a Gaussian posterior.

A ranking made without running a candidate is the prior. Running one reveals how well its true features separate the
classes. What a revealed score adds to what was expected of it is a latent quantity of each model; models whose
surprises went together on known data sets share it, so candidates that were not run move as well. How expectations
are made, how surprises go together and how much a surprise says about accuracy is all learned on known data sets.
"""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from ptmrec.relations.pairs import standard

NOISE = 0.1
"""Variance of a revealed score that is chance, relative to the variance of surprises.

One score per model and data set cannot tell chance from what is the model's own; the fitted weight takes up the rest.
"""
SHARES = (0.0, 0.2, 0.4, 0.6)
"""How much of the variance of surprises models may share; the likeliest on known data sets is taken."""


@dataclass(frozen=True)
class Posterior:
    """How revealed scores move a ranking.

    Attributes:
        coefficients: ``(3,)`` of the expectation of a revealed score: constant, prior, transport score.
        covariance: ``(N, N)`` of the surprises, ones on the diagonal.
        scale: deviation of a surprise, in deviations of the transport scores.
        offset: deviation of what all surprises of one data set have in common, in scales.
        weight: what one scale of surprise adds to the prior, in deviations of the prior.
    """

    coefficients: np.ndarray
    covariance: np.ndarray
    scale: float
    offset: float
    weight: float

    def update(self, prior: np.ndarray, transported: np.ndarray, revealed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Scores after some candidates were run.

        Args:
            prior: ``(N,)`` scores without running any; NaN = no candidate.
            transported: ``(N,)`` transport scores, which set the scale of this data set's revealed scores.
            revealed: ``(N,)`` scores of the true features, NaN = not run.

        Returns:
            ``(N,)`` scores in the prior's units and ``(N,)`` how far running a candidate would still move each (a
            deviation); NaN where there is no candidate.
        """
        transported = np.where(np.isnan(prior), np.nan, transported)
        surprise = _relative(revealed, transported) - _terms(prior, transported) @ self.coefficients
        mean, deviation = condition(self.covariance, surprise / self.scale, self.offset, NOISE)
        unit = self.weight * np.nanstd(prior)
        return prior + unit * mean, np.where(np.isnan(prior), np.nan, abs(unit) * deviation)


def fit_posterior(priors: np.ndarray, transported: np.ndarray, revealed: np.ndarray, skills: np.ndarray) -> Posterior:
    """Learn from K known data sets what revealed scores say; every argument is ``(K, N)``.

    Args:
        priors: scores without running a candidate, each row made without its data set; NaN = no candidate there.
        transported: transport scores.
        revealed: scores of the true features; NaN = never run there.
        skills: skills, see :func:`~ptmrec.relations.pairs.skill_of`; NaN = not measured.
    """
    counted = ~(np.isnan(priors) | np.isnan(transported) | np.isnan(revealed) | np.isnan(skills))
    priors, transported = (np.where(np.isnan(priors), np.nan, values) for values in (priors, transported))
    terms = np.stack([_terms(*rows) for rows in zip(priors, transported, strict=True)])
    relative = np.stack([_relative(*rows) for rows in zip(revealed, transported, strict=True)])
    coefficients = np.linalg.lstsq(terms[counted], relative[counted], rcond=None)[0]
    surprises = np.where(counted, relative - terms @ coefficients, np.nan)
    offsets, spreads = np.nanmean(surprises, axis=1), np.nanstd(surprises, axis=1)
    scale = max(float(np.sqrt((spreads**2).mean())), 1e-12)
    surprises = np.stack([standard(row) for row in surprises])
    share = max(SHARES, key=lambda value: _likelihood(surprises, value))
    weight = _weight(np.stack([standard(row) for row in priors])[counted], surprises[counted], skills[counted])
    return Posterior(coefficients, _covariance(surprises, share), scale, float(offsets.std() / scale), weight)


def condition(
    covariance: np.ndarray, observed: np.ndarray, offset: float, noise: float
) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation ``(N,)`` of Gaussian variables of mean 0 given some of them.

    Args:
        covariance: ``(N, N)``.
        observed: ``(N,)``, NaN = not observed; each is its variable plus the common offset plus noise.
        offset: deviation of the offset that all observations have in common.
        noise: variance of each observation's own noise.
    """
    seen = np.flatnonzero(~np.isnan(observed))
    prior = np.diag(covariance)
    if not len(seen):
        return np.zeros(len(observed)), np.sqrt(prior)
    among = covariance[np.ix_(seen, seen)] + offset**2 + noise * np.eye(len(seen))
    factor, across = cho_factor(among, lower=True), covariance[seen]
    mean = across.T @ cho_solve(factor, observed[seen])
    variance = prior - (across * cho_solve(factor, across)).sum(axis=0)
    return mean, np.sqrt(np.maximum(variance, 0))


def _terms(prior: np.ndarray, transported: np.ndarray) -> np.ndarray:
    return np.stack([np.ones(len(prior)), standard(prior), standard(transported)], axis=1)


def _relative(revealed: np.ndarray, transported: np.ndarray) -> np.ndarray:
    """Revealed scores in the units of the transport scores, which are there before any candidate was run."""
    return (revealed - np.nanmean(transported)) / max(float(np.nanstd(transported)), 1e-12)


def _covariance(surprises: np.ndarray, share: float) -> np.ndarray:
    """Correlation ``(N, N)`` of surprises ``(K, N)`` over data sets, shrunk; a model with none goes with nobody."""
    values = np.nan_to_num(surprises)
    values = values / np.sqrt((values**2).mean(axis=0) + 1e-9)
    covariance = share * values.T @ values / len(values)
    np.fill_diagonal(covariance, 1.0)
    return covariance


def _likelihood(surprises: np.ndarray, share: float) -> float:
    """Mean log likelihood per model of each data set's surprises, given the others'."""
    total = 0.0
    for place, row in enumerate(surprises):
        seen = ~np.isnan(row)
        covariance = _covariance(np.delete(surprises, place, axis=0), share)[np.ix_(seen, seen)]
        # By Cholesky: scipy's multivariate_normal decomposes into eigenvectors, at ten times the cost.
        factor = cho_factor(covariance + NOISE * np.eye(seen.sum()), lower=True)
        log_determinant = 2 * np.log(np.diag(factor[0])).sum()
        squares = row[seen] @ cho_solve(factor, row[seen])
        total -= (squares + log_determinant + seen.sum() * np.log(2 * np.pi)) / 2 / seen.sum()
    return total / len(surprises)


def _weight(priors: np.ndarray, surprises: np.ndarray, skills: np.ndarray) -> float:
    """Least squares of what the prior leaves of the skills on the surprises, in units of the prior's own share."""
    slope = priors @ skills / (priors @ priors)
    return float(surprises @ (skills - slope * priors) / (surprises @ surprises) / slope)
