import numpy as np
import pytest

from ptmrec.relations.similarity import covariance_similarity, covariances, dataset_distance

GENERATOR = np.random.default_rng(5)


def test_dataset_distance_is_zero_for_the_same_and_symmetric():
    first, second = GENERATOR.normal(size=(2, 3, 8)), GENERATOR.normal(size=(4, 5, 8))
    assert dataset_distance(first, first) == pytest.approx(0, abs=1e-12)
    assert dataset_distance(first, second) == pytest.approx(dataset_distance(second, first))


def test_covariances_are_compared_by_their_cosine():
    labels = [np.arange(30) % 3, np.arange(50) % 4]
    sets = [GENERATOR.normal(size=(30, 6)), GENERATOR.normal(size=(50, 6)) * np.arange(1, 7)]
    means = [np.stack([v[own == k].mean(axis=0) for k in np.unique(own)]) for v, own in zip(sets, labels, strict=True)]
    expected = 0.0
    for first, second in (sets, means):
        pair = [np.cov(values.T, bias=True) for values in (first, second)]
        expected += (pair[0] * pair[1]).sum() / np.prod([np.linalg.norm(c) for c in pair])
    found = covariance_similarity(*(covariances(v, own) for v, own in zip(sets, labels, strict=True)))
    assert found == pytest.approx(expected)
    scaled = covariances(3 * sets[0] + 5, labels[0])
    assert covariance_similarity(scaled, covariances(sets[0], labels[0])) == pytest.approx(2.0)


def test_one_class_alone_has_no_covariance_between_classes():
    alone = covariances(GENERATOR.normal(size=(10, 4)), np.zeros(10, int))
    assert covariance_similarity(alone, alone) == pytest.approx(1.0)
