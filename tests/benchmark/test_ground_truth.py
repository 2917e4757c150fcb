import json
import os

import numpy as np
import pytest
import torch
from conftest import make_card, make_ground_truth

from experiments.zoo_build.assemble import assemble_ground_truth
from ptmrec.benchmark.battery import BatterySet, read_battery, write_battery
from ptmrec.benchmark.dataset_cards import PLACE, read_dataset_cards
from ptmrec.benchmark.ground_truth import read_ground_truth
from ptmrec.benchmark.published import read_published
from ptmrec.benchmark.splits import read_splits
from ptmrec.config.sections import GroundTruthConfig, PathsConfig
from ptmrec.core.errors import ArtifactError
from ptmrec.core.files import read_npz, write_npz
from ptmrec.dataloader.combined_similarity_dataloader import TokenSources, build_combined_similarity_loader


def test_some_of_the_models_keep_their_measurements(sources):
    everything = build_combined_similarity_loader(sources, batch_size=8)
    some = build_combined_similarity_loader(TokenSources(**vars(sources) | {"models": ("d", "b")}), batch_size=8)
    for batch, part in zip(everything, some, strict=True):
        assert part["model_names"][0] == ["d", "b"]
        torch.testing.assert_close(part["true_scores"], batch["true_scores"][:, [3, 1]], equal_nan=True)
        torch.testing.assert_close(part["model_tokens"], batch["model_tokens"][:, [3, 1]], equal_nan=True)


def cell(model="vgg-small-toy", accuracies=(0.5, 0.7)):
    low_data = {"penalty": 0.1, "accuracies": list(accuracies), "by_shots": {"1": [0.2, 0.4]}}
    fine_tuning = {"learning_rate": 1e-3, "accuracies": [0.8]}
    return {"dataset": "toy", "model_name": model, "low_data": low_data, "fine_tuning": fine_tuning}


def test_ground_truth_that_changed_is_read_anew_also_where_the_clock_was_set_back(tmp_path):
    path = assemble_ground_truth([cell()], {"vgg-small-toy": make_card()}, GroundTruthConfig(), tmp_path / "truth.json")
    assert read_ground_truth(path).row("low_data", "toy").tolist() == [0.6]
    data = json.loads(path.read_text())
    data["toy"][0]["accuracy"] = 0.9
    path.write_text(json.dumps(data))
    os.utime(path, (0, 0))
    assert read_ground_truth(path).row("low_data", "toy").tolist() == [0.9]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model_name": "nobody"}, "model 'nobody' is not in the zoo"),
        ({"accuracy": 73.1}, r"accuracy 73\.1 .* not in 0\.\.1"),
        ({"accuracy": "high"}, "not in 0"),
        ({"regime": "zero"}, "regime 'zero'"),
        ({"source": None}, "no 'source'"),
        ({"accuracies": [0.5, 1.5]}, r"accuracy 1\.5 .* not in 0\.\.1"),
        ({"accuracies": [-0.1]}, "not in 0"),
        ({"accuracies": 0.5}, "should be a list"),
        ({"by_shots": {"1": [2.0, 0.1]}}, r"accuracy 2\.0 .* not in 0\.\.1"),
        ({"by_shots": {"1": [0.5]}}, "mean and deviation"),
        ({"model_name": ["a"]}, "is not in the zoo"),
    ],
)
def test_ground_truth_that_cannot_be_used(tmp_path, change, words):
    cards = {"vgg-small-toy": make_card()}
    path = assemble_ground_truth([cell()], cards, GroundTruthConfig(), tmp_path / "truth.json")
    assert read_ground_truth(path, cards).row("low_data", "toy").tolist() == [0.6]
    data = json.loads(path.read_text())
    record = data["toy"][0] | change
    data["toy"][0] = {key: value for key, value in record.items() if value is not None}
    path.write_text(json.dumps(data))
    with pytest.raises(ArtifactError, match=words):
        read_ground_truth(path, cards)


def test_a_model_measured_twice(tmp_path):
    path = assemble_ground_truth([cell()], {"vgg-small-toy": make_card()}, GroundTruthConfig(), tmp_path / "truth.json")
    data = json.loads(path.read_text())
    path.write_text(json.dumps({"toy": data["toy"] * 2}))
    with pytest.raises(ArtifactError, match="measured twice"):
        read_ground_truth(path, ["vgg-small-toy"])


