import numpy as np
import pytest

from experiments.thesis.macros import Macros, number
from experiments.thesis.scale import LINES, MEGABYTES, add_scale, costs
from ptmrec.benchmark.splits import read_splits
from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import PathsConfig, RelationConfig
from ptmrec.core.errors import ArtifactError
from ptmrec.core.files import read_json, write_json
from ptmrec.extractors.explanation import explanation_images

FACTS = {"pass_seconds": 0.1, "weights_seconds": 2.0, "bytes_per_model": 5000, "images": 100}


def test_costs_are_proportions_of_what_was_measured():
    found = {name: value for name, (value, _) in costs(FACTS, {"two stages": 1, "full scoring": 90}, 36).items()}
    assert found["ResponsesHours"] == pytest.approx(1_000_000 * 36 * 0.1 / 3600)
    assert found["WeightsHours"] == pytest.approx(1_000_000 * MEGABYTES / 1000 * 2 / 3600)
    assert found["Dollars"] == pytest.approx((found["WeightsHours"] + found["ResponsesHours"]) * 0.05)
    assert found["Gigabytes"] == pytest.approx(5)
    assert found["PassesHours"] == pytest.approx(1_000_000 * 100 * 0.1 / 3600)


def test_slopes_are_those_of_the_committed_points():
    macros, config = Macros(), ConfigParser()
    add_scale(macros, config)
    points = read_json(config.get(PathsConfig).bench)["growth"]
    for name, (over, what) in LINES.items():
        rows = [(p["count"], p["seconds"]) for p in points if (p["over"], p["what"]) == (over, what)]
        assert len(rows) >= 3
        assert macros.texts[f"Slope{name}"] == number(np.polyfit(*np.log(rows).T, 1)[0])
    assert macros.texts["ScaleTerabytes"] == number(MEGABYTES, 0)
    settings, paths = config.get(RelationConfig), config.get(PathsConfig)
    images = explanation_images(settings, paths.battery, read_splits(paths.splits).known)
    assert macros.texts["ScaleProbes"] == number(len(images), 0)


def test_a_damaged_benchmark_is_one_line(tmp_path):
    write_json(tmp_path / "bench.json", {"growth": [{"over": "models"}], "facts": {}})
    config = ConfigParser(overrides={"paths.bench": str(tmp_path / "bench.json")})
    with pytest.raises(ArtifactError, match=r"bench\.json"):
        add_scale(Macros(), config)
