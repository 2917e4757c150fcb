import json

import numpy as np
import pytest
from conftest import make_card

from experiments.zoo_build.assemble import assemble_ground_truth, low_data_record
from ptmrec.config.sections import GroundTruthConfig


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
