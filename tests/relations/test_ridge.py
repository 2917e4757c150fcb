import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.model_selection import LeaveOneOut

from ptmrec.relations.ridge import (
    PENALTIES,
    REPEATS,
    draw_splits,
    ridge_left_out,
    ridge_loo_score,
    split_probe,
    standardise,
)

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
    with pytest.raises(ValueError, match=r"expected features \(B, n, d\)"):
        ridge_loo_score(np.ones((4, 2)), np.zeros(3))
    for features, labels in (
        (np.ones((4, 2)), np.zeros((1, 3))),
        (np.ones((4, 2)), np.zeros(4)),
        (np.ones(4), [[0] * 4]),
    ):
        with pytest.raises(ValueError, match=r"expected features \(B, n, d\) and labels \(S, n\)"):
            ridge_left_out(features[None], np.asarray(labels))


def test_several_ways_to_label_are_judged_as_each_alone():
    labels = np.repeat(np.arange(3), 4)
    label_sets = np.stack([labels, GENERATOR.permutation(labels)])
    features = GENERATOR.normal(size=(12, 4)) + labels[:, None]
    scores, shares = (found[0] for found in ridge_left_out(features[None], label_sets))
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


def test_a_split_probe_equals_scikit_learns_ridge_on_the_images_it_did_not_learn_from():
    generator = np.random.default_rng(4)
    labels = np.repeat(np.arange(4), 30)
    features = generator.normal(size=(120, 20)) + 1.5 * np.eye(4, 20)[labels]
    features[:, 19] = 7.0  # does not vary
    splits, expected = draw_splits(labels), []
    for learned, judged in splits:
        own, truth = features[learned], np.eye(4)[labels[learned]]
        table = (features - own.mean(axis=0)) / np.where(own.std(axis=0) > 0, own.std(axis=0), 1) / np.sqrt(20)
        scores = [ridge_left_out_error(table[learned], truth, penalty) for penalty in PENALTIES]
        model = Ridge(PENALTIES[int(np.argmin(scores))]).fit(table[learned], truth)
        expected.append((model.predict(table[judged]).argmax(axis=1) == labels[judged]).mean())
    assert split_probe(features, labels, splits) == pytest.approx(np.mean(expected))


def ridge_left_out_error(table, truth, penalty):
    """By fitting anew without each image; its mean and deviation are those of all, as in the closed form."""
    errors = []
    for place in range(len(table)):
        kept = np.arange(len(table)) != place
        model = Ridge(penalty).fit(table[kept], truth[kept])
        errors.append(((model.predict(table[[place]]) - truth[place]) ** 2).sum())
    return np.sum(errors)


def test_splits_learn_from_ten_of_a_class_and_judge_on_the_others():
    labels = np.repeat([0, 1, 2], [40, 10, 3])
    splits = draw_splits(labels)
    assert len(splits) == REPEATS
    for learned, judged in splits:
        assert np.bincount(labels[learned]).tolist() == [10, 7, 2]
        assert np.array_equal(np.sort(np.concatenate([learned, judged])), np.arange(53))
    assert not np.array_equal(splits[0][0], splits[1][0])
    np.testing.assert_array_equal(draw_splits(labels)[3][1], splits[3][1])


def test_a_class_of_one_image_is_learned_from_and_no_class_may_be_alone():
    learned, judged = draw_splits(np.array([0, 0, 0, 1]))[0]
    assert 3 in learned and 3 not in judged
    for labels in (np.arange(4), np.zeros(5, int)):
        with pytest.raises(ValueError, match="a split needs two classes"):
            draw_splits(labels)
