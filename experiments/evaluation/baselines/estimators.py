"""Every transferability estimator by name, with one signature."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from experiments.evaluation.baselines.hscore import h_score
from experiments.evaluation.baselines.knn import knn_accuracy
from experiments.evaluation.baselines.leep import leep
from experiments.evaluation.baselines.logme import log_maximum_evidence
from experiments.evaluation.baselines.nce import negative_conditional_entropy
from experiments.evaluation.baselines.nleep import nleep
from experiments.evaluation.baselines.parc import parc
from experiments.evaluation.baselines.transrate import transrate


@dataclass(frozen=True)
class TargetSample:
    """What one forward pass of a candidate over labelled target images gives.

    Attributes:
        features: ``(n, D)`` float.
        probabilities: ``(n, Z)`` outputs of the candidate's own classifier, rows sum to 1.
        labels: ``(n,)`` class indices of the target.
    """

    features: np.ndarray
    probabilities: np.ndarray
    labels: np.ndarray


ESTIMATORS: dict[str, Callable[[TargetSample], float]] = {
    "knn": lambda sample: knn_accuracy(sample.features, sample.labels),
    "logme": lambda sample: log_maximum_evidence(sample.features, sample.labels),
    "hscore": lambda sample: h_score(sample.features, sample.labels),
    "leep": lambda sample: leep(sample.probabilities, sample.labels),
    "nce": lambda sample: negative_conditional_entropy(sample.probabilities, sample.labels),
    "nleep": lambda sample: nleep(sample.features, sample.labels),
    "transrate": lambda sample: transrate(sample.features, sample.labels),
    "parc": lambda sample: parc(sample.features, sample.labels),
}
"""Name of each estimator in ``estimator_scores.json`` -> its function; larger is better for all."""
