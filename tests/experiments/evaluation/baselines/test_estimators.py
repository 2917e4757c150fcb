import numpy as np
import pytest
from toy_samples import make_sample

from experiments.evaluation.baselines.estimators import ESTIMATORS, TargetSample


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
