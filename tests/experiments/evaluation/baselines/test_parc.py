import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.decomposition import PCA
from toy_samples import make_sample

from experiments.evaluation.baselines.parc import parc


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
