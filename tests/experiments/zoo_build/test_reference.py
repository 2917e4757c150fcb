import shutil

import numpy as np
import pytest
from conftest import write_image_set
from toy_relations import transport_score

from experiments.zoo_build.measure import draw_shots
from experiments.zoo_build.reference import build_reference
from ptmrec.benchmark.battery import BatterySet, write_battery
from ptmrec.benchmark.splits import read_splits
from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import PathsConfig, RelationConfig
from ptmrec.dataloader.image_data import load_image_npz
from ptmrec.extractors.explanation import explanation_images
from ptmrec.recommender.references import References
from ptmrec.relations.expected import SEPARATIONS_NAME, read_separations
from ptmrec.relations.samples import read_samples, read_space
from ptmrec.relations.scores import SCORES_NAME, read_scores
from ptmrec.relations.transport import explain
from ptmrec.zoo.features import extract_features
from ptmrec.zoo.snapshot import read_zoo

pytestmark = pytest.mark.slow


BANK, OTHER = "vit-large-mixture", "vgg-small-cifar10"


@pytest.fixture
def setup(tmp_path):
    """Image sets, a battery of a known and a blind set, and a zoo of two models."""
    paths = ConfigParser().get(PathsConfig)
    splits = read_splits(paths.splits)
    for name in splits.all:
        write_image_set(tmp_path / "images" / f"{name}.npz", train=15)
    for name in (BANK, OTHER):
        shutil.copytree(paths.zoo / name, tmp_path / "zoo" / name)
    (tmp_path / "real").mkdir()
    data = load_image_npz(tmp_path / "images" / "mnist.npz")
    write_parts(tmp_path, splits.blind[0], data, data.train_images + 1)
    overrides = {
        "paths.battery": str(tmp_path / "battery.npz"),
        "paths.reference": str(tmp_path / "reference"),
        "paths.zoo": str(tmp_path / "zoo"),
        "paths.real": str(tmp_path / "real"),
        "relations.references": BANK,
        "relations.probes": "20",
        "relations.rank": "6",
        "relations.shots": "3",
        "relations.draws": "2",
        "encoder.device": "cpu",
    }
    return ConfigParser(overrides=overrides), splits, data


def write_parts(folder, blind, data, blind_images):
    sets = (("mnist", data.train_images), (blind, blind_images))
    parts = [BatterySet(name, images, data.train_labels, data.class_names, "test, MIT") for name, images in sets]
    write_battery(folder / "battery.npz", parts)


def test_space_samples_and_scores_are_drawn_as_everywhere(setup, tmp_path):
    config, splits, data = setup
    folder = build_reference(config, tmp_path / "images")
    assert read_space(folder).basis.shape[1] == 6
    assert {path.stem for path in folder.iterdir()} == {"space", "scores", "separations", *splits.known}
    (sample,) = read_samples(folder, "mnist")
    drawn = draw_shots(data.train_labels, 3, 2, "mnist")[0]
    again = References(config).sample("mnist", data.train_images[drawn], data.train_labels[drawn], read_space(folder))
    np.testing.assert_allclose(sample.coordinates, again.coordinates, atol=2e-2)
    scores = read_scores(folder / SCORES_NAME)
    assert {"draw 0", "draw 1", "without vit, draw 1", "bank of 0, draw 1", "unlabelled"} <= set(scores)
    assert scores["draw 1"].models == (OTHER, BANK)
    assert set(scores["draw 1"].datasets) == set(splits.all)
    assert set(read_separations(folder / SEPARATIONS_NAME)) == {"draw 0", "draw 1"}


def test_what_judges_new_images_is_what_the_scores_were_made_with(setup, tmp_path):
    """Explained by the committed space and probes, a model has the scores the builder wrote."""
    config, splits, _ = setup
    folder = build_reference(config, tmp_path / "images")
    paths, settings = config.get(PathsConfig), config.get(RelationConfig)
    probes = explanation_images(settings, paths.battery, splits.known)
    coordinates = References(config).coordinates(probes)
    known = next(name for name in splits.known if name != "mnist")
    (sample,) = read_samples(folder, known)
    scores = read_scores(folder / SCORES_NAME)["draw 0"]
    for place, snapshot in enumerate(read_zoo(paths.zoo)):
        transport = explain(coordinates, extract_features(snapshot.load(), probes))[0]
        found = transport_score(sample.coordinates, sample.labels, transport)
        assert found == pytest.approx(scores.transport[scores.datasets.index(known), place], abs=0.05)


def test_no_blind_image_shapes_the_space(setup, tmp_path):
    config, splits, data = setup
    before = read_space(build_reference(config, tmp_path / "images")).basis
    write_parts(tmp_path, splits.blind[0], data, 255 - data.train_images)
    np.testing.assert_array_equal(read_space(build_reference(config, tmp_path / "images")).basis, before)
