import json
from dataclasses import replace

import numpy as np
import open_clip
import pytest
import torch
from conftest import QUICK_TRUTH, QUICK_ZOO, make_card, write_image_set, write_index
from PIL import Image

from experiments import sharded
from experiments.evaluation.baselines.estimators import ESTIMATORS
from experiments.sharded import zoo_shards
from experiments.shards import Shard
from experiments.zoo_build.assemble import assemble_ground_truth
from experiments.zoo_build.encoder_trainer import caption_images, train_encoder
from experiments.zoo_build.image_sets import load_image_npz
from experiments.zoo_build.pair_scores import BATTERY, PROBE
from experiments.zoo_build.pieces import CELL_KINDS, build_zoo, cell_path, read_cells
from experiments.zoo_build.plan import MIXTURE, NOTHING, plan_models
from experiments.zoo_build.repeat import repeat_build
from experiments.zoo_build.training import train_classifier
from experiments.zoo_build.variants import list_variants
from ptmrec.benchmark.ground_truth import read_ground_truth
from ptmrec.benchmark.splits import read_splits
from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import EncoderTrainingConfig, GroundTruthConfig, PathsConfig, RelationConfig, ZooConfig
from ptmrec.core.errors import ArtifactError, DataError
from ptmrec.core.files import tree_hash
from ptmrec.model.clip_encoder import ClipImageEncoder
from ptmrec.train.recipe import Recipe, augment
from ptmrec.zoo.architectures import build_model
from ptmrec.zoo.features import accuracy
from ptmrec.zoo.snapshot import read_zoo


@pytest.mark.slow
def test_a_build_can_be_stopped_resumed_and_assembled(tmp_path):
    images = tmp_path / "images"
    for name in ("toy", "other"):
        write_image_set(images / f"{name}.npz")
    write_index(images)
    zoo = ZooConfig(families=["vgg", "vit"], sizes=["small"], sources=["toy"], mixture=["toy", "other"], **QUICK_ZOO)
    work = tmp_path / "work"
    models = build_zoo(images, work, zoo, QUICK_TRUTH, ["toy", "other"])
    files = {path: path.stat().st_mtime_ns for path in (tmp_path / "work").rglob("*.json")}
    names = [
        f"{family}-small-{kind}" for family in ("vgg", "vit") for kind in ("toy", "toy-early", "mixture", "random")
    ]
    assert {path.parent.name for path in files if path.name == "config.json"} == set(names)
    assert len(files) == 8 + 2 * 8 * 2
    lost = cell_path(work, "accuracies", "other", "vit-small-toy")
    before = json.loads(lost.read_text())
    lost.unlink()
    cell_path(work, "estimates", "toy", "vgg-small-toy").unlink()
    again = {
        cell_path(work, kind, *pair)
        for kind in CELL_KINDS
        for pair in (("other", "vit-small-toy"), ("toy", "vgg-small-toy"))
    }
    zoo = replace(zoo, workers=2)  # two lost cells, two processes
    build_zoo(images, tmp_path / "work", zoo, QUICK_TRUTH, ["toy", "other"])
    after = json.loads(lost.read_text())
    assert after == before
    assert all(path.stat().st_mtime_ns == time for path, time in files.items() if path not in again)
    cards = {snapshot.name: snapshot.card for snapshot in read_zoo(models)}
    assert cards["vgg-small-mixture"].datasets == ["toy", "other"]
    assert cards["vgg-small-mixture"].architecture["num_classes"] == 6
    assert (cards["vit-small-random"].source_dataset, cards["vit-small-random"].datasets) == ("none", [])
    path = assemble_ground_truth(read_cells(work, "accuracies"), cards, QUICK_TRUTH, tmp_path / "truth.json")
    measured = read_ground_truth(path, cards)
    assert measured.repeats["fine_tuning"].shape == (2, 8, 2)
    column = measured.models.index("vit-small-toy")
    assert measured.row("fine_tuning", "other")[column] == pytest.approx(
        np.mean(after["fine_tuning"]["accuracies"]), abs=1e-5
    )
    assert measured.by_shots["1"][measured.datasets.index("other"), column] == pytest.approx(
        np.mean(after["low_data"]["by_shots"]["1"]), abs=1e-5
    )
    (estimate,) = (
        c for c in read_cells(work, "estimates") if (c["dataset"], c["model_name"]) == ("toy", "vit-small-toy")
    )
    assert set(estimate) == {"model_name", "dataset", "seconds", *ESTIMATORS}
    assert set(estimate["seconds"]) == {"forward", *ESTIMATORS}
    some = measured.only(["vit-small-toy"])
    np.testing.assert_array_equal(some.row("low_data", "toy"), measured.row("low_data", "toy")[[column]])
    assert some.repeats["low_data"].shape[:2] == some.by_shots["all"].shape == (2, 1)


