import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.model_selection import LeaveOneOut

from ptmrec.relations.ridge import PENALTIES, ridge_left_out, ridge_loo_score, standardise

GENERATOR = np.random.default_rng(0)


def left_out_one_by_one(features, labels, penalty):
    """The same by fitting a ridge anew without each image; the mean is fitted as well, and not penalised."""
    targets = (labels[:, None] == np.unique(labels)).astype(float)
    errors = 0.0
    for training, (left,) in LeaveOneOut().split(features):
        model = Ridge(alpha=penalty).fit(features[training], targets[training])
        errors += ((model.predict(features[[left]]) - targets[left]) ** 2).sum()
    return -errors / ((targets - targets.mean(axis=0)) ** 2).sum()


@pytest.mark.parametrize(("count", "dim"), [(30, 6), (24, 60)])
def test_closed_form_equals_leaving_one_out(count, dim):
    labels = np.repeat(np.arange(3), count // 3)
    features = GENERATOR.normal(size=(count, dim))
    features[:, 0] += 2 * labels
    scaled = standardise(features)
    expected = max(left_out_one_by_one(scaled, labels, penalty) for penalty in PENALTIES)
    assert ridge_loo_score(features, labels) == pytest.approx(expected, abs=1e-6)


def test_separable_classes_score_near_zero_and_noise_near_minus_one():
    labels = np.repeat(np.arange(4), 20)
    apart = np.eye(4)[labels] + 0.01 * GENERATOR.normal(size=(80, 4))
    assert ridge_loo_score(apart, labels) > -0.05
    noise = [ridge_loo_score(GENERATOR.normal(size=(80, 30)), GENERATOR.permutation(labels)) for _ in range(10)]
    assert -1.2 < np.mean(noise) < -0.95


def test_neither_scale_nor_constant_features_matter():
    labels = np.repeat(np.arange(3), 10)
    features = GENERATOR.normal(size=(30, 5)) + labels[:, None]
    expected = ridge_loo_score(features, labels)
    assert ridge_loo_score(1000 * features + 7, labels) == pytest.approx(expected)
    assert np.isfinite(ridge_loo_score(np.zeros((30, 5)), labels))
    broken = np.column_stack([features, np.where(np.arange(30) == 4, np.inf, 1.0)])
    zero = np.column_stack([features, np.zeros(30)])
    with np.errstate(invalid="ignore"):
        assert ridge_loo_score(broken, labels) == pytest.approx(ridge_loo_score(zero, labels))


def test_what_cannot_be_scored_is_refused():
    with pytest.raises(ValueError, match="at least two classes"):
        ridge_loo_score(np.ones((4, 2)), np.zeros(4))
    with pytest.raises(ValueError, match=r"expected features \(n, d\)"):
        ridge_loo_score(np.ones((4, 2)), np.zeros(3))


def test_several_ways_to_label_are_judged_as_each_alone():
    labels = np.repeat(np.arange(3), 4)
    label_sets = np.stack([labels, GENERATOR.permutation(labels)])
    features = GENERATOR.normal(size=(12, 4)) + labels[:, None]
    scores, shares = ridge_left_out(features, label_sets)
    np.testing.assert_allclose(scores, [ridge_loo_score(features, each) for each in label_sets])
    scaled, expected = standardise(features), []
    for each in label_sets:
        targets = np.eye(3)[each]
        penalty = max(PENALTIES, key=lambda penalty, each=each: left_out_one_by_one(scaled, each, penalty))
        right = [
            Ridge(alpha=penalty).fit(scaled[rest], targets[rest]).predict(scaled[left])[0].argmax() == each[left[0]]
            for rest, left in LeaveOneOut().split(scaled)
        ]
        expected.append(np.mean(right))
    np.testing.assert_allclose(shares, expected)