def test_some_models_can_be_taken_out_of_one_data_set():
    truth, _ = make_ground_truth(np.random.default_rng(0).random((4, 12)))
    out = np.arange(12) < 3
    less = truth.without("b", out)
    for regime, accuracy in less.accuracy.items():
        np.testing.assert_array_equal(np.isnan(accuracy[1]), out)
        assert np.isnan(less.repeats[regime][1][out]).all()
        np.testing.assert_array_equal(np.delete(accuracy, 1, axis=0), np.delete(truth.accuracy[regime], 1, axis=0))
        assert np.isfinite(truth.accuracy[regime]).all()


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
        ("attribution", np.array("no JSON"), "content does not fit .* make it again"),
        ("attribution", np.array('{"first": {}}'), "content does not fit .* make it again"),
        ("labels", np.full(12, 7, np.int16), r"'first': labels must lie in 0\.\.2"),
        ("images", np.zeros((12, 8, 8), np.uint8), r"'first': images are uint8 \(12, 8, 8\)"),
    ],
)
def test_damage_is_one_line(tmp_path, name, array, message):
    path = write_battery(tmp_path / "battery.npz", [make_set("first", 3, 4)])
    write_npz(path, {**read_npz(path), name: array})
    with pytest.raises(ArtifactError, match=message):
        read_battery(path)


CARD = {
    **{"aliases": ["pets"], "classes": 37, "domain": "photo", "kind": "fine-grained", "subject": "animals"},
    **{"images": 3680, "side": 400, "group": "Pet"},
}


@pytest.mark.parametrize("name", ["transfergraph", "modelspider10", "modelspider42", "openclip", "lovm"])
def test_every_data_set_of_the_benchmarks_has_a_card(name):
    folder = PathsConfig().published
    cards = read_dataset_cards(folder / PLACE)
    zoo = read_published(folder / f"{name}.json")
    assert set(zoo.datasets) <= set(cards)
    if name in ("transfergraph", "modelspider42"):
        assert {card["source_dataset"] for card in zoo.cards.values()} <= set(cards)


def test_near_identical_data_sets_share_a_group():
    cards = read_dataset_cards(PathsConfig().published / PLACE)
    assert cards["ImageNet v2"].group == cards["imagenet1k"].group == "imagenet"
    assert cards["cifar10"] == cards["CIFAR-10"]
    assert cards["dtd"].group == "DTD"


def test_aliases_lead_to_the_same_card(tmp_path):
    path = tmp_path / "datasets.json"
    path.write_text(json.dumps({"datasets": {"Pet": CARD}}))
    cards = read_dataset_cards(path)
    assert cards["pets"] is cards["Pet"]
    assert cards["pets"].classes == 37


@pytest.mark.parametrize(
    ("datasets", "words"),
    [
        ({}, "no object 'datasets'"),
        ({"Pet": CARD, "pets": CARD}, "'pets' names two data sets"),
        ({"Pet": {**CARD, "classes": "many"}}, "'classes' should be of type int"),
        ({"Pet": {**CARD, "domain": None}}, "'domain' should be of type str"),
        ({"Pet": 3}, "'classes' should be of type int"),
    ],
)
def test_damaged_files_are_one_line(tmp_path, datasets, words):
    path = tmp_path / "datasets.json"
    path.write_text(json.dumps({"datasets": datasets}))
    with pytest.raises(ArtifactError) as caught:
        read_dataset_cards(path)
    assert words in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def write_splits(path, datasets, **groups):
    path.write_text(json.dumps({"datasets": datasets, "families": {}, "sources": {}} | groups))
    return path


def entries(**roles):
    return {name: {"role": role, "reason": "r"} for name, role in roles.items()}


def test_splits(tmp_path):
    path = write_splits(tmp_path / "splits.json", entries(a="train", b="blind"))
    splits = read_splits(path)
    assert splits.known == ("a",)
    assert splits.all == ("a", "b")
    for entry, words in (({"role": "x"}, "needs a role"), ({"role": "train"}, "reason"), (None, "needs a role")):
        with pytest.raises(ArtifactError, match=words):
            read_splits(write_splits(path, {"a": entry}))
    with pytest.raises(ArtifactError, match="no data set has the role 'train'"):
        read_splits(write_splits(path, entries(a="blind")))
    path.write_text(json.dumps({"datasets": entries(a="train"), "families": {}}))
    with pytest.raises(ArtifactError, match="sources is missing"):
        read_splits(path)


@pytest.mark.parametrize(
    ("family", "datasets", "role"),
    [
        ("vgg", ["mnist"], "train"),
        ("vgg", [], "train"),
        ("vgg", ["mnist", "cats"], "validation"),
        ("vgg", ["cats", "plankton"], "blind"),
        ("mixer", ["mnist"], "blind"),
        ("regnet", ["plankton"], "blind"),
        ("unheard", ["of"], "train"),
    ],
)
def test_a_model_is_as_blind_as_its_family_and_its_sources(tmp_path, family, datasets, role):
    families = entries(vgg="train", regnet="validation", mixer="blind")
    sources = entries(mnist="train", cats="validation", plankton="blind")
    path = write_splits(tmp_path / "splits.json", entries(a="train"), families=families, sources=sources)
    assert read_splits(path).model_role(make_card(family=family, datasets=datasets)) == role
