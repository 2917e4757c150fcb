import logging
import shutil

import numpy as np
import pytest
from toy_hub import write_hub_model, write_remote_code

from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import PathsConfig
from ptmrec.files import read_json, write_json
from ptmrec.recommender.registered import Added, read_registered, read_registered_cards, write_registered
from ptmrec.zoo.sources import open_source

PATHS = ConfigParser().get(PathsConfig)
FOUND = {"transport": np.ones((3, 2)), "explained": 0.5, "transported": np.ones(4), "few_shot": np.ones(4)}


@pytest.fixture
def added(tmp_path):
    """One model of every kind, each written down."""
    sources = [
        str(shutil.copytree(PATHS.zoo / "vgg-small-cifar10", tmp_path / "own")),
        str(write_hub_model(tmp_path / "hub")),
        "timm:test_vit?random",
        "timm:tf_efficientnet_lite0",
        str(write_remote_code(tmp_path / "remote")),
    ]
    snapshots = [open_source(source, PATHS) for source in sources]
    for snapshot in snapshots:
        write_registered(tmp_path / "registered", snapshot, None if snapshot.name == "remote" else FOUND)
    return snapshots


def test_models_of_every_kind_come_back_those_that_cannot_be_run_apart(added, tmp_path):
    found = read_registered(tmp_path / "registered")
    expected = sorted(added[:-1], key=lambda snapshot: snapshot.name)
    assert [snapshot for snapshot, _ in found.ran] == expected
    assert all(numbers["transport"].shape == (3, 2) for _, numbers in found.ran)
    assert [snapshot.name for snapshot in found.bare] == ["remote"]
    assert {card.name for card in read_registered_cards(tmp_path / "registered")} == {s.name for s in added}
    assert read_registered(tmp_path / "none") == Added()


def test_what_has_gone_is_named_and_left_out(added, tmp_path, caplog):
    shutil.rmtree(tmp_path / "own")
    shutil.rmtree(tmp_path / "hub")
    with caplog.at_level(logging.WARNING):
        found = read_registered(tmp_path / "registered")
    assert [snapshot.name for snapshot, _ in found.ran] == ["efficientnet-lite0", "test_vit-random"]
    assert caplog.text.count("is left out") == 2, "each is named once"
    assert "vgg-small-cifar10 is left out" in caplog.text and "hub is left out" in caplog.text


def test_damaged_records_and_what_a_kill_left_are_passed_over(added, tmp_path, caplog):
    folder = tmp_path / "registered"
    write_json(folder / "hub" / "model.json", {"card": read_json(folder / "hub" / "model.json")["card"]})
    (folder / "efficientnet-lite0" / "registered.npz").write_bytes(b"damaged")
    (folder / ".vit-x.tmp").mkdir()
    with caplog.at_level(logging.WARNING):
        found = read_registered(folder)
    assert [snapshot.name for snapshot, _ in found.ran] == ["test_vit-random", "vgg-small-cifar10"]
    assert "damaged or of another version" in caplog.text and "not an NPZ" in caplog.text