@pytest.mark.slow
def test_a_source_must_be_there_unchanged_and_shareable(tmp_path):
    write_image_set(tmp_path / "toy.npz")
    write_index(tmp_path)
    zoo = ZooConfig(sources=["toy"], mixture=[])
    with pytest.raises(DataError, match=r"image set cifar10\.npz is missing"):
        build_zoo(tmp_path, tmp_path / "work", ZooConfig(sources=["cifar10"], mixture=[]), QUICK_TRUTH, ["toy"])
    write_index(tmp_path, licence="CC BY-NC-SA 4.0")
    with pytest.raises(DataError, match="cannot be shared"):
        build_zoo(tmp_path, tmp_path / "work", zoo, QUICK_TRUTH, ["toy"])
    write_index(tmp_path)
    write_image_set(tmp_path / "toy.npz", train=33)
    with pytest.raises(DataError, match="another hash"):
        build_zoo(tmp_path, tmp_path / "work", zoo, QUICK_TRUTH, ["toy"])
    assert not (tmp_path / "work").exists()


def test_plan_holds_what_real_hubs_hold():
    config = ZooConfig()
    plans = plan_models(config)
    assert len(plans) >= 200
    assert len({plan.name for plan in plans}) == len({plan.seed for plan in plans}) == len(plans)
    for family in config.families:
        own = [plan for plan in plans if plan.family == family]
        full = [plan for plan in own if plan.steps == config.steps]
        assert {plan.source_name for plan in full} == set(config.sources), "every source meets every family"
        assert sum(plan.source_name == MIXTURE for plan in own) == 2
        assert sum(plan.steps == config.early_steps for plan in own) == 2
        assert [plan.sources for plan in own if plan.source_name == NOTHING] == [()]
    counts = [
        sum(plan.sources == (source,) and plan.steps == config.steps for plan in plans) for source in config.sources
    ]
    assert min(counts) >= 9


@pytest.mark.slow
def test_augmentation_shifts_without_mixing_images():
    images = torch.arange(4.0).view(4, 1, 1, 1).expand(4, 3, 32, 32).clone()
    changed = augment(images, torch.Generator().manual_seed(0))
    assert changed.shape == images.shape
    spread = changed.amax(dim=(1, 2, 3)) - changed.amin(dim=(1, 2, 3))
    torch.testing.assert_close(spread, torch.zeros(4))


@pytest.mark.slow
def test_training_learns_and_is_reproducible(tmp_path):
    data = load_image_npz(write_image_set(tmp_path / "toy.npz", train=90))
    models = []
    for _ in range(2):
        torch.manual_seed(0)
        model = build_model("vgg", "small", 3)
        train_classifier(model, data.train_images, data.train_labels, Recipe(40, 32, 3e-3, 0.02), seed=1)
        models.append(model)
    assert accuracy(models[0], data.train_images, data.train_labels) > 0.8
    for first, second in zip(models[0].parameters(), models[1].parameters(), strict=True):
        assert torch.equal(first, second)


SETTINGS = RelationConfig(references=["v1", "r1", "r2"], draws=3)

CARDS = {"v1": make_card("v1", "vgg"), "r1": make_card("r1", "resnet"), "r2": make_card("r2", "resnet")}


def test_every_draw_with_the_whole_bank_and_without_each_family():
    found = {variant.name: variant for variant in list_variants(SETTINGS, CARDS)}
    for draw in range(3):
        assert found[f"draw {draw}"].bank == ("v1", "r1", "r2")
        assert found[f"draw {draw}"].draw == draw
        assert found[f"without resnet, draw {draw}"].bank == ("v1",)
        assert found[f"without vgg, draw {draw}"].bank == ("r1", "r2")


def test_ablations_change_one_thing_each():
    found = {variant.name: variant for variant in list_variants(SETTINGS, CARDS)}
    assert found["bank of 0, draw 1"].bank == ()
    assert found["bank of 2, draw 0"].bank == ("v1", "r1")
    assert found["probes by code, draw 1"].probes == (PROBE,)
    assert found["probes of the battery, draw 1"].probes == (BATTERY,)
    assert [found[f"{count} per class"].shots for count in (1, 2, 5)] == [1, 2, 5]
    assert found["unlabelled"].clusters == 10
    assert len(found) == len(list_variants(SETTINGS, CARDS))


