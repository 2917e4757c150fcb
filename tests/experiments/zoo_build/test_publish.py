import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from conftest import make_card
from toy_encoder import PixelEncoder

from experiments.zoo_build import publish
from experiments.zoo_build.assemble import assemble_ground_truth, low_data_record
from experiments.zoo_build.verify import verify_zoo
from ptmrec.benchmark.splits import read_splits
from ptmrec.cli import main
from ptmrec.config.sections import GroundTruthConfig, PathsConfig
from ptmrec.dataloader.dataset_tokens import DatasetTokens


@pytest.mark.slow
def test_tokens_come_in_every_kind_and_keep_train_and_test_images_apart(built):
    paths, _ = built
    kinds = {kind: {} for kind in ("shots10", "shots1", "unlabelled")}
    for kind, found in kinds.items():
        for path in sorted((paths.dataset_tokens / kind).rglob("*.npz")):
            found[path.relative_to(paths.dataset_tokens / kind).as_posix()] = DatasetTokens.load(path)
        parts = {name: tokens.image_part for name, tokens in found.items()}
        assert parts == {"train/toy.npz": "train", "test/toy.npz": "test", "test/other.npz": "train"}
    assert kinds["shots10"]["train/toy.npz"].features.shape == (8, 3, 8)
    assert kinds["shots1"]["train/toy.npz"].features.shape == (2, 3, 8)
    assert kinds["unlabelled"]["train/toy.npz"].features.shape == (4, 2, 8)
    assert kinds["unlabelled"]["train/toy.npz"].class_names == ("", "")


@pytest.mark.slow
def test_separation_compares_encoder_pixels_and_chance(built):
    paths, images = built
    table = publish.encoder_separation(images, read_splits(paths.splits), PixelEncoder()).set_index("dataset")
    assert table.loc["other", "role"] == "blind"
    assert table["chance"].tolist() == pytest.approx([1 / 3, 1 / 3])
    assert (table["encoder"] > 0.9).all(), "the classes differ in brightness"


def test_a_cell_becomes_two_records_with_means_and_spread(tmp_path):
    low, fine = [0.5, 0.6, 0.7], [0.8, 0.9]
    cell = {
        "model_name": "vgg-small-toy",
        "dataset": "other",
        "low_data": {"penalty": 0.1, "accuracies": low, "by_shots": {"1": [0.2, 0.4], "all": [0.9]}},
        "fine_tuning": {"learning_rate": 0.002, "accuracies": fine, "validation": [0.7]},
    }
    config = GroundTruthConfig(steps=7)
    path = assemble_ground_truth([cell], {"vgg-small-toy": make_card()}, config, tmp_path / "truth.json")
    first, second = json.loads(path.read_text())["other"]
    assert first["accuracy"] == pytest.approx(np.mean(low))
    assert first["accuracy_std"] == pytest.approx(np.std(low, ddof=1), abs=1e-5)
    assert first["by_shots"] == {"1": [0.3, 0.1], "all": [0.9, 0.0]}
    assert (first["regime"], first["recipe"]["penalty"]) == ("low_data", 0.1)
    assert second["accuracies"] == fine
    assert (second["regime"], second["recipe"]["steps"], second["recipe"]["learning_rate"]) == ("fine_tuning", 7, 0.002)
    assert (second["model_type"], second["trained_on_dataset"]) == ("vgg", "toy")


def test_a_cell_without_other_numbers_of_shots_gives_a_record_without_them():
    cell = {"low_data": {"penalty": 1.0, "accuracies": [0.5, 0.7]}}
    record = low_data_record(cell, make_card(), GroundTruthConfig(), "somewhere")
    assert "by_shots" not in record
    assert (record["accuracy"], record["regime"], record["source"]) == (pytest.approx(0.6), "low_data", "somewhere")


def damage(path: Path, change) -> bytes:
    before = path.read_bytes()
    path.write_text(change(path.read_text()))
    return before


@pytest.mark.slow
def test_a_changed_file_fails_the_command_until_it_is_accepted(built, tmp_path):
    paths, _ = built
    settings = [f"--set=paths.{key}={getattr(paths, key)}" for key in vars(paths) if key != "artifacts"]
    run = CliRunner().invoke(main, [*settings, "zoo", "verify"])
    assert run.exit_code == 0, run.output
    before = damage(paths.estimators, lambda text: text + "\n")
    held = paths.manifest.read_bytes()
    try:
        run = CliRunner().invoke(main, [*settings, "zoo", "verify"])
        assert run.exit_code == 1
        assert "FAILED  hashes" in run.output
        assert "estimators.json: another hash" in run.output
        assert CliRunner().invoke(main, [*settings, "zoo", "verify", "--accept"]).exit_code == 0
    finally:
        paths.estimators.write_bytes(before)
        paths.manifest.write_bytes(held)


def problems(paths: PathsConfig) -> dict[str, tuple[str, ...]]:
    return {check.name: check.problems for check in verify_zoo(paths) if check.problems}


@pytest.mark.slow
def test_a_fresh_build_is_whole(built):
    paths, _ = built
    assert problems(paths) == {}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "old", "new", "check", "words"),
    [
        ("manifest", "truth.json", "lost.json", "hashes", "in the manifest but not"),
        ("card", '"num_features": 64', '"num_features": 7', "models", "the card says"),
        ("card", '"name": "vgg-small-toy"', '"name": "vgg"', "models", "the card is of 'vgg'"),
        ("splits", '"vgg"', '"vgg16"', "names", "family 'vgg' of"),
        ("splits", '"role": "train"', '"role": "validation"', "names", "no data set has the role"),
        ("image_sets", ",MIT,", ",research only,", "names", "whose licence is"),
        ("image_sets", "toys,3,", "toys,4,", "dataset tokens", "tokens of 3 classes, not 4"),
        ("estimators", "vgg-small-random", "vgg-small-lost", "ground truth", "no estimates"),
        ("ground_truth", '"trained_on_dataset": "toy"', '"trained_on_dataset": "x"', "ground truth", "another source"),
        ("costs", "vgg-small-random", "vgg-small-lost", "costs", "is missing or not"),
        ("published", '"commit"', '"comit"', "published", "commit"),
    ],
)
def test_damage_is_found(built, name, old, new, check, words):
    paths, _ = built
    inside = {"card": paths.zoo / "vgg-small-toy/config.json", "published": paths.published / "modelspider10.json"}
    path = inside.get(name) or getattr(paths, name)
    before = damage(path, lambda text: text.replace(old, new))
    try:
        assert any(words in line for line in problems(paths)[check])
    finally:
        path.write_bytes(before)
    assert problems(paths) == {}


@pytest.mark.slow
def test_a_missing_measurement_and_too_many_bytes(built, monkeypatch):
    paths, _ = built
    truth = json.loads(paths.ground_truth.read_text())
    truth["other"] = truth["other"][1:]
    before = damage(paths.ground_truth, lambda _: json.dumps(truth))
    try:
        assert any("is not measured in" in line for line in problems(paths)["ground truth"])
    finally:
        paths.ground_truth.write_bytes(before)
    monkeypatch.setattr("experiments.zoo_build.verify.SIZE_LIMIT", 1000)
    assert "are committed, more than" in problems(paths)["size"][0]
    assert "file not found" in problems(replace(paths, costs=paths.costs.with_name("none")))["costs"][0]
