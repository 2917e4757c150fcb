"""Kernel ridge over data sets: every model's skill as a smooth function of how a data set looks to the encoder."""

import numpy as np
from sklearn.kernel_ridge import KernelRidge

from experiments.evaluation.baselines.base import Evidence, register_baseline
from experiments.evaluation.compare import Target

PENALTIES = tuple(10.0**power for power in np.arange(-2, 2.1, 0.5))
"""Penalties to choose from; the kernel of a data set with itself is about 1."""


@register_baseline("kernel ridge, tokens")
def kernel_ridge(target: Target, evidence: Evidence) -> np.ndarray:
    """Skill ``(N,)`` predicted for the target from the skills on the known data sets.

    The kernel is linear in the directions of the mean tokens about their mean. A model without a skill on a known
    data set, such as one trained on it, counts there with its mean skill; one without any is of mean skill everywhere.
    """
    known = evidence.others(target)
    tokens = np.stack([evidence.mean_tokens[name] for name in known] + [target.mean_token])
    tokens /= np.linalg.norm(tokens, axis=1, keepdims=True)
    tokens -= tokens[:-1].mean(axis=0)
    tokens /= np.sqrt((tokens[:-1] ** 2).sum(axis=1).mean())
    skills, means = centred_skills(evidence.skills(target.regime, known))
    penalty = best_penalty(tokens[:-1] @ tokens[:-1].T, skills)
    return means + KernelRidge(alpha=penalty).fit(tokens[:-1], skills).predict(tokens[-1:])[0]


def centred_skills(skills: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Skills ``(K, N)`` about each model's mean, 0 where NaN; and the means ``(N,)``, 0 where all are NaN."""
    counts = (~np.isnan(skills)).sum(axis=0)
    means = np.nansum(skills, axis=0) / np.maximum(counts, 1)
    return np.nan_to_num(skills - means), means


def best_penalty(kernel: np.ndarray, skills: np.ndarray) -> float:
    """The penalty whose predictions of each data set from the others have the least squared error.

    Left-out residuals of a ridge follow from one fit: what is left of the target, divided by one less its leverage.

    Args:
        kernel: ``(K, K)`` between the known data sets.
        skills: ``(K, N)``.
    """

    def error(penalty: float) -> float:
        hat = np.linalg.solve(kernel + penalty * np.eye(len(kernel)), kernel)
        residuals = (skills - hat.T @ skills) / (1 - np.diag(hat))[:, None]
        return float((residuals**2).mean())

    return min(PENALTIES, key=error)
