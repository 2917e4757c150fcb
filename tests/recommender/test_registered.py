import logging
import shutil

import numpy as np
import pytest
from toy_hub import write_hub_model, write_remote_code

from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import PathsConfig
from ptmrec.core.files import read_json, write_json, write_npz
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


BROKEN = [
    b"", b"[]", b"null", b"3", b"{}", b'{"folder": 5}', b'{"folder": null}', b'{"folder": "a\\u0000b"}', b"\xff",
    b'{"folder": "' + b"x" * 5000 + b'"}', b'{"folder": ".", "card": []}', b'{"folder": ".", "card": {"name": "hub"}}',
]  # fmt: skip


@pytest.mark.parametrize("content", BROKEN)
def test_a_damaged_record_is_one_line_and_the_rest_works(added, tmp_path, caplog, content):
    folder = tmp_path / "registered"
    (folder / "hub" / "model.json").write_bytes(content)
    with caplog.at_level(logging.WARNING):
        assert len(read_registered_cards(folder)) == len(added) - 1
    (line,) = (record.getMessage() for record in caplog.records if "is left out" in record.getMessage())
    assert line.startswith("hub is left out (") and line.endswith(f"or remove {folder / 'hub'}")
    assert "\n" not in line and len(line) < 1000


@pytest.mark.parametrize(
    "change",
    [
        {"num_params": "many"},
        {"num_params": 0},
        {"architecture": 5},
        {"recipe": None},
        {"name": "../hub"},
        {"name": "other"},
        {"name": "x" * 5000},
        {"datasets": 3},
        {"gmacs": True},
    ],
)
def test_a_record_with_a_strange_card_is_left_out(added, tmp_path, caplog, change):
    path = tmp_path / "registered" / "hub" / "model.json"
    record = read_json(path)
    write_json(path, {**record, "card": {**record["card"], **change}})
    with caplog.at_level(logging.WARNING):
        assert "hub" not in {card.name for card in read_registered_cards(tmp_path / "registered")}
    assert caplog.text.count("hub is left out") == 1


@pytest.mark.parametrize("change", [{"transport": np.ones(3)}, {"few_shot": np.ones((2, 2))}, {"explained": np.nan}])
def test_numbers_of_another_form_are_left_out(added, tmp_path, caplog, change):
    write_npz(tmp_path / "registered" / "hub" / "registered.npz", {**FOUND, **change})
    with caplog.at_level(logging.WARNING):
        assert "hub" not in {snapshot.name for snapshot, _ in read_registered(tmp_path / "registered").ran}
    assert "its arrays are of another form" in caplog.text
