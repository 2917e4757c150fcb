"""Estimators that run every candidate on the target's images; their scores were measured in the zoo build."""

import numpy as np

from experiments.evaluation.baselines.base import Evidence, register_baseline
from experiments.evaluation.compare import Target

ROWS = {
    "k-NN, features": "knn",
    "LogME": "logme",
    "H-score": "hscore",
    "LEEP": "leep",
    "NCE": "nce",
    "N-LEEP": "nleep",
    "TransRate": "transrate",
    "PARC": "parc",
}
"""Name of a row in results -> name of its estimator, see :mod:`experiments.evaluation.baselines.estimators`."""


def measured_scores(target: Target, evidence: Evidence, estimator: str) -> np.ndarray:
    """Committed score ``(N,)`` of an estimator for each candidate on the target."""
    estimates = evidence.estimates[target.dataset]
    return np.array([estimates[name][estimator] for name in evidence.cards])


for _row, _estimator in ROWS.items():
    register_baseline(_row)(lambda target, evidence, name=_estimator: measured_scores(target, evidence, name))
