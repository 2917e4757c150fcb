"""LEEP: log expected empirical prediction from the source classifier's outputs (Nguyen et al., ICML 2020)."""

import numpy as np


def leep(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """LEEP, at most 0, larger is better.

    With ``P(y | z)`` estimated from the outputs on all images, the mean log of ``sum_z P(y_i | z) p_i(z)``
    (equations 1 and 2 of the paper).

    Args:
        probabilities: ``(n, Z)`` outputs of the source classifier, rows sum to 1.
        labels: ``(n,)`` class indices of the target.
    """
    probabilities = np.asarray(probabilities, np.float64)
    classes, targets = np.unique(labels, return_inverse=True)
    joint = np.zeros((len(classes), probabilities.shape[1]))
    np.add.at(joint, targets, probabilities / len(labels))
    conditional = joint / np.maximum(joint.sum(axis=0, keepdims=True), 1e-300)
    expected = (conditional[targets] * probabilities).sum(axis=1)
    return float(np.log(np.maximum(expected, 1e-300)).mean())
