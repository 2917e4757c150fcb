import numpy as np
import pytest
from toy_samples import make_sample

from experiments.evaluation.baselines.transrate import transrate


def test_transrate_from_singular_values():
    sample = make_sample(1.0)

    def rate(features):
        singular = np.linalg.svd(features, compute_uv=False)
        return 0.5 * np.log1p(singular**2 / (len(features) * 1e-4)).sum()

    centred = sample.features - sample.features.mean(axis=0)
    within = np.mean([rate(centred[sample.labels == label]) for label in range(4)])
    assert transrate(sample.features, sample.labels) == pytest.approx(rate(centred) - within)
