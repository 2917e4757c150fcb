import json
from dataclasses import replace
from pathlib import Path

import pytest

from experiments.zoo_build.verify import verify_zoo
from ptmrec.config.sections import PathsConfig

pytestmark = pytest.mark.slow


def problems(paths: PathsConfig) -> dict[str, tuple[str, ...]]:
    return {check.name: check.problems for check in verify_zoo(paths) if check.problems}


def test_a_fresh_build_is_whole(built):
    paths, _ = built
    assert problems(paths) == {}


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
