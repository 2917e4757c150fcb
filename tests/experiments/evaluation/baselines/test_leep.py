import numpy as np
import pytest

from experiments.evaluation.baselines.leep import leep


def test_leep_by_hand_and_at_its_ends():
    probabilities, labels = np.array([[0.8, 0.2], [0.4, 0.6], [0.3, 0.7]]), np.array([0, 1, 1])
    joint = np.array([[0.8, 0.2], [0.7, 1.3]]) / 3
    conditional = joint / joint.sum(axis=0)
    expected = [conditional[y] @ p for y, p in zip(labels, probabilities, strict=True)]
    assert leep(probabilities, labels) == pytest.approx(np.log(expected).mean())
    assert leep(np.eye(3), np.array([2, 0, 1])) == pytest.approx(0.0)
    uniform = np.full((60, 5), 0.2)
    balanced = np.repeat(np.arange(4), 15)
    assert leep(uniform, balanced) == pytest.approx(-np.log(4))
