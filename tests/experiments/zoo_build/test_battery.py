import numpy as np
import pytest
from conftest import write_image_set, write_index

from experiments.zoo_build.battery import build_battery
from ptmrec.benchmark.battery import read_battery
from ptmrec.core.errors import DataError
from ptmrec.dataloader.image_data import load_image_npz


def test_only_sets_that_may_be_passed_on_and_only_training_images(tmp_path):
    write_image_set(tmp_path / "toy.npz", train=90)
    write_image_set(tmp_path / "other.npz")
    table = write_index(tmp_path)
    other, toy = table.read_text().splitlines()[1:]
    table.write_text(table.read_text().replace(other, other.replace("MIT", "not stated")))
    assert toy.startswith("toy")
    battery = read_battery(build_battery(tmp_path, ["toy", "other"], tmp_path / "battery.npz"))
    assert list(battery) == ["toy"]
    part, data = battery["toy"], load_image_npz(tmp_path / "toy.npz")
    assert np.bincount(part.labels).tolist() == [20, 20, 20]
    training = {image.tobytes(): label for image, label in zip(data.train_images, data.train_labels, strict=True)}
    assert all(training[image.tobytes()] == label for image, label in zip(part.images, part.labels, strict=True))
    assert "someone/toy at abc123, MIT" in part.attribution


def test_a_battery_of_nothing_is_refused(tmp_path):
    write_image_set(tmp_path / "toy.npz")
    write_index(tmp_path, "not stated")
    with pytest.raises(DataError, match="no image set under MIT"):
        build_battery(tmp_path, ["toy"], tmp_path / "battery.npz")
