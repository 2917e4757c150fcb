import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import QUICK_TRUTH, write_image_set, write_index
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from toy_relations import transport_score

from experiments.zoo_build import real
from experiments.zoo_build.battery import build_battery
from experiments.zoo_build.image_sets import load_image_npz
from experiments.zoo_build.measure import draw_shots, estimate, fine_tune, main_accuracies, probe_accuracies
from experiments.zoo_build.pair_scores import BATTERY, PROBE, Layout, PairScorer, Variant
from experiments.zoo_build.reference import build_reference
from ptmrec.benchmark.battery import BatterySet, read_battery, write_battery
from ptmrec.benchmark.ground_truth import read_ground_truth
from ptmrec.benchmark.splits import read_splits
from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import CostConfig, GroundTruthConfig, PathsConfig, RelationConfig
from ptmrec.core.errors import ArtifactError, DataError
from ptmrec.core.files import write_json
from ptmrec.extractors.explanation import probe_images
from ptmrec.recommender.references import ENCODER, References
from ptmrec.relations.expected import SEPARATIONS_NAME, read_separations
from ptmrec.relations.ridge import ridge_loo_score
from ptmrec.relations.samples import read_samples, read_space
from ptmrec.relations.scores import SCORES_NAME, read_scores
from ptmrec.relations.transport import TransportMaps
from ptmrec.zoo import real as zoo_real
from ptmrec.zoo.architectures import build_model
from ptmrec.zoo.features import extract_features, extract_outputs
from ptmrec.zoo.real import read_real
from ptmrec.zoo.snapshot import read_zoo


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
def test_penalty_is_chosen_without_the_test_images(measured):
    _, data, features, test_features = measured
    config = GroundTruthConfig(draws=2, penalties=[1e-6, 0.1, 1.0], other_shots=[], other_draws=[])
    chosen = probe_accuracies(features, test_features, data, config)["penalty"]
    shuffled = replace(data, test_labels=np.roll(data.test_labels, 1))
    assert probe_accuracies(features, test_features[::-1], shuffled, config)["penalty"] == chosen


@pytest.mark.slow
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


@pytest.mark.slow
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


DATASETS, MODELS = ["a", "b"], ["x", "y", "z"]

SETTINGS = RelationConfig(rank=4, shots=3)

BOTH = Variant("both", ("x",), shots=3, draw=1)


