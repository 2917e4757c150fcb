import numpy as np
import pytest
from scipy.stats import entropy

from experiments.evaluation.baselines.nce import negative_conditional_entropy


def test_nce_is_the_conditional_entropy_of_the_contingency_table():
    generator = np.random.default_rng(0)
    probabilities, labels = generator.dirichlet(np.ones(3), 200), generator.integers(4, size=200)
    answers = probabilities.argmax(axis=1)
    table = np.array([[np.sum((answers == z) & (labels == y)) for y in range(4)] for z in range(3)])
    expected = -sum(row.sum() / 200 * entropy(row) for row in table)
    assert negative_conditional_entropy(probabilities, labels) == pytest.approx(expected)
