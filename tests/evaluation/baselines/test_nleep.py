import numpy as np
import pytest
from scipy.special import softmax

from ptmrec.evaluation.baselines.estimators import TargetSample
from ptmrec.evaluation.baselines.nleep import nleep


def make_sample(separation: float, classes: int = 4, each: int = 15, dim: int = 12, seed: int = 0) -> TargetSample:
    """Gaussian classes; the larger the separation, the better a model suits the target."""
    generator = np.random.default_rng(seed)
    labels = generator.permutation(np.repeat(np.arange(classes), each))
    centres = generator.normal(size=(classes, dim))
    features = separation * centres[labels] + generator.normal(size=(len(labels), dim))
    logits = separation * np.eye(classes)[labels] + generator.normal(size=(len(labels), classes))
    return TargetSample(features, softmax(logits, axis=1), labels)


def test_nleep_reaches_zero_on_classes_far_apart():
    sample = make_sample(50.0, classes=3, each=20)
    assert nleep(sample.features, sample.labels) == pytest.approx(0.0, abs=1e-6)
