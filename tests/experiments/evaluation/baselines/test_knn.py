import numpy as np
import pytest
from sklearn.model_selection import LeaveOneOut, cross_val_score
from sklearn.neighbors import KNeighborsClassifier

from experiments.evaluation.baselines.knn import knn_accuracy

GENERATOR = np.random.default_rng(5)


def test_knn_accuracy_against_scikit_learn():
    labels = GENERATOR.integers(0, 3, 40)
    features = GENERATOR.normal(size=(40, 6)) + labels[:, None]
    reference = cross_val_score(
        KNeighborsClassifier(1, metric="cosine", algorithm="brute"), features, labels, cv=LeaveOneOut()
    )
    assert knn_accuracy(features, labels) == pytest.approx(reference.mean())
