from dataclasses import replace

import numpy as np
import pytest
import torch
from conftest import write_image_set
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from experiments.zoo_build.measure import draw_shots, fine_tune, main_accuracies, probe_accuracies
from ptmrec.config.sections import GroundTruthConfig
from ptmrec.dataloader.image_data import load_image_npz
from ptmrec.zoo.architectures import build_model
from ptmrec.zoo.features import extract_features

pytestmark = pytest.mark.slow


def test_draws_are_fixed_balanced_and_differ():
    labels = np.repeat([0, 1, 2], [20, 20, 4])
    draws = draw_shots(labels, 5, 3, "toy")
    for first, again in zip(draws, draw_shots(labels, 5, 3, "toy"), strict=True):
        np.testing.assert_array_equal(first, again)
        assert np.bincount(labels[first]).tolist() == [5, 5, 4]
        assert len(set(first)) == 14
    assert not np.array_equal(draws[0], draws[1])
    assert not np.array_equal(draws[0], draw_shots(labels, 5, 1, "other")[0])


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


def test_wide_features_give_the_same_probe(measured):
    _, data, *_ = measured
    generator = np.random.default_rng(0)
    parts = [
        (labels[:, None] == np.arange(700) % 3) + generator.normal(size=(len(labels), 700)) * 4
        for labels in (data.train_labels, data.test_labels)
    ]
    config = GroundTruthConfig(draws=3, penalties=[0.1])
    got = main_accuracies(*(part.astype(np.float32) for part in parts), data, config)["accuracies"]
    for drawn, accuracy in zip(draw_shots(data.train_labels, 10, 3, "toy"), got, strict=True):
        probe = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=300, tol=1e-3))
        probe.fit(parts[0][drawn], data.train_labels[drawn])
        assert accuracy == pytest.approx(probe.score(parts[1], data.test_labels))
    assert 0.4 < np.mean(got) < 1.0
