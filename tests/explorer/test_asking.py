import numpy as np
import pytest

from ptmrec.benchmark.battery import DEMO as FIRST_DEMO
from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import PRESETS
from ptmrec.core.errors import ConfigError, DataError
from ptmrec.explorer import asking
from ptmrec.explorer.asking import DEMO, Asker


@pytest.fixture(scope="module")
def asker():
    return Asker(ConfigParser())


def test_the_demos_are_the_sets_of_the_battery_the_unknown_one_first(asker):
    names = list(asker.demos)
    assert names[0] == DEMO + FIRST_DEMO and len(names) == 8
    assert asker.demos["demo:blood_cells"] == "demo: blood cells (3 classes, 60 images)"


def test_mistakes_are_named_before_anything_is_read(asker):
    with pytest.raises(ConfigError, match="preset 'quick': choose one of fast, balanced, best"):
        asker("demo:mnist", "quick")
    with pytest.raises(ConfigError, match="demo 'minst': choose one of clothing, mnist"):
        asker("demo:minst", "fast")
    for nothing in ("", "  "):
        with pytest.raises(DataError, match="type the path"):
            asker(nothing, "fast")
    with pytest.raises(DataError, match="nowhere"):
        asker("nowhere", "fast")


def test_a_demo_is_asked_about_by_the_names_of_its_classes(asker, monkeypatch):
    asked = []

    def record(source, labels, preset, config):
        asked.append((np.shape(source), len(labels), preset))
        raise DataError("enough")

    monkeypatch.setattr(asking, "recommend", record)
    for preset in PRESETS:
        with pytest.raises(DataError, match="enough"):
            asker("demo:mnist", preset)
    assert asked == [((200, 32, 32, 3), 200, preset) for preset in PRESETS]
