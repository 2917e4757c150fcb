import json

import numpy as np
import pytest
import torch
from conftest import make_card, write_image_set
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from ptmrec.config.sections import GroundTruthConfig, ZooConfig
from ptmrec.dataloader.image_data import load_image_npz
from ptmrec.errors import ArtifactError, DataError
from ptmrec.zoo.architectures import build_model
from ptmrec.zoo.builder import build_zoo, plan_models, read_cells
from ptmrec.zoo.ground_truth import assemble_ground_truth, read_ground_truth
from ptmrec.zoo.measure import draw_shots, probe_accuracies
from ptmrec.zoo.snapshot import read_zoo
from ptmrec.zoo.training import Recipe, accuracy, augment, extract_features, normalise, train_classifier


def test_sources_rotate_over_the_bodies():
    plans = plan_models(ZooConfig())
    assert len({plan.name for plan in plans}) == 42
    counts = [sum(plan.source == source for plan in plans) for source in ZooConfig().sources]
    assert min(counts) >= 5
    assert len({plan.seed for plan in plans}) == 42


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
    images, labels = normalise(data.train_images), torch.from_numpy(data.train_labels)
    models = []
    for _ in range(2):
        torch.manual_seed(0)
        model = build_model("vgg", "small", 3)
        train_classifier(model, images, labels, Recipe(40, 32, 3e-3, 0.02), seed=1)
        models.append(model)
    assert accuracy(models[0], images, labels) > 0.8
    for first, second in zip(models[0].parameters(), models[1].parameters(), strict=True):
        assert torch.equal(first, second)


def test_probe_is_logistic_regression_on_the_draw(tmp_path):
    data = load_image_npz(write_image_set(tmp_path / "toy.npz", train=90))
    model = build_model("vit", "small", 3).eval()
    got, penalty = probe_accuracies(model, data, shots=10, draws=2, penalties=[0.1])
    assert penalty == 0.1
    drawn = draw_shots(data.train_labels, 10, 2, "toy")[1]
    features = extract_features(model, normalise(data.train_images)).double().numpy()[drawn]
    scaler = StandardScaler().fit(features)
    probe = LogisticRegression(C=0.1, max_iter=300).fit(scaler.transform(features), data.train_labels[drawn])
    test = scaler.transform(extract_features(model, normalise(data.test_images)).double().numpy())
    assert got[1] == pytest.approx(probe.score(test, data.test_labels))


def test_a_build_can_be_stopped_resumed_and_assembled(tmp_path):
    images = tmp_path / "images"
    for name in ("toy", "other"):
        write_image_set(images / f"{name}.npz")
    zoo = ZooConfig(families=["vgg", "vit"], sizes=["small"], sources=["toy"], sources_per_model=1, steps=2)
    truth = GroundTruthConfig(targets=["toy", "other"], shots=4, draws=2, penalties=[0.1], steps=2, seeds=2)
    models, cells = build_zoo(images, tmp_path / "work", zoo, truth)
    files = {path: path.stat().st_mtime_ns for path in (tmp_path / "work").rglob("*.json")}
    assert len(files) == 2 + 4 + 4 + 8
    lost = cells / "fine_tuning" / "other" / "vit-small-toy.seed1.json"
    before = json.loads(lost.read_text())
    lost.unlink()
    build_zoo(images, tmp_path / "work", zoo, truth)
    assert json.loads(lost.read_text()) == before
    assert all(path.stat().st_mtime_ns == time for path, time in files.items() if path != lost)
    cards = {snapshot.name: snapshot.card for snapshot in read_zoo(models)}
    path = assemble_ground_truth(read_cells(cells), cards, tmp_path / "truth.json")
    measured = read_ground_truth(path, cards)
    assert measured.repeats["fine_tuning"].shape == (2, 2, 2)
    values = [json.loads(p.read_text())["accuracies"][0] for p in sorted(lost.parent.glob("vit*"))]
    assert measured.row("fine_tuning", "other")[1] == pytest.approx(np.mean(values), abs=1e-5)


def test_a_source_must_be_there_and_shareable(tmp_path):
    write_image_set(tmp_path / "toy.npz")
    truth = GroundTruthConfig(targets=["toy"])
    with pytest.raises(DataError, match=r"image set cifar10\.npz is missing"):
        build_zoo(tmp_path, tmp_path / "work", ZooConfig(sources=["cifar10"]), truth)
    (tmp_path / "index.csv").write_text("name,licence\ntoy,CC BY-NC-SA 4.0\n")
    with pytest.raises(DataError, match="cannot be shared"):
        build_zoo(tmp_path, tmp_path / "work", ZooConfig(sources=["toy"]), truth)


def cell(model="vgg-small-toy", regime="low_data", accuracies=(0.5, 0.7)):
    return {"dataset": "toy", "regime": regime, "model_name": model, "recipe": {}, "accuracies": list(accuracies)}


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
    path = assemble_ground_truth([cell()], cards, tmp_path / "truth.json")
    assert read_ground_truth(path, cards).row("low_data", "toy").tolist() == [0.6]
    data = json.loads(path.read_text())
    record = data["toy"][0] | change
    data["toy"][0] = {key: value for key, value in record.items() if value is not None}
    path.write_text(json.dumps(data))
    with pytest.raises(ArtifactError, match=words):
        read_ground_truth(path, cards)


def test_a_model_measured_twice(tmp_path):
    path = assemble_ground_truth([cell()], {"vgg-small-toy": make_card()}, tmp_path / "truth.json")
    data = json.loads(path.read_text())
    path.write_text(json.dumps({"toy": data["toy"] * 2}))
    with pytest.raises(ArtifactError, match="measured twice"):
        read_ground_truth(path, ["vgg-small-toy"])
