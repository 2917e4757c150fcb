import numpy as np
import pytest
from conftest import write_image_set

from ptmrec.benchmark.battery import BatterySet, write_battery
from ptmrec.benchmark.splits import read_splits
from ptmrec.builder.measure import draw_shots
from ptmrec.builder.reference import build_reference
from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import PathsConfig
from ptmrec.dataloader.image_data import load_image_npz
from ptmrec.recommender.references import References
from ptmrec.relations.samples import read_samples, read_space

pytestmark = pytest.mark.slow


def test_space_and_samples_are_made_of_known_images_and_drawn_as_everywhere(tmp_path):
    splits = read_splits(ConfigParser().get(PathsConfig).splits)
    images = tmp_path / "images"
    for name in splits.all:
        write_image_set(images / f"{name}.npz", train=30)
    data = load_image_npz(images / "mnist.npz")
    parts = [
        BatterySet(name, data.train_images + shift, data.train_labels, data.class_names, "test, MIT")
        for name, shift in (("mnist", 0), (splits.blind[0], 1))
    ]
    overrides = {
        "paths.battery": str(write_battery(tmp_path / "battery.npz", parts)),
        "paths.reference": str(tmp_path / "reference"),
        "relations.references": "vit-large-mixture",
        "relations.probes": "40",
        "relations.rank": "6",
        "relations.shots": "4",
        "encoder.device": "cpu",
    }
    config = ConfigParser(overrides=overrides)
    folder = build_reference(config, images)
    assert read_space(folder).basis.shape[1] == 6
    assert {path.stem for path in folder.glob("*.npz")} == {"space", *splits.all}
    (sample,) = read_samples(folder, "mnist")
    drawn = draw_shots(data.train_labels, 4, 1, "mnist")[0]
    again = References(config).sample("mnist", data.train_images[drawn], data.train_labels[drawn], read_space(folder))
    np.testing.assert_allclose(sample.coordinates, again.coordinates, atol=2e-2)
    before = read_space(folder).basis
    parts[1] = BatterySet(splits.blind[0], 255 - data.train_images, data.train_labels, data.class_names, "test, MIT")
    write_battery(tmp_path / "battery.npz", parts)
    np.testing.assert_array_equal(read_space(build_reference(config, images)).basis, before)
