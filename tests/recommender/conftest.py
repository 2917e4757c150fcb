"""Answers that several modules look at, each ranked once a session."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from ptmrec.config.parser import ConfigParser
from ptmrec.recommender.request import recommend


@pytest.fixture(scope="session")
def digits():
    """A hundred of scikit-learn's digits ``(100, 8, 8, 3)`` uint8 and their labels; no recommender has seen them."""
    data = load_digits()
    return np.repeat((data.images[:100] * 255 / 16).astype(np.uint8)[..., None], 3, axis=3), data.target[:100]


@pytest.fixture(scope="session")
def unmeasured():
    """The configuration of a machine on which nothing was measured and no model was added."""
    return ConfigParser(overrides={"paths.artifacts": "nothing measured"})


@pytest.fixture(scope="session")
def ranked_digits(digits, unmeasured):
    """The answer for the digits, of which four models are shown."""
    return recommend(*digits, n=4, regime="low_data", config=unmeasured)
