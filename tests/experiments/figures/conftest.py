import matplotlib.pyplot as plt
import numpy as np
import pytest
from conftest import make_ground_truth


@pytest.fixture(scope="module")
def truth_and_cards():
    return make_ground_truth(np.random.default_rng(0).uniform(size=(4, 24)))


@pytest.fixture(autouse=True)
def _leaves_pyplot_alone():
    before = plt.get_fignums()
    yield
    assert plt.get_fignums() == before
