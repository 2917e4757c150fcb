import numpy as np
import pandas as pd
import pytest

from ptmrec.evaluation.calibration import interval_coverage


@pytest.mark.parametrize("level", [0.5, 0.8, 0.95])
def test_right_spread_covers_what_it_says_and_half_of_it_less(level):
    generator = np.random.default_rng(0)
    expected, std = generator.random(20_000), generator.uniform(0.01, 0.2, 20_000)
    frame = pd.DataFrame({"group": "g", "regime": "r", "expected": expected, "std": std})
    frame["measured"] = expected + std * generator.normal(size=len(frame))
    assert interval_coverage(frame, level)[("g", "r")] == pytest.approx(level, abs=0.01)
    narrow = interval_coverage(frame.assign(std=std / 2), level)[("g", "r")]
    assert narrow < level - 0.1


def test_groups_and_regimes_are_told_apart():
    frame = pd.DataFrame(
        {
            "group": ["a", "a", "b", "b"],
            "regime": ["x", "y", "x", "x"],
            "expected": 0.5,
            "std": 0.1,
            "measured": [0.5, 0.9, 0.5, 0.9],
        }
    )
    coverage = interval_coverage(frame)
    assert coverage.to_dict() == {("a", "x"): 1.0, ("a", "y"): 0.0, ("b", "x"): 0.5}
