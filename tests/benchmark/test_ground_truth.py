import json

import numpy as np
import pytest
import torch
from conftest import make_card, make_ground_truth

from experiments.zoo_build.assemble import assemble_ground_truth
from ptmrec.benchmark.ground_truth import read_ground_truth
from ptmrec.config.sections import GroundTruthConfig
from ptmrec.core.errors import ArtifactError
from ptmrec.dataloader.combined_similarity_dataloader import (
    TokenSources,
    build_combined_similarity_loader,
)


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