def make_layout() -> Layout:
    """Thirty probes, twelve battery images of a, and two draws of three images of three classes of a and b."""
    parts = [("", PROBE, np.zeros(30, int)), ("a", BATTERY, np.arange(12) % 3)]
    parts += [(name, draw, np.repeat(np.arange(3), 3)) for name in DATASETS for draw in (0, 1)]
    sizes = [len(part[2]) for part in parts]
    origin, draw = (np.repeat([part[place] for part in parts], sizes) for place in (0, 1))
    labels = np.concatenate([part[2] for part in parts])
    position = np.concatenate([np.zeros(30, int), np.arange(12) // 3, *[np.tile(np.arange(3), 3)] * 4])
    return Layout(origin, draw, labels, position)


LAYOUT = make_layout()


def make_features(seed=0):
    generator = np.random.default_rng(seed)
    count = len(LAYOUT.labels)
    names = {ENCODER: 6, **dict.fromkeys(MODELS, 5)}
    return {
        name: (generator.normal(size=(count, d)) + LAYOUT.labels[:, None]).astype("f4") for name, d in names.items()
    }


def run(features, variants=(BOTH,)):
    return PairScorer(features, LAYOUT, DATASETS, MODELS, SETTINGS).run(list(variants))


def changed(rows, models):
    features = make_features()
    for name in models:
        features[name] = features[name].copy()
        features[name][rows] = np.random.default_rng(9).normal(size=features[name][rows].shape)
    return features


def test_probes_are_left_out_of_nothing():
    assert len(LAYOUT.probes((PROBE, BATTERY))) == 42
    assert len(LAYOUT.probes((PROBE, BATTERY), "a")) == len(LAYOUT.probes((PROBE,))) == 30


def test_few_shot_scores_are_those_of_the_models_own_features():
    features, scores = make_features(), run(make_features())["both"]
    rows = LAYOUT.sample("b", 1, 3)
    for place, name in enumerate(MODELS):
        assert scores.few_shot[1, place] == pytest.approx(ridge_loo_score(features[name][rows], LAYOUT.labels[rows]))


def test_no_battery_image_of_a_data_set_has_a_part_in_what_judges_it():
    rows = np.flatnonzero((LAYOUT.origin == "a") & (LAYOUT.draw == BATTERY))
    before, after = run(make_features())["both"], run(changed(rows, [ENCODER, *MODELS]))["both"]
    np.testing.assert_array_equal(after.transport[0], before.transport[0])
    np.testing.assert_array_equal(after.reference[0], before.reference[0])
    assert not np.allclose(after.transport[1], before.transport[1])


def test_no_model_outside_the_bank_is_a_reference():
    rows = np.arange(len(LAYOUT.labels))
    before, after = run(make_features())["both"], run(changed(rows, ["y"]))["both"]
    np.testing.assert_array_equal(after.reference, before.reference)
    np.testing.assert_array_equal(after.transport[:, [0, 2]], before.transport[:, [0, 2]])
    assert not np.allclose(run(changed(rows, ["x"]))["both"].transport[:, 2], before.transport[:, 2])


def test_a_data_set_is_compared_with_what_is_known_from_the_first_draw():
    features = make_features()
    rows = LAYOUT.sample("b", 0, 3)
    other = changed(rows, [ENCODER, *MODELS])
    before, after = run(features)["both"], run(other)["both"]
    np.testing.assert_array_equal(after.transport, before.transport)
    assert not np.allclose(after.encoder[0, 1], before.encoder[0, 1])
    assert after.encoder[0, 0] == before.encoder[0, 0]


def test_variants_look_at_fewer_images_or_no_labels():
    variants = [BOTH, Variant("two", ("x",), shots=2, draw=1), Variant("blank", ("x",), shots=3, draw=1, clusters=3)]
    found = run(make_features(), variants)
    assert list(found) == ["both", "two", "blank"]
    assert not np.allclose(found["two"].transport, found["both"].transport)
    assert not np.allclose(found["blank"].transport, found["both"].transport)


def test_separations_come_with_shuffled_copies():
    scorer = PairScorer(make_features(), LAYOUT, DATASETS, MODELS, SETTINGS)
    found = scorer.separate(("x",), (0, 1))
    assert list(found) == ["draw 0", "draw 1"]
    assert found["draw 1"]["a"].own.classes == 3


def test_only_sets_that_may_be_passed_on_and_only_training_images(tmp_path):
    write_image_set(tmp_path / "toy.npz", train=90)
    write_image_set(tmp_path / "other.npz")
    table = write_index(tmp_path)
    other, toy = table.read_text().splitlines()[1:]
    table.write_text(table.read_text().replace(other, other.replace("MIT", "not stated")))
    assert toy.startswith("toy")
    battery = read_battery(build_battery(tmp_path, ["toy", "other"], tmp_path / "battery.npz"))
    assert list(battery) == ["toy"]
    part, data = battery["toy"], load_image_npz(tmp_path / "toy.npz")
    assert np.bincount(part.labels).tolist() == [20, 20, 20]
    training = {image.tobytes(): label for image, label in zip(data.train_images, data.train_labels, strict=True)}
    assert all(training[image.tobytes()] == label for image, label in zip(part.images, part.labels, strict=True))
    assert "someone/toy at abc123, MIT" in part.attribution


def test_a_battery_of_nothing_is_refused(tmp_path):
    write_image_set(tmp_path / "toy.npz")
    write_index(tmp_path, "not stated")
    with pytest.raises(DataError, match="no image set under MIT"):
        build_battery(tmp_path, ["toy"], tmp_path / "battery.npz")


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
    overrides |= {
        "ground_truth.steps": 2,
        "costs.threads": [1],
        "costs.rounds": 1,
        "costs.passes": 1,
        "costs.batch_passes": 1,
    }
    return ConfigParser(overrides={**overrides, "costs.batch_size": 2, "costs.warm_up": 0}), images


@pytest.mark.slow
def test_a_real_model_joins_the_committed_files(settings, monkeypatch):
    config, images = settings
    paths = config.get(PathsConfig)
    real.build_real(config, images)
    truth = read_ground_truth(paths.ground_truth)
    assert truth.models == (LITE0, "vgg-small-toy")
    assert np.isfinite(truth.accuracy["low_data"]).all()
    assert np.isfinite(truth.accuracy["fine_tuning"]).tolist() == [[True, False]]
    assert np.isfinite(truth.repeats["low_data"][0, 0]).sum() == QUICK_TRUTH.draws
    (kept, record, tuned) = json.loads(paths.ground_truth.read_text())["toy"]
    assert (tuned["regime"], tuned["recipe"]["pixels"]) == ("fine_tuning", real.PIXELS)
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
    monkeypatch.setattr(real, "tune_on", lambda *_: pytest.fail("tuned again"))
    monkeypatch.setattr(real, "measure_costs", lambda *_: pytest.fail("measured again"))
    real.build_real(config, images)
    assert {path: path.read_bytes() for path in before} == before


@pytest.mark.slow
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


@pytest.mark.slow
def test_without_the_packages_there_is_nothing_to_measure(settings, monkeypatch):
    config, images = settings
    monkeypatch.setattr(zoo_real, "find_spec", lambda name: None)
    with pytest.raises(ArtifactError, match="none of the real models is installed; run: pip install"):
        real.build_real(config, images)


@pytest.mark.slow
def test_costs_are_measured_once(settings, monkeypatch):
    config, _ = settings
    paths = config.get(PathsConfig)
    write_json(paths.costs, {"models": {LITE0: {}}})
    monkeypatch.setattr(real, "measure_costs", lambda *_: pytest.fail("measured again"))
    real.add_costs(read_real(paths.real), config.get(CostConfig), paths)
    assert Path(paths.costs).is_file()


BANK, OTHER = "vit-large-mixture", "vgg-small-cifar10"


@pytest.fixture
def setup(tmp_path):
    """Image sets, a battery of a known and a blind set, and a zoo of two models."""
    paths = ConfigParser().get(PathsConfig)
    splits = read_splits(paths.splits)
    for name in splits.all:
        write_image_set(tmp_path / "images" / f"{name}.npz", train=15)
    for name in (BANK, OTHER):
        shutil.copytree(paths.zoo / name, tmp_path / "zoo" / name)
    (tmp_path / "real").mkdir()
    data = load_image_npz(tmp_path / "images" / "mnist.npz")
    write_parts(tmp_path, splits.blind[0], data, data.train_images + 1)
    overrides = {
        "paths.battery": str(tmp_path / "battery.npz"),
        "paths.reference": str(tmp_path / "reference"),
        "paths.zoo": str(tmp_path / "zoo"),
        "paths.real": str(tmp_path / "real"),
        "relations.references": BANK,
        "relations.probes": "20",
        "relations.rank": "6",
        "relations.shots": "3",
        "relations.draws": "2",
        "encoder.device": "cpu",
    }
    return ConfigParser(overrides=overrides), splits, data


def write_parts(folder, blind, data, blind_images):
    sets = (("mnist", data.train_images), (blind, blind_images))
    parts = [BatterySet(name, images, data.train_labels, data.class_names, "test, MIT") for name, images in sets]
    write_battery(folder / "battery.npz", parts)


@pytest.mark.slow
def test_space_samples_and_scores_are_drawn_as_everywhere(setup, tmp_path):
    config, splits, data = setup
    folder = build_reference(config, tmp_path / "images")
    assert read_space(folder).basis.shape[1] == 6
    assert {path.stem for path in folder.iterdir()} == {"space", "scores", "separations", *splits.all}
    (sample,) = read_samples(folder, "mnist")
    drawn = draw_shots(data.train_labels, 3, 2, "mnist")[0]
    again = read_space(folder).encode(References(config).features(data.train_images[drawn]))
    np.testing.assert_allclose(sample.coordinates, again, atol=2e-2)
    scores = read_scores(folder / SCORES_NAME)
    assert {"draw 0", "draw 1", "without vit, draw 1", "bank of 0, draw 1", "unlabelled"} <= set(scores)
    assert scores["draw 1"].models == (OTHER, BANK)
    assert np.isfinite(scores["draw 0"].probe).all() and np.isnan(scores["draw 1"].probe).all()
    assert set(scores["draw 1"].datasets) == set(splits.all)
    assert set(read_separations(folder / SEPARATIONS_NAME)) == {"draw 0", "draw 1"}


@pytest.mark.slow
def test_what_judges_new_images_is_what_the_scores_were_made_with(setup, tmp_path):
    """Explained by the committed space and probes, a model has the scores the builder wrote."""
    config, splits, _ = setup
    folder = build_reference(config, tmp_path / "images")
    paths, settings = config.get(PathsConfig), config.get(RelationConfig)
    probes = probe_images(settings, paths.battery, splits.known)
    coordinates = References(config).coordinates(probes)
    known = next(name for name in splits.known if name != "mnist")
    (sample,) = read_samples(folder, known)
    scores = read_scores(folder / SCORES_NAME)["draw 0"]
    for place, snapshot in enumerate(read_zoo(paths.zoo)):
        transport = TransportMaps(coordinates).fit(extract_features(snapshot.load(), probes))[0]
        found = transport_score(sample.coordinates, sample.labels, transport)
        assert found == pytest.approx(scores.transport[scores.datasets.index(known), place], abs=0.05)


@pytest.mark.slow
def test_no_blind_image_shapes_the_space(setup, tmp_path):
    config, splits, data = setup
    before = read_space(build_reference(config, tmp_path / "images")).basis
    write_parts(tmp_path, splits.blind[0], data, 255 - data.train_images)
    np.testing.assert_array_equal(read_space(build_reference(config, tmp_path / "images")).basis, before)


def test_folding_the_norms_changes_nothing_but_the_speed():
    model = read_real(ConfigParser().get(PathsConfig).real)[0].load()
    images = torch.randn(3, 3, 128, 128)
    folded = real.fold_norms(model)
    assert not [layer for layer in folded.modules() if isinstance(layer, torch.nn.BatchNorm2d)]
    assert [layer for layer in model.modules() if isinstance(layer, torch.nn.BatchNorm2d)], "the model stays as it is"
    with torch.inference_mode():
        assert torch.nn.functional.mse_loss(folded(images), model(images)) < 1e-8
