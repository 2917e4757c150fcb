import numpy as np
import pytest

from ptmrec.relations.similarity import class_match, covariance_similarity, covariances

GENERATOR = np.random.default_rng(5)


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


CENTRES = 3 * np.random.default_rng(1).normal(size=(10, 6))
LABELS = np.repeat(np.arange(10), 12)


def draw(seed: int) -> np.ndarray:
    """Images of ten classes as coordinates."""
    return CENTRES[LABELS] + np.random.default_rng(seed).normal(size=(len(LABELS), 6))


KNOWN, AGAIN = draw(2), draw(3)


def test_classes_that_lie_further_apart_than_chance_moves_their_means_do_not_match():
    """Chance moves a mean of twelve images with six coordinates of variance 1 by the root of a half."""
    assert class_match(KNOWN, LABELS, AGAIN, LABELS) > 0.9
    moved = AGAIN + 2 / np.sqrt(6)
    assert class_match(KNOWN, LABELS, moved, LABELS) == 0


def test_other_images_of_the_same_classes_match_whatever_the_labels_are_called():
    found = class_match(AGAIN, LABELS, KNOWN, LABELS)
    assert 0.9 < found < 1
    order = np.random.default_rng(0).permutation(len(LABELS))
    renamed = np.random.default_rng(4).permutation(10)[LABELS]
    assert class_match(AGAIN[order], renamed[order], KNOWN, LABELS) == pytest.approx(found)
    assert class_match(KNOWN, LABELS, AGAIN, LABELS) == pytest.approx(found)


SPLIT = np.where(LABELS == 0, 1, np.where((LABELS == 2) & (np.arange(len(LABELS)) % 2 == 0), 0, LABELS))
OTHER_TASKS = {
    "odd and even": (AGAIN, LABELS % 2),
    "random labels": (AGAIN, np.random.default_rng(5).permutation(LABELS)),
    "half of the classes": (AGAIN[LABELS < 5], LABELS[LABELS < 5]),
    "two merged and one split": (AGAIN, SPLIT),
    "one class replaced": (np.where((LABELS == 3)[:, None], AGAIN[::-1] + 4, AGAIN), LABELS),
    "all elsewhere": (AGAIN + 1, LABELS),
    "one class": (AGAIN, np.zeros(len(LABELS), int)),
}


@pytest.mark.parametrize("task", OTHER_TASKS)
def test_other_tasks_on_the_same_images_are_not_the_same(task):
    images, labels = OTHER_TASKS[task]
    assert class_match(images, labels, KNOWN, LABELS) == class_match(KNOWN, LABELS, images, labels) == 0


def test_five_other_classes_of_one_domain_are_not_the_same():
    assert class_match(AGAIN[LABELS < 5], LABELS[LABELS < 5], KNOWN[LABELS >= 5], LABELS[LABELS >= 5]) == 0


def test_one_image_per_class_is_too_little_to_tell():
    assert class_match(AGAIN[::12], LABELS[::12], KNOWN[::12], LABELS[::12]) == 0
