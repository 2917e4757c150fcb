import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import multivariate_normal, rankdata
from sklearn.model_selection import LeaveOneOut, cross_val_score
from sklearn.neighbors import KNeighborsClassifier

from ptmrec.benchmark.ground_truth import GroundTruth
from ptmrec.evaluation.baselines.knn import knn_accuracy
from ptmrec.evaluation.baselines.logme import log_maximum_evidence
from ptmrec.evaluation.baselines.static import mean_rank
from ptmrec.relations.similarity import dataset_distance

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


def test_knn_accuracy_against_scikit_learn():
    labels = GENERATOR.integers(0, 3, 40)
    features = GENERATOR.normal(size=(40, 6)) + labels[:, None]
    reference = cross_val_score(
        KNeighborsClassifier(1, metric="cosine", algorithm="brute"), features, labels, cv=LeaveOneOut()
    )
    assert knn_accuracy(features, labels) == pytest.approx(reference.mean())


def test_dataset_distance_is_zero_for_the_same_and_symmetric():
    first, second = GENERATOR.normal(size=(2, 3, 8)), GENERATOR.normal(size=(4, 5, 8))
    assert dataset_distance(first, first) == pytest.approx(0, abs=1e-12)
    assert dataset_distance(first, second) == pytest.approx(dataset_distance(second, first))


def test_mean_rank_against_scipy_and_with_gaps():
    accuracy = GENERATOR.random((4, 6))
    truth = GroundTruth(tuple("abcd"), tuple("uvwxyz"), {"low_data": accuracy}, {})
    expected = np.mean([(rankdata(row) - 0.5) / 6 for row in accuracy[:3]], axis=0)
    np.testing.assert_allclose(mean_rank(truth, "low_data", ["a", "b", "c"]), expected)
    accuracy[0, 2] = np.nan
    gapped = mean_rank(truth, "low_data", ["a", "b"])
    assert gapped[2] == pytest.approx((rankdata(accuracy[1])[2] - 0.5) / 6)
    with pytest.raises(ValueError, match="at least one"):
        mean_rank(truth, "low_data", [])
