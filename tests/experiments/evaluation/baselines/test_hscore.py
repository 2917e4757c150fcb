import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.linear_model import LinearRegression
from toy_samples import make_sample

from experiments.evaluation.baselines.hscore import h_score


def test_h_score_without_shrinkage_is_the_variance_explained_by_the_classes(monkeypatch):
    sample = make_sample(1.0)
    plain = lambda f, assume_centered: (f.T @ f / len(f), 0.0)  # noqa: E731
    monkeypatch.setattr("experiments.evaluation.baselines.hscore.ledoit_wolf", plain)
    one_hot = (sample.labels[:, None] == np.unique(sample.labels)).astype(float)
    whitened = PCA(whiten=True).fit_transform(sample.features) * np.sqrt(len(one_hot) / (len(one_hot) - 1))
    fitted = LinearRegression().fit(one_hot, whitened).predict(one_hot)
    assert h_score(sample.features, sample.labels) == pytest.approx((fitted**2).mean(axis=0).sum())
