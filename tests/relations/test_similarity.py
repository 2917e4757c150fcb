import numpy as np
import pytest

from ptmrec.relations.similarity import covariance_similarity, dataset_distance, reference_similarity

GENERATOR = np.random.default_rng(5)


def test_dataset_distance_is_zero_for_the_same_and_symmetric():
    first, second = GENERATOR.normal(size=(2, 3, 8)), GENERATOR.normal(size=(4, 5, 8))
    assert dataset_distance(first, first) == pytest.approx(0, abs=1e-12)
    assert dataset_distance(first, second) == pytest.approx(dataset_distance(second, first))


def test_covariances_are_compared_by_their_cosine():
    first, second = GENERATOR.normal(size=(30, 6)), GENERATOR.normal(size=(50, 6)) * np.arange(1, 7)
    covariances = [np.cov(values.T, bias=True) for values in (first, second)]
    cosine = (covariances[0] * covariances[1]).sum() / np.prod([np.linalg.norm(c) for c in covariances])
    assert covariance_similarity(first, second) == pytest.approx(cosine)
    assert covariance_similarity(first, 3 * first + 5) == pytest.approx(1.0)


def test_a_data_set_is_most_like_itself():
    labels = np.repeat(np.arange(3), 10)
    first, second = (GENERATOR.normal(size=(30, 6)) * GENERATOR.random(6) + labels[:, None] for _ in range(2))
    assert reference_similarity((first, labels), (first, labels)) == pytest.approx(2.0)
    assert reference_similarity((first, labels), (second, labels)) < 2.0
