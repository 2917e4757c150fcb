import numpy as np
import pytest
from scipy.special import softmax
from sklearn.decomposition import PCA
from sklearn.linear_model import LinearRegression

from ptmrec.evaluation.baselines.estimators import TargetSample
from ptmrec.evaluation.baselines.hscore import h_score


def make_sample(separation: float, classes: int = 4, each: int = 15, dim: int = 12, seed: int = 0) -> TargetSample:
    """Gaussian classes; the larger the separation, the better a model suits the target."""
    generator = np.random.default_rng(seed)
    labels = generator.permutation(np.repeat(np.arange(classes), each))
    centres = generator.normal(size=(classes, dim))
    features = separation * centres[labels] + generator.normal(size=(len(labels), dim))
    logits = separation * np.eye(classes)[labels] + generator.normal(size=(len(labels), classes))
    return TargetSample(features, softmax(logits, axis=1), labels)


def test_h_score_without_shrinkage_is_the_variance_explained_by_the_classes(monkeypatch):
    sample = make_sample(1.0)
    plain = lambda f, assume_centered: (f.T @ f / len(f), 0.0)  # noqa: E731
    monkeypatch.setattr("ptmrec.evaluation.baselines.hscore.ledoit_wolf", plain)
    one_hot = (sample.labels[:, None] == np.unique(sample.labels)).astype(float)
    whitened = PCA(whiten=True).fit_transform(sample.features) * np.sqrt(len(one_hot) / (len(one_hot) - 1))
    fitted = LinearRegression().fit(one_hot, whitened).predict(one_hot)
    assert h_score(sample.features, sample.labels) == pytest.approx((fitted**2).mean(axis=0).sum())