@pytest.mark.slow
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
    np.testing.assert_allclose(frame["remeasured"], frame["committed"], atol=1e-5)
    low_data = frame[frame["regime"] == "low_data"]
    np.testing.assert_allclose(low_data["full_precision"], low_data["repeated"], atol=0.1)
    assert frame.loc[frame["regime"] == "fine_tuning", "full_precision"].isna().all()


@pytest.mark.slow
def test_a_trained_encoder_is_in_open_clips_format_and_tells_classes_apart(tmp_path):
    data = load_image_npz(write_image_set(tmp_path / "toy.npz", train=120))
    captions = caption_images([data, data]).captions
    assert captions[:2] == ["a picture of class 0, from toy", "a picture of class 1, from toy"]
    assert len(captions) == 6
    config = EncoderTrainingConfig(epochs=6, batch_size=24, width=8, image_size=32, device="cpu")
    train_encoder([data], config, tmp_path / "work", tmp_path / "encoder")
    assert json.loads((tmp_path / "encoder" / "open_clip_config.json").read_text())["model_cfg"]["embed_dim"] == 512
    encoder = ClipImageEncoder(tmp_path / "encoder", device="cpu")
    features = encoder.encode(data.test_images)
    same = data.test_labels[:, None] == data.test_labels
    similarity = features @ features.T
    assert similarity[same].mean() > similarity[~same].mean()
    loaded, _, prepare = open_clip.create_model_and_transforms(f"local-dir:{tmp_path / 'encoder'}")
    with torch.inference_mode():
        theirs = loaded.eval().encode_image(torch.stack([prepare(Image.fromarray(i)) for i in data.test_images]), True)
    np.testing.assert_allclose(features, theirs.numpy(), atol=1e-5)


QUICK = {
    **{"zoo.families": "vgg", "zoo.sizes": "small", "zoo.sources": "toy", "zoo.mixture": "", "zoo.workers": "1"},
    **{"zoo.steps": "2", "zoo.early_steps": "1", "ground_truth.steps": "2", "ground_truth.seeds": "1"},
    **{"ground_truth.shots": "4", "ground_truth.draws": "2", "ground_truth.estimator_draws": "1"},
    **{"ground_truth.other_shots": "1", "ground_truth.other_draws": "2", "ground_truth.penalties": "0.1"},
    "ground_truth.learning_rates": "1e-3",
}


def pieces_of(folder):
    """Files of the pieces, without the seconds that estimators took."""
    folders = [folder / "models", folder / "accuracies"]
    return tree_hash(folders), sorted(path.relative_to(folder) for path in (folder / "estimates").rglob("*.json"))


@pytest.mark.slow
def test_shards_make_the_pieces_of_a_build_on_one_machine_and_do_not_mix(built, tmp_path, monkeypatch):
    paths, images = built
    places = {"splits": paths.splits, "images": images, "artifacts": tmp_path}
    settings = QUICK | {f"paths.{name}": str(path) for name, path in places.items()}
    config = ConfigParser(None, overrides=settings)
    work = zoo_shards(config)
    assert work.missing(2) == [0, 1]
    work.run(Shard(1, 2))
    assert len(list((work.folder / "models").iterdir())) == 1
    with pytest.raises(ArtifactError, match="0 are missing.*make each with: ptmrec zoo build --shard I/2"):
        work.check()
    work.run(Shard(0, 2))
    work.check()
    one, targets = tmp_path / "one", list(read_splits(config.get(PathsConfig).splits).all)
    build_zoo(images, one, config.get(ZooConfig), config.get(GroundTruthConfig), targets)
    assert pieces_of(one) == pieces_of(work.folder)
    (work.folder / "accuracies" / "toy" / f"{sorted(work.names)[0]}.json").unlink()
    assert work.missing() == [0]
    with pytest.raises(ArtifactError, match="begun by other versions, or with other settings"):
        zoo_shards(ConfigParser(None, overrides=settings | {"zoo.steps": "3"})).run(Shard(0, 2))
    monkeypatch.setattr(sharded, "version", lambda name: "9.9")
    with pytest.raises(ArtifactError, match="begun by other versions"):
        zoo_shards(config).missing()
