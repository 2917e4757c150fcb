import matplotlib.pyplot as plt
import pytest


@pytest.fixture(autouse=True)
def _leaves_pyplot_alone():
    before = plt.get_fignums()
    yield
    assert plt.get_fignums() == before
