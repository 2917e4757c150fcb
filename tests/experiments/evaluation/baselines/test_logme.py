import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import multivariate_normal

from experiments.evaluation.baselines.logme import log_maximum_evidence

GENERATOR = np.random.default_rng(5)


def direct_evidence(features, target):
    """Evidence of the Bayesian linear model by the marginal normal distribution, maximised numerically."""

    def negative(logs):
        alpha, beta = np.exp(logs)
        covariance = np.eye(len(target)) / beta + features @ features.T / alpha
        return -multivariate_normal.logpdf(target, np.zeros(len(target)), covariance) / len(target)

    starts = [(0.0, 0.0), (3.0, 1.0), (-2.0, 3.0)]
    return -min(minimize(negative, start, method="Nelder-Mead").fun for start in starts)


@pytest.mark.parametrize(("count", "dim"), [(40, 5), (30, 60)])
def test_logme_maximises_the_evidence(count, dim):
    labels = GENERATOR.integers(0, 3, count)
    features = GENERATOR.normal(size=(count, dim))
    features[:, 0] += 2 * labels
    expected = np.mean([direct_evidence(features, (labels == c).astype(float)) for c in range(3)])
    assert log_maximum_evidence(features, labels) == pytest.approx(expected, abs=5e-3)


def test_logme_prefers_features_that_tell_classes_apart():
    labels = np.repeat(np.arange(4), 20)
    noise = GENERATOR.normal(size=(80, 10))
    assert log_maximum_evidence(noise + np.eye(10)[labels] * 5, labels) > log_maximum_evidence(noise, labels)


def test_logme_refuses():
    with pytest.raises(ValueError, match="expected features"):
        log_maximum_evidence(np.ones((3, 2)), np.zeros(2))
    with pytest.raises(ValueError, match="finite"):
        log_maximum_evidence(np.full((3, 2), np.nan), np.zeros(3))
