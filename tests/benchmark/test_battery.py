import numpy as np
import pytest

from ptmrec.benchmark.battery import BatterySet, read_battery, write_battery
from ptmrec.core.errors import ArtifactError
from ptmrec.core.files import read_npz, write_npz

GENERATOR = np.random.default_rng(0)


def make_set(name, classes, each):
    images = GENERATOR.integers(0, 256, (classes * each, 8, 8, 3), dtype=np.uint8)
    names = tuple(f"{name} {index}" for index in range(classes))
    return BatterySet(name, images, np.repeat(np.arange(classes), each), names, f"someone/{name}, MIT")


def test_sets_come_back_as_they_were(tmp_path):
    parts = [make_set("first", 3, 4), make_set("second", 2, 5)]
    read = read_battery(write_battery(tmp_path / "battery.npz", parts))
    assert list(read) == ["first", "second"]
    for part in parts:
        again = read[part.name]
        np.testing.assert_array_equal(again.images, part.images)
        np.testing.assert_array_equal(again.labels, part.labels)
        assert (again.class_names, again.attribution) == (part.class_names, part.attribution)


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        ("attribution", np.array("no JSON"), "not a battery"),
        ("attribution", np.array('{"first": {}}'), "not a battery"),
        ("labels", np.full(12, 7, np.int16), r"'first': labels must lie in 0\.\.2"),
        ("images", np.zeros((12, 8, 8), np.uint8), r"'first': images are uint8 \(12, 8, 8\)"),
    ],
)
def test_damage_is_one_line(tmp_path, name, array, message):
    path = write_battery(tmp_path / "battery.npz", [make_set("first", 3, 4)])
    write_npz(path, {**read_npz(path), name: array})
    with pytest.raises(ArtifactError, match=message):
        read_battery(path)
