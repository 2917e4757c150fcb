import numpy as np
import pytest
from scipy.special import softmax
from scipy.stats import spearmanr
from sklearn.decomposition import PCA

from ptmrec.evaluation.baselines.estimators import TargetSample
from ptmrec.evaluation.baselines.parc import parc


def make_sample(separation: float, classes: int = 4, each: int = 15, dim: int = 12, seed: int = 0) -> TargetSample:
    """Gaussian classes; the larger the separation, the better a model suits the target."""
    generator = np.random.default_rng(seed)
    labels = generator.permutation(np.repeat(np.arange(classes), each))
    centres = generator.normal(size=(classes, dim))
    features = separation * centres[labels] + generator.normal(size=(len(labels), dim))
    logits = separation * np.eye(classes)[labels] + generator.normal(size=(len(labels), classes))
    return TargetSample(features, softmax(logits, axis=1), labels)


def test_parc_pair_by_pair():
    sample = make_sample(1.0, each=6)
    count = len(sample.labels)
    reduced = PCA(12, svd_solver="full").fit_transform(sample.features)
    one_hot = np.eye(4)[sample.labels]
    features, labels = [], []
    for i in range(count):
        for j in range(i):
            features.append(1 - np.corrcoef(reduced[i], reduced[j])[0, 1])
            labels.append(round(1 - np.corrcoef(one_hot[i], one_hot[j])[0, 1], 12))
    assert parc(sample.features, sample.labels) == pytest.approx(spearmanr(features, labels).statistic)
