import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from conftest import QUICK_TRUTH, QUICK_ZOO, write_image_set, write_index

from ptmrec.benchmark.splits import read_splits
from ptmrec.builder import publish
from ptmrec.builder.manifest import write_manifest
from ptmrec.builder.pieces import build_zoo
from ptmrec.builder.repeat import repeat_build
from ptmrec.builder.verify import verify_zoo
from ptmrec.cli import main
from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import CostConfig, DatasetTokenConfig, PathsConfig, ZooConfig
from ptmrec.dataloader.dataset_tokens import DatasetTokens

ROOT = Path(__file__).resolve().parents[2]


class PixelEncoder:
    """Stands in for CLIP: the mean colour of an image and ones."""

    name, hash = "pixels", "0"

    def encode(self, images, description=None):
        means = np.asarray(images, np.float32).mean(axis=(1, 2)) / 255
        features = np.concatenate([means, np.ones((len(means), 5), np.float32)], axis=1)
        return features / np.linalg.norm(features, axis=1, keepdims=True)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A tiny zoo with everything a build commits, and its image sets."""
    root = tmp_path_factory.mktemp("built")
    images = root / "images"
    for name in ("toy", "other"):
        write_image_set(images / f"{name}.npz")
    write_index(images)
    constants = root / "constants"
    constants.mkdir()
    roles = {"toy": {"role": "train", "reason": "a toy"}, "other": {"role": "blind", "reason": "another"}}
    families = {"vgg": {"role": "train", "reason": "plain"}}
    groups = {"datasets": roles, "sources": {"toy": roles["toy"]}, "families": families}
    (constants / "splits.json").write_text(json.dumps(groups))
    names = {
        "zoo": "zoo",
        "dataset_tokens": "dataset_tokens",
        "encoder": "encoder",
        "ground_truth": "truth.json",
        "estimators": "estimators.json",
        "costs": "costs.json",
        "image_sets": "image_sets.csv",
        "splits": "splits.json",
        "encoder_separation": "separation.csv",
        "manifest": "manifest.json",
        "published": "published",
    }
    (constants / "published").mkdir()
    shutil.copy(ROOT / "constants" / "published" / "modelspider10.json", constants / "published")
    paths = PathsConfig(**{key: constants / name for key, name in names.items()})
    zoo = ZooConfig(families=["vgg"], sizes=["small"], sources=["toy"], mixture=[], **QUICK_ZOO)
    build_zoo(images, root / "work", zoo, QUICK_TRUTH, ["toy", "other"])
    publish.publish_zoo(root / "work", QUICK_TRUTH, paths)
    paths.image_sets.write_bytes((images / "index.csv").read_bytes())
    config = DatasetTokenConfig(clusters=2, other_shots=[1], other_draws=[2])
    publish.build_dataset_tokens(images, read_splits(paths.splits), PixelEncoder(), config, paths.dataset_tokens)
    publish.build_costs(CostConfig(threads=[1], rounds=1, passes=1, batch_passes=1, batch_size=2), paths)
    write_manifest(paths)
    return paths, images


def problems(paths: PathsConfig) -> dict[str, tuple[str, ...]]:
    return {check.name: check.problems for check in verify_zoo(paths) if check.problems}


def test_a_fresh_build_is_whole(built):
    paths, _ = built
    assert problems(paths) == {}


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


def test_separation_compares_encoder_pixels_and_chance(built):
    paths, images = built
    table = publish.encoder_separation(images, read_splits(paths.splits), PixelEncoder()).set_index("dataset")
    assert table.loc["other", "role"] == "blind"
    assert table["chance"].tolist() == pytest.approx([1 / 3, 1 / 3])
    assert (table["encoder"] > 0.9).all(), "the classes differ in brightness"


def damage(path: Path, change) -> bytes:
    before = path.read_bytes()
    path.write_text(change(path.read_text()))
    return before


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


def test_a_missing_measurement_and_too_many_bytes(built, monkeypatch):
    paths, _ = built
    truth = json.loads(paths.ground_truth.read_text())
    truth["other"] = truth["other"][1:]
    before = damage(paths.ground_truth, lambda _: json.dumps(truth))
    try:
        assert any("is not measured in" in line for line in problems(paths)["ground truth"])
    finally:
        paths.ground_truth.write_bytes(before)
    monkeypatch.setattr("ptmrec.builder.verify.SIZE_LIMIT", 1000)
    assert "are committed, more than" in problems(paths)["size"][0]
    assert "file not found" in problems(replace(paths, costs=paths.costs.with_name("none")))["costs"][0]


def test_a_second_build_gives_the_same_models_and_measurements(built):
    paths, images = built
    zoo = {"families": "vgg", "sizes": "small", "sources": "toy", "mixture": "", **QUICK_ZOO}
    overrides = {f"zoo.{key}": str(value) for key, value in zoo.items()}
    for key, value in vars(QUICK_TRUTH).items():
        overrides[f"ground_truth.{key}"] = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    overrides |= {f"paths.{key}": str(value) for key, value in vars(paths).items()}
    frame = repeat_build(ConfigParser(overrides=overrides), images, models=2, targets=2)
    assert len(frame) == 2 * 2 * 2
    assert frame["same_weights"].all()
    np.testing.assert_allclose(frame["repeated"], frame["committed"], atol=1e-5)
    low_data = frame[frame["regime"] == "low_data"]
    np.testing.assert_allclose(low_data["full_precision"], low_data["repeated"], atol=0.1)
    assert frame.loc[frame["regime"] == "fine_tuning", "full_precision"].isna().all()
