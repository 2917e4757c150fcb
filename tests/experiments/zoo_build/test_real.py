import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import QUICK_TRUTH, write_image_set, write_index

from experiments.zoo_build import real
from experiments.zoo_build.measure import draw_shots, estimate, probe_accuracies
from ptmrec.benchmark.ground_truth import read_ground_truth
from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import CostConfig, PathsConfig
from ptmrec.core.errors import ArtifactError
from ptmrec.core.files import write_json
from ptmrec.dataloader.image_data import load_image_npz
from ptmrec.zoo import real as zoo_real
from ptmrec.zoo.features import extract_features, extract_outputs
from ptmrec.zoo.real import read_real

pytestmark = pytest.mark.slow

LITE0 = "efficientnet-lite0"
RECORD = {"model_name": "vgg-small-toy", "model_type": "vgg", "accuracy": 0.5, "trained_on_dataset": "toy"}
RECORD |= {"accuracy_std": 0.0, "regime": "low_data", "recipe": {}, "source": "a test"}


@pytest.fixture
def settings(tmp_path):
    """A configuration of one real model and one tiny image set, and the folder of the latter."""
    committed = ConfigParser().get(PathsConfig)
    constants = tmp_path / "constants"
    shutil.copytree(committed.real / LITE0, constants / "real" / LITE0)
    role = {"role": "train", "reason": "a toy"}
    write_json(constants / "splits.json", {"datasets": {"toy": role}, "families": {}, "sources": {}})
    write_json(constants / "truth.json", {"toy": [RECORD]})
    write_json(constants / "estimators.json", {"toy": {"vgg-small-toy": {"knn": 0.5, "seconds": {"knn": 0.1}}}})
    write_json(constants / "costs.json", {"machine": {"cores": 1}, "models": {"vgg-small-toy": {"num_params": 1}}})
    images = tmp_path / "images"
    write_image_set(images / "toy.npz", train=24, test=6)
    write_index(images)
    places = {"real": "real", "splits": "splits.json", "ground_truth": "truth.json", "manifest": "manifest.json"}
    places |= {"estimators": "estimators.json", "costs": "costs.json"}
    overrides = {f"paths.{key}": str(constants / name) for key, name in places.items()}
    overrides["paths.artifacts"] = str(tmp_path / "artifacts")
    overrides |= {f"ground_truth.{key}": getattr(QUICK_TRUTH, key) for key in ("shots", "draws", "estimator_draws")}
    overrides |= {"costs.threads": [1], "costs.rounds": 1, "costs.passes": 1, "costs.batch_passes": 1}
    return ConfigParser(overrides={**overrides, "costs.batch_size": 2, "costs.warm_up": 0}), images


def test_a_real_model_joins_the_committed_files(settings, monkeypatch):
    config, images = settings
    paths = config.get(PathsConfig)
    real.build_real(config, images)
    truth = read_ground_truth(paths.ground_truth)
    assert truth.models == (LITE0, "vgg-small-toy")
    assert np.isfinite(truth.accuracy["low_data"]).all()
    assert np.isnan(truth.accuracy["fine_tuning"]).all()
    assert np.isfinite(truth.repeats["low_data"][0, 0]).sum() == QUICK_TRUTH.draws
    (kept, record) = json.loads(paths.ground_truth.read_text())["toy"]
    assert kept == RECORD
    assert (record["source"], record["trained_on_dataset"]) == (real.SOURCE, "imagenet")
    estimates = json.loads(paths.estimators.read_text())["toy"]
    assert estimates["vgg-small-toy"] == {"knn": 0.5, "seconds": {"knn": 0.1}}
    assert estimates[LITE0]["leep"] < 0 < estimates[LITE0]["seconds"]["forward"]
    costs = json.loads(paths.costs.read_text())
    assert costs["machine"] == {"cores": 1} and "processor" in costs["real_machine"]
    assert costs["models"][LITE0]["num_params"] == read_real(paths.real)[0].card.num_params
    before = {path: path.read_bytes() for path in paths.manifest.parent.rglob("*.json")}
    monkeypatch.setattr(real, "measure_on", lambda *_: pytest.fail("measured again"))
    monkeypatch.setattr(real, "measure_costs", lambda *_: pytest.fail("measured again"))
    real.build_real(config, images)
    assert {path: path.read_bytes() for path in before} == before


def test_measurements_equal_those_of_the_embedded_models(tmp_path):
    data = load_image_npz(write_image_set(tmp_path / "toy.npz", train=24, test=6))
    model = read_real(ConfigParser().get(PathsConfig).real)[0].load()
    config = replace(QUICK_TRUTH, other_shots=[], other_draws=[])
    measured = real.measure_on(model, data, config)
    features = [extract_features(model, part) for part in (data.train_images, data.test_images)]
    expected = probe_accuracies(*features, data, config)
    assert measured["low_data"] == {key: expected[key] for key in ("penalty", "accuracies")}
    again = estimate(*extract_outputs(model, data.train_images), 0.0, data, config)
    for name in ("logme", "leep", "nce", "knn"):
        assert measured["estimates"][name] == pytest.approx(again[name], rel=1e-3)
    assert len(np.unique(np.concatenate(draw_shots(data.train_labels, 4, 2, "toy")))) < 24, "not all are needed"


def test_without_the_packages_there_is_nothing_to_measure(settings, monkeypatch):
    config, images = settings
    monkeypatch.setattr(zoo_real, "find_spec", lambda name: None)
    with pytest.raises(ArtifactError, match="none of the real models is installed; run: pip install"):
        real.build_real(config, images)


def test_costs_are_measured_once(settings, monkeypatch):
    config, _ = settings
    paths = config.get(PathsConfig)
    write_json(paths.costs, {"models": {LITE0: {}}})
    monkeypatch.setattr(real, "measure_costs", lambda *_: pytest.fail("measured again"))
    real.add_costs(read_real(paths.real), config.get(CostConfig), paths)
    assert Path(paths.costs).is_file()
