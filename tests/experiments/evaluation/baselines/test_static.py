import numpy as np
import pytest
from scipy.stats import rankdata

from experiments.evaluation.baselines.static import mean_rank
from ptmrec.benchmark.ground_truth import GroundTruth

GENERATOR = np.random.default_rng(5)


def test_mean_rank_against_scipy_and_with_gaps():
    accuracy = GENERATOR.random((4, 6))
    truth = GroundTruth(tuple("abcd"), tuple("uvwxyz"), {"low_data": accuracy}, {})
    expected = np.mean([(rankdata(row) - 0.5) / 6 for row in accuracy[:3]], axis=0)
    np.testing.assert_allclose(mean_rank(truth, "low_data", ["a", "b", "c"]), expected)
    accuracy[0, 2] = np.nan
    gapped = mean_rank(truth, "low_data", ["a", "b"])
    assert gapped[2] == pytest.approx((rankdata(accuracy[1])[2] - 0.5) / 6)
    with pytest.raises(ValueError, match="at least one"):
        mean_rank(truth, "low_data", [])
