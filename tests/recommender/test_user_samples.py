import numpy as np
from PIL import Image

from ptmrec.recommender.references import ENCODER
from ptmrec.recommender.user_samples import CLASSES, DRAWS, SHOTS, SIZE, draw_samples, pseudo_labels, shrink
from ptmrec.relations.reference import fit_reference_space

GENERATOR = np.random.default_rng(0)


def make_features(count):
    return {ENCODER: GENERATOR.normal(size=(count, 8)), "model": GENERATOR.normal(size=(count, 6))}


def draw(labels):
    features = make_features(len(labels))
    coordinates = fit_reference_space(make_features(40), 5).encode(features)
    return features, *draw_samples(features[ENCODER], coordinates, labels)


def test_images_of_any_size_and_kind_become_small_ones():
    array = GENERATOR.integers(0, 256, (2, 50, 70, 3), dtype=np.uint8)
    small = shrink(array)
    assert small.shape == (2, SIZE, SIZE, 3) and small.dtype == np.uint8
    np.testing.assert_array_equal(shrink([Image.fromarray(image) for image in array]), small)
    already = GENERATOR.integers(0, 256, (1, SIZE, SIZE, 3), dtype=np.uint8)
    np.testing.assert_array_equal(shrink(already), already)


def test_labels_are_kept_and_clusters_take_their_place():
    tokens = np.repeat(np.eye(4), 5, axis=0)
    labels = np.arange(20) % 2
    assert pseudo_labels(tokens, labels, 10, 0) is labels
    for missing in (None, np.zeros(20, int)):
        found = pseudo_labels(tokens, missing, 4, 0)
        assert len(np.unique(found)) == 4
        assert (found.reshape(4, 5) == found.reshape(4, 5)[:, :1]).all()


def test_draws_take_as_many_of_each_class_as_are_known_of_known_data_sets():
    labels = np.repeat(np.arange(3), 25)
    features, samples, positions = draw(labels)
    assert len(samples) == DRAWS
    for sample, rows in zip(samples, positions, strict=True):
        assert np.bincount(sample.labels).tolist() == [SHOTS] * 3
        np.testing.assert_array_equal(sample.labels, labels[rows])
        np.testing.assert_allclose(sample.token, features[ENCODER][rows].mean(axis=0))
    assert not np.array_equal(positions[0], positions[1])


def test_one_draw_is_enough_where_all_would_be_the_same():
    assert len(draw(np.repeat(np.arange(3), SHOTS))[1]) == 1


def test_many_classes_are_sampled():
    _, samples, _ = draw(np.repeat(np.arange(CLASSES + 20), 2))
    assert len(np.unique(samples[0].labels)) == CLASSES
