"""Gaussian classes as transferability estimators see them."""

import numpy as np
from scipy.special import softmax

from experiments.evaluation.baselines.estimators import TargetSample


def make_sample(separation: float, classes: int = 4, each: int = 15, dim: int = 12, seed: int = 0) -> TargetSample:
    """Gaussian classes; the larger the separation, the better a model suits the target."""
    generator = np.random.default_rng(seed)
    labels = generator.permutation(np.repeat(np.arange(classes), each))
    centres = generator.normal(size=(classes, dim))
    features = separation * centres[labels] + generator.normal(size=(len(labels), dim))
    logits = separation * np.eye(classes)[labels] + generator.normal(size=(len(labels), classes))
    return TargetSample(features, softmax(logits, axis=1), labels)
