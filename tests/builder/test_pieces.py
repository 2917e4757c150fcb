import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from conftest import QUICK_TRUTH, QUICK_ZOO, make_card, write_image_set, write_index
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from ptmrec.benchmark.ground_truth import read_ground_truth
from ptmrec.builder.assemble import assemble_ground_truth
from ptmrec.builder.measure import draw_shots, fine_tune, probe_accuracies
from ptmrec.builder.pieces import build_zoo, cell_path, read_cells
from ptmrec.builder.plan import MIXTURE, NOTHING, plan_models
from ptmrec.builder.training import Recipe, augment, train_classifier
from ptmrec.config.sections import GroundTruthConfig, ZooConfig
from ptmrec.dataloader.image_data import load_image_npz
from ptmrec.errors import ArtifactError, DataError
from ptmrec.evaluation.baselines.estimators import ESTIMATORS
from ptmrec.zoo.architectures import build_model
from ptmrec.zoo.features import accuracy, extract_features
from ptmrec.zoo.snapshot import read_zoo


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


def test_sizes_differ_by_three_and_families_by_kind():
    for family in ZooConfig().families:
        small, large = (
            sum(p.numel() for p in build_model(family, size, 10).body.parameters()) for size in ("small", "large")
        )
        assert large >= 3 * small, family


def test_draws_are_fixed_balanced_and_differ():
    labels = np.repeat([0, 1, 2], [20, 20, 4])
    draws = draw_shots(labels, 5, 3, "toy")
    for first, again in zip(draws, draw_shots(labels, 5, 3, "toy"), strict=True):
        np.testing.assert_array_equal(first, again)
        assert np.bincount(labels[first]).tolist() == [5, 5, 4]
        assert len(set(first)) == 14
    assert not np.array_equal(draws[0], draws[1])
    assert not np.array_equal(draws[0], draw_shots(labels, 5, 1, "other")[0])


def test_augmentation_shifts_without_mixing_images():
    images = torch.arange(4.0).view(4, 1, 1, 1).expand(4, 3, 32, 32).clone()
    changed = augment(images, torch.Generator().manual_seed(0))
    assert changed.shape == images.shape
    spread = changed.amax(dim=(1, 2, 3)) - changed.amin(dim=(1, 2, 3))
    torch.testing.assert_close(spread, torch.zeros(4))


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


@pytest.fixture
def measured(tmp_path):
    """A model that was not trained, an image set, and its features of both parts."""
    data = load_image_npz(write_image_set(tmp_path / "toy.npz", train=90))
    model = build_model("vit", "small", 3).eval()
    return model, data, extract_features(model, data.train_images), extract_features(model, data.test_images)


def test_probe_is_logistic_regression_on_the_draw(measured):
    _, data, features, test_features = measured
    config = GroundTruthConfig(penalties=[0.1], other_shots=[1, 5], other_draws=[2, 3])
    got = probe_accuracies(features, test_features, data, config)
    assert got["penalty"] == 0.1
    assert {shots: len(values) for shots, values in got["by_shots"].items()} == {"1": 2, "5": 3, "all": 1}

    def reference(drawn):
        scaler = StandardScaler().fit(features[drawn])
        probe = LogisticRegression(C=0.1, max_iter=300, tol=1e-3)
        probe.fit(scaler.transform(features[drawn]), data.train_labels[drawn])
        return probe.score(scaler.transform(test_features), data.test_labels)

    draws = draw_shots(data.train_labels, 10, config.draws, "toy")
    assert got["accuracies"] == pytest.approx([reference(drawn) for drawn in draws])
    assert got["by_shots"]["all"] == pytest.approx([reference(np.arange(90))])


def test_penalty_is_chosen_without_the_test_images(measured):
    _, data, features, test_features = measured
    config = GroundTruthConfig(draws=2, penalties=[1e-6, 0.1, 1.0], other_shots=[], other_draws=[])
    chosen = probe_accuracies(features, test_features, data, config)["penalty"]
    shuffled = replace(data, test_labels=np.roll(data.test_labels, 1))
    assert probe_accuracies(features, test_features[::-1], shuffled, config)["penalty"] == chosen


def test_fine_tuning_chooses_its_learning_rate_on_images_it_keeps_aside(measured):
    model, data, _, _ = measured
    before = [parameter.clone() for parameter in model.parameters()]
    config = GroundTruthConfig(steps=12, batch_size=16, learning_rates=[3e-3, 1e-7], seeds=2)
    got = fine_tune(model, data, config)
    assert got["learning_rate"] == 3e-3
    assert len(got["validation"]) == len(got["accuracies"]) == 2
    assert got["validation"][1] > got["validation"][0], "learning rates in ascending order"
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))
    scrambled = replace(data, test_labels=np.roll(data.test_labels, 1))
    assert fine_tune(model, scrambled, config)["validation"] == got["validation"]
    assert fine_tune(model, data, config) == got


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
    build_zoo(images, tmp_path / "work", zoo, QUICK_TRUTH, ["toy", "other"])
    after = json.loads(lost.read_text())
    assert after == before
    assert all(path.stat().st_mtime_ns == time for path, time in files.items() if path != lost)
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


def cell(model="vgg-small-toy", accuracies=(0.5, 0.7)):
    low_data = {"penalty": 0.1, "accuracies": list(accuracies), "by_shots": {"1": [0.2, 0.4]}}
    fine_tuning = {"learning_rate": 1e-3, "accuracies": [0.8]}
    return {"dataset": "toy", "model_name": model, "low_data": low_data, "fine_tuning": fine_tuning}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model_name": "nobody"}, "model 'nobody' is not in the zoo"),
        ({"accuracy": 73.1}, r"accuracy 73\.1 .* not in 0\.\.1"),
        ({"accuracy": "high"}, "not in 0"),
        ({"regime": "zero"}, "regime 'zero'"),
        ({"source": None}, "no 'source'"),
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
