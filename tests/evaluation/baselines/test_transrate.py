import numpy as np
import pytest
from scipy.special import softmax

from ptmrec.evaluation.baselines.estimators import TargetSample
from ptmrec.evaluation.baselines.transrate import transrate


def make_sample(separation: float, classes: int = 4, each: int = 15, dim: int = 12, seed: int = 0) -> TargetSample:
    """Gaussian classes; the larger the separation, the better a model suits the target."""
    generator = np.random.default_rng(seed)
    labels = generator.permutation(np.repeat(np.arange(classes), each))
    centres = generator.normal(size=(classes, dim))
    features = separation * centres[labels] + generator.normal(size=(len(labels), dim))
    logits = separation * np.eye(classes)[labels] + generator.normal(size=(len(labels), classes))
    return TargetSample(features, softmax(logits, axis=1), labels)


def test_transrate_from_singular_values():
    sample = make_sample(1.0)

    def rate(features):
        singular = np.linalg.svd(features, compute_uv=False)
        return 0.5 * np.log1p(singular**2 / (len(features) * 1e-4)).sum()

    centred = sample.features - sample.features.mean(axis=0)
    within = np.mean([rate(centred[sample.labels == label]) for label in range(4)])
    assert transrate(sample.features, sample.labels) == pytest.approx(rate(centred) - within)
