"""Estimators against cases with known answers and against forms written another way."""

import numpy as np
import pytest
from scipy.special import softmax
from scipy.stats import entropy, spearmanr
from sklearn.decomposition import PCA
from sklearn.linear_model import LinearRegression

from ptmrec.evaluation.baselines.estimators import ESTIMATORS, TargetSample
from ptmrec.evaluation.baselines.hscore import h_score
from ptmrec.evaluation.baselines.leep import leep
from ptmrec.evaluation.baselines.nce import negative_conditional_entropy
from ptmrec.evaluation.baselines.nleep import nleep
from ptmrec.evaluation.baselines.parc import parc
from ptmrec.evaluation.baselines.transrate import transrate


def make_sample(separation: float, classes: int = 4, each: int = 15, dim: int = 12, seed: int = 0) -> TargetSample:
    """Gaussian classes; the larger the separation, the better a model suits the target."""
    generator = np.random.default_rng(seed)
    labels = generator.permutation(np.repeat(np.arange(classes), each))
    centres = generator.normal(size=(classes, dim))
    features = separation * centres[labels] + generator.normal(size=(len(labels), dim))
    logits = separation * np.eye(classes)[labels] + generator.normal(size=(len(labels), classes))
    return TargetSample(features, softmax(logits, axis=1), labels)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_a_model_that_separates_the_classes_is_preferred(name):
    scores = [np.mean([ESTIMATORS[name](make_sample(s, seed=seed)) for seed in range(5)]) for s in (0.0, 0.7, 3.0)]
    assert scores[0] < scores[1] < scores[2]


@pytest.mark.parametrize("name", ESTIMATORS)
def test_neither_order_nor_names_of_the_labels_matter(name):
    sample = make_sample(1.0)
    order = np.random.default_rng(1).permutation(len(sample.labels))
    shuffled = TargetSample(sample.features[order], sample.probabilities[order], sample.labels[order])
    renamed = TargetSample(sample.features, sample.probabilities, np.array([7, 3, 11, 5])[sample.labels])
    expected = ESTIMATORS[name](sample)
    assert ESTIMATORS[name](renamed) == pytest.approx(expected)
    if name != "nleep":  # its mixture starts from k-means, which depends on the order
        assert ESTIMATORS[name](shuffled) == pytest.approx(expected)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_more_features_than_images_and_constant_features_give_finite_scores(name):
    wide = make_sample(1.0, each=5, dim=80)
    constant = np.hstack([wide.features, np.zeros((len(wide.labels), 3))])
    for features in (wide.features, constant):
        assert np.isfinite(ESTIMATORS[name](TargetSample(features, wide.probabilities, wide.labels)))


def test_h_score_without_shrinkage_is_the_variance_explained_by_the_classes(monkeypatch):
    sample = make_sample(1.0)
    plain = lambda f, assume_centered: (f.T @ f / len(f), 0.0)  # noqa: E731
    monkeypatch.setattr("ptmrec.evaluation.baselines.hscore.ledoit_wolf", plain)
    one_hot = (sample.labels[:, None] == np.unique(sample.labels)).astype(float)
    whitened = PCA(whiten=True).fit_transform(sample.features) * np.sqrt(len(one_hot) / (len(one_hot) - 1))
    fitted = LinearRegression().fit(one_hot, whitened).predict(one_hot)
    assert h_score(sample.features, sample.labels) == pytest.approx((fitted**2).mean(axis=0).sum())


def test_leep_by_hand_and_at_its_ends():
    probabilities, labels = np.array([[0.8, 0.2], [0.4, 0.6], [0.3, 0.7]]), np.array([0, 1, 1])
    joint = np.array([[0.8, 0.2], [0.7, 1.3]]) / 3
    conditional = joint / joint.sum(axis=0)
    expected = [conditional[y] @ p for y, p in zip(labels, probabilities, strict=True)]
    assert leep(probabilities, labels) == pytest.approx(np.log(expected).mean())
    assert leep(np.eye(3), np.array([2, 0, 1])) == pytest.approx(0.0)
    uniform = np.full((60, 5), 0.2)
    balanced = np.repeat(np.arange(4), 15)
    assert leep(uniform, balanced) == pytest.approx(-np.log(4))


def test_nce_is_the_conditional_entropy_of_the_contingency_table():
    generator = np.random.default_rng(0)
    probabilities, labels = generator.dirichlet(np.ones(3), 200), generator.integers(4, size=200)
    answers = probabilities.argmax(axis=1)
    table = np.array([[np.sum((answers == z) & (labels == y)) for y in range(4)] for z in range(3)])
    expected = -sum(row.sum() / 200 * entropy(row) for row in table)
    assert negative_conditional_entropy(probabilities, labels) == pytest.approx(expected)


def test_nleep_reaches_zero_on_classes_far_apart():
    sample = make_sample(50.0, classes=3, each=20)
    assert nleep(sample.features, sample.labels) == pytest.approx(0.0, abs=1e-6)


def test_transrate_from_singular_values():
    sample = make_sample(1.0)

    def rate(features):
        singular = np.linalg.svd(features, compute_uv=False)
        return 0.5 * np.log1p(singular**2 / (len(features) * 1e-4)).sum()

    centred = sample.features - sample.features.mean(axis=0)
    within = np.mean([rate(centred[sample.labels == label]) for label in range(4)])
    assert transrate(sample.features, sample.labels) == pytest.approx(rate(centred) - within)


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
