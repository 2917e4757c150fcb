import numpy as np
import pytest
from conftest import QUICK_TRUTH, QUICK_ZOO

from experiments.zoo_build.repeat import repeat_build
from ptmrec.config.parser import ConfigParser

pytestmark = pytest.mark.slow


def test_a_second_build_gives_the_same_models_and_measurements(built):
    paths, images = built
    zoo = {"families": "vgg", "sizes": "small", "sources": "toy", "mixture": "", **QUICK_ZOO}
    overrides = {f"zoo.{key}": str(value) for key, value in zoo.items()}
    for key, value in vars(QUICK_TRUTH).items():
        overrides[f"ground_truth.{key}"] = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    overrides |= {f"paths.{key}": str(value) for key, value in vars(paths).items()}
    frame = repeat_build(ConfigParser(overrides=overrides), images, models=2, targets=2)
    assert len(frame) == 2 * 2 * 2
    assert frame["same_weights"].all()
    np.testing.assert_allclose(frame["repeated"], frame["committed"], atol=1e-5)
    np.testing.assert_allclose(frame["remeasured"], frame["committed"], atol=1e-5)
    low_data = frame[frame["regime"] == "low_data"]
    np.testing.assert_allclose(low_data["full_precision"], low_data["repeated"], atol=0.1)
    assert frame.loc[frame["regime"] == "fine_tuning", "full_precision"].isna().all()
