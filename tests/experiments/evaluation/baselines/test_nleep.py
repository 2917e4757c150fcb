import pytest
from toy_samples import make_sample

from experiments.evaluation.baselines.nleep import nleep


def test_nleep_reaches_zero_on_classes_far_apart():
    sample = make_sample(50.0, classes=3, each=20)
    assert nleep(sample.features, sample.labels) == pytest.approx(0.0, abs=1e-6)
