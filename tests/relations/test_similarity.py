import numpy as np
import pytest

from ptmrec.relations.similarity import dataset_distance

GENERATOR = np.random.default_rng(5)


def test_dataset_distance_is_zero_for_the_same_and_symmetric():
    first, second = GENERATOR.normal(size=(2, 3, 8)), GENERATOR.normal(size=(4, 5, 8))
    assert dataset_distance(first, first) == pytest.approx(0, abs=1e-12)
    assert dataset_distance(first, second) == pytest.approx(dataset_distance(second, first))
