"""From images to a fine-tuned model and its predictions, as a person does it."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import timm
import torch
from cli_calls import call
from huggingface_hub import ModelCard
from PIL import Image
from toy_images import write_pictures

from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import PathsConfig
from ptmrec.core.errors import ArtifactError, DataError, PtmrecError
from ptmrec.images.arrays import shrink
from ptmrec.images.parts import hold_out, read_parts
from ptmrec.recommender.predict import predict
from ptmrec.recommender.request import recommend
from ptmrec.recommender.short_runs import Plan, Run, RunBook, plan_for, usual_plans, verify_by_runs
from ptmrec.recommender.tune import Judged, best_first
from ptmrec.recommender.tune_report import hub_id, name_data
from ptmrec.recommender.verify import run_first
from ptmrec.train.recipe import Recipe
from ptmrec.zoo.real import read_real
from ptmrec.zoo.snapshot import read_zoo
from ptmrec.zoo.sources import open_folder
from ptmrec.zoo.tuned import KEY, About, read_classifier, sharpen, write_tuned

PATHS = ConfigParser().get(PathsConfig)
MODELS = ("resnet-small-mixture", "vgg-small-mixture")


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder of images, a zoo of two models, and a configuration of its own."""
    folder = tmp_path_factory.mktemp("home")
    write_pictures(folder / "images" / "train", {"cat": 20, "dog, $x$": 20, "owl": 20})
    write_pictures(folder / "images" / "test", {"cat": 6, "dog, $x$": 6, "owl": 6}, seed=1)
    for name in MODELS:
        shutil.copytree(PATHS.zoo / name, folder / "zoo" / name)
    return folder


def setting(home, name="artifacts"):
    return ConfigParser(overrides={"paths.artifacts": str(home / name)})


@pytest.fixture(scope="module")
def made(home):
    answer = recommend(home / "images", regime="fine_tuning", zoo=home / "zoo", config=setting(home))
    return answer.tune(home / "model", time_limit=60)


def test_the_folder_holds_all_that_others_read(home, made):
    assert made.model in MODELS and made.accuracy > 0.8 and made.judged == 18 and "test part" in str(made)
    assert sorted(path.name for path in made.folder.iterdir()) == [
        *("README.md", "config.json", "model.safetensors", "report.png")
    ]
    about = json.loads((made.folder / "config.json").read_text())[KEY]
    assert about["classes"] == ["cat", "dog, $x$", "owl"] and about["base"] == made.model
    stated = ModelCard.load(made.folder / "README.md").data
    assert (stated.license, stated.library_name, stated.base_model) == ("mit", "ptmrec", None), "no model of the Hub"
    assert stated.datasets is None, "the folder of the images is no data set of the Hub"
    assert not [path for path in ("README.md", "config.json") if str(home) in (made.folder / path).read_text()]
    assert stated.tags == ["image-classification", "ptmrec"] and stated.eval_results[0].metric_type == "accuracy"
    assert not list((home / "artifacts" / "runs").iterdir())  # what was kept for going on is gone
    assert [run.accuracy for run in made.tried] == sorted((run.accuracy for run in made.tried), reverse=True)
    with Image.open(made.folder / "report.png") as picture:
        assert picture.width > 500


def test_a_zoo_of_fine_tuned_models_can_be_asked(home, made):
    (home / "own").mkdir()
    shutil.copytree(made.folder, home / "own" / "model")
    answer, alone = (recommend(home / "images", zoo=zoo, config=setting(home)) for zoo in (home / "own", made.folder))
    assert answer.best == alone.best == json.loads((made.folder / "config.json").read_text())["name"]
    backbone, transform, width = answer.load()
    assert backbone(transform(np.zeros((40, 40, 3), np.uint8))[None]).shape == (1, width)


def test_predictions_of_a_folder_are_those_of_its_images(home, made, tmp_path):
    found = predict(made.folder, home / "images" / "test")
    share = np.mean(
        [image.startswith(f"{label}/") for image, label in zip(found["image"], found["class"], strict=True)]
    )
    assert share == pytest.approx(made.accuracy)
    probabilities = found.filter(like="p(").to_numpy()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    path = home / "images" / "test" / "cat" / "0.png"
    alone = made.predict(Image.open(path))
    assert alone["probability"][0] == pytest.approx(found.set_index("image")["probability"]["cat/0.png"], abs=1e-5)
    output = tmp_path / "p.csv"
    listed = predict(made.folder, [str(path), tmp_path / "nowhere.png", Image.open(path)], skip_unreadable=True)
    assert list(listed["image"]) == [str(path), 2], "its path, or its place in the list"
    assert call("predict", str(made.folder), str(path), "-o", str(output)).exit_code == 0
    assert pd.read_csv(output).loc[0, "image"] == "0.png"


def test_a_stopped_search_keeps_what_it_ran(home, made, monkeypatch):
    config = setting(home, "stopped")
    answer = recommend(home / "images", regime="fine_tuning", zoo=home / "zoo", config=config)
    monkeypatch.setattr("ptmrec.recommender.tune.write_folder", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        answer.tune(home / "again", time_limit=60)
    assert not (home / "again").exists()
    monkeypatch.undo()
    monkeypatch.setattr(RunBook, "_run", None)  # nothing is run again
    again = answer.tune(home / "again", time_limit=60)
    assert [(run.model, run.accuracy) for run in again.tried] == [(run.model, run.accuracy) for run in made.tried]
    one, other = (open_folder(folder).digest() for folder in (made.folder, again.folder))
    assert one == other


def test_verification_in_fine_tuning_is_by_runs_and_moves_the_numbers(home):
    ask = {"regime": "fine_tuning", "zoo": home / "zoo", "config": setting(home, "verified")}
    before = recommend(home / "images", **ask)
    answer = before.verify(1)
    assert "a fine-tuning of 100 steps learned from 48 images" in answer.verification.lines()[-1]
    assert answer.frame.set_index("model").loc[before.best, "verified"]
    widths = [(frame["high_80"] - frame["low_80"]).tolist() for frame in (before.frame, answer.frame)]
    assert widths[0] != widths[1]
    again = recommend(home / "images", verify=1, **ask)
    pd.testing.assert_frame_equal(again.frame, answer.frame)


@pytest.mark.parametrize(
    ("classes", "options", "words"),
    [
        ({"a": 2, "b": 2}, {}, "no class has three images"),
        ({"a": 9, "b": 9}, {"time_limit": 1e-3}, "no candidate fits the time; .* --time-limit"),
        ({"a": 9, "b": 9}, {"time_limit": "1m"}, "time_limit = '1m': give a positive number of seconds"),
        ({"a": 9, "b": 9}, {"folder": "taken"}, "exists; give another folder"),
        ({"a": 9, "b": 9}, {"folder": "taken", "force": True}, "no model folder, which is not replaced"),
        ({"a": 9, "b": 9}, {"folder": "file/model"}, "is a file, no folder"),
    ],
)
def test_what_cannot_be_tuned_is_said_in_a_line(home, tmp_path, classes, options, words):
    (tmp_path / "taken").mkdir()
    (tmp_path / "file").write_text("")
    write_pictures(tmp_path / "images", classes)
    answer = recommend(tmp_path / "images", regime="fine_tuning", zoo=home / "zoo", config=setting(tmp_path))
    folder = tmp_path / options.pop("folder", "new")
    with pytest.raises(PtmrecError, match=words):
        answer.tune(folder, **options)
    assert not (tmp_path / "new").exists()


def test_parts_of_images(tmp_path):
    write_pictures(tmp_path / "train", {"a": 10, "b": 10})
    write_pictures(tmp_path / "test", {"a": 2, "c": 2})
    with pytest.raises(DataError, match="the class 'c'"):
        read_parts(tmp_path)
    with pytest.raises(DataError, match="no labels"):
        read_parts(tmp_path / "train" / "a")
    parts = read_parts(tmp_path / "train")
    assert (len(parts.training), len(parts.report)) == (16, 4)
    shutil.move(tmp_path / "test" / "c", tmp_path / "test" / "b")
    parts = read_parts(tmp_path)
    assert (len(parts.training), len(parts.report), parts.part) == (20, 4, "the test part")
    np.savez(
        tmp_path / "set.npz",
        train_images=np.zeros((8, 4, 4, 3), np.uint8),
        train_labels=np.array(["a", "b"] * 4),
        test_images=np.ones((3, 4, 4, 3), np.uint8),
        test_labels=np.array(["b", "b", "a"]),
    )
    parts = read_parts(tmp_path / "set.npz")
    assert parts.labels[parts.report].tolist() == [1, 1, 0]
    write_pictures(tmp_path / "flat" / "train", {"a": 10, "b": 10})
    shutil.copytree(tmp_path / "test" / "a", tmp_path / "flat" / "test")
    with pytest.raises(DataError, match="of the test part have no classes; sort them into folders"):
        read_parts(tmp_path / "flat")


def test_held_out_images_are_a_share_of_each_class():
    labels = np.array([0] * 10 + [1] * 3 + [2])
    learned, judged = hold_out(labels)
    assert sorted([*learned, *judged]) == list(range(14))
    assert np.bincount(labels[judged], minlength=3).tolist() == [2, 1, 0]
    with pytest.raises(ValueError, match="no class"):
        hold_out(np.arange(3))


def test_pictures_keep_their_pixels_where_a_model_sees_more_than_32():
    image = np.random.default_rng(0).integers(0, 256, (1, 80, 60, 3), dtype=np.uint8)
    assert [shrink(image, side).shape[1] for side in (32, 64, 224)] == [32, 64, 80]


def test_plans_are_those_that_were_best_most_often():
    def record(rate, regime="fine_tuning"):
        return {"model_name": "a", "regime": regime, "recipe": {"steps": 100, "batch_size": 32, "learning_rate": rate}}

    records = {"one": [record(0.1), record(9, "low_data")], "two": [record(0.1)], "three": [record(0.2)]}
    assert usual_plans(records)["a"].recipe.learning_rate == 0.1
    assert usual_plans({**records, "two": []}, "one")["a"].recipe.learning_rate == 0.2
    real, small = read_real(PATHS.real, installed_only=False)[0], read_zoo(PATHS.zoo)[0]
    assert plan_for(real, {}).recipe.batch_size == 16 and plan_for(small, {}).recipe.batch_size == 32


def test_models_of_other_sizes_are_expected_to_take_longer():
    now, ran = [0.0], []

    def run(index):
        ran.append(index)
        now[0] += work[index]
        return 0.5

    work = np.array([1.0, 50.0, 1.0])
    run_first(np.array([3.0, 2.0, 1.0]), run, None, 10.0, lambda: now[0], work)
    assert ran == [0, 2]  # the second, of fifty times the work, would pass the limit


def test_probabilities_are_calibrated_and_intervals_are_wilsons():
    truth = np.random.default_rng(0).dirichlet(np.ones(4), 500)
    assert np.allclose(sharpen(sharpen(truth, 3.0), 1 / 3.0), truth, atol=1e-6)
    labels = np.zeros(20, dtype=int)
    judged = Judged(labels, labels, np.tile([0.9, 0.1], (20, 1)), 1.0)
    assert judged.interval == pytest.approx((1.0, 0.8389, 1.0), abs=1e-3)
    runs = [Run("a", 300, 0.1, 0.5, 1), Run("b", 100, 0.1, 0.5, 1), Run("c", 100, 0.1, 0.6, 1)]
    assert [run.model for run in best_first(runs)] == ["c", "b", "a"]


def test_a_real_model_is_written_as_timm_reads_it(tmp_path):
    from ptmrec.zoo.hub import timm_architecture, untrained

    stated = timm.get_pretrained_cfg("resnet10t").to_dict()
    base = untrained(timm_architecture("resnet10t", stated), "timm:resnet10t", "resnet10t", 64)
    model = base.load()
    torch.manual_seed(0)
    model.classifier = torch.nn.Linear(model.num_features, 3)
    model.input_size = 48
    assert hub_id(base) == "" and hub_id(read_real(PATHS.real)[0]) == "timm/tf_efficientnet_lite0.in1k"
    about = About("mine", "resnet10t", "timm:resnet10t", ("a", "b", "c"), 2.0, 0.5, 4, "images", "unknown", {}, "text")
    folder = tmp_path / "mine"
    folder.mkdir()
    write_tuned(folder, base, model.eval(), about)
    network = timm.create_model(f"local-dir:{folder}", pretrained=True).eval()
    images = np.random.default_rng(0).integers(0, 256, (2, 48, 48, 3), dtype=np.uint8)
    with torch.inference_mode():
        expected = (network(model.prepare(images)) / 2.0).softmax(dim=1).numpy()
    np.testing.assert_allclose(read_classifier(folder).probabilities(images), expected, atol=1e-4)
    assert [snapshot.card.architecture["model"] for snapshot in read_zoo(tmp_path, open_folder)] == ["resnet10t"]


@pytest.mark.parametrize("change", [{"classes": ["a"]}, {"temperature": 0}, {"classes": ["a", "b"]}, None])
def test_a_damaged_model_folder_is_said_in_a_line(made, tmp_path, change):
    folder = tmp_path / "model"
    shutil.copytree(made.folder, folder)
    config = json.loads((folder / "config.json").read_text())
    config[KEY] = None if change is None else config[KEY] | change
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ArtifactError, match="ptmrec tune|write it again"):
        read_classifier(folder)


@pytest.mark.parametrize("images", ["nowhere", "empty", "broken.png"])
def test_what_cannot_be_classified_is_said_in_a_line(made, tmp_path, images):
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken.png").write_bytes(b"no image")
    with pytest.raises(DataError, match=images):
        predict(made.folder, tmp_path / images)


@pytest.mark.parametrize(
    ("data", "name"),
    [("home/birds/train", "birds"), ("birds.v2", "birds.v2"), ("a/set.npz", "set"), ("12 images", "12 images")],
)
def test_images_are_called_by_their_folder(data, name):
    assert name_data(data) == name


def test_a_book_tells_images_apart(tmp_path):
    labels = np.arange(10) % 2
    book = RunBook(tmp_path, lambda side: np.zeros((10, side, side, 3), np.uint8), labels)
    snapshot = read_zoo(PATHS.zoo)[0]
    plan = Plan(Recipe(5, 4, 1e-3, 0.0))
    assert not book.has(snapshot, plan)
    first = book.run(snapshot, plan)
    assert book.has(snapshot, plan) and book.run(snapshot, plan) == first
    (tmp_path / next(path.name for path in tmp_path.glob("*.json"))).write_text('{"model": 1}')
    with pytest.raises(ArtifactError, match="delete it"):
        book.run(snapshot, plan)


def test_a_slow_candidate_is_passed_over_and_a_run_of_before_tells_its_time():
    now = [0.0]

    def run(index):
        now[0] += (0.0, 50.0, 1.0)[index]  # the first one ran before
        return 0.5

    took = lambda index: (5.0, 50.0, 1.0)[index]  # noqa: E731
    scores, work = np.array([3.0, 2.0, 1.0]), np.array([5.0, 50.0, 1.0])
    found = run_first(scores, run, None, 20.0, lambda: now[0], work, took)[0]
    assert np.isnan(found).tolist() == [False, True, False]


def test_a_candidate_that_cannot_be_trained_is_named_and_the_next_one_runs(tmp_path, caplog):
    labels = np.arange(12) % 2
    book = RunBook(tmp_path, lambda side: np.zeros((12, side, side, 3), np.uint8), labels)
    first, second = read_zoo(PATHS.zoo)[:2]
    broken = replace(first, folder=tmp_path / "gone")
    plans = dict.fromkeys((first.name, second.name), Plan(Recipe(5, 4, 1e-3, 0.0)))
    found = verify_by_runs(book, np.array([2.0, 1.0]), [broken, second], plans, count=1)
    assert np.isnan(found.accuracies).tolist() == [True, False]
    assert "cannot be fine-tuned" in caplog.text


def test_the_command_writes_and_says_what_to_do_next(home, tmp_path):
    ask = ("--set", f"paths.artifacts={tmp_path}/a", "tune", str(home / "images"), "--zoo", str(home / "zoo"))
    done = call(*ask, "-o", str(tmp_path / "m"), "--time-limit", "20s", "--max-params", "100k")
    assert done.exit_code == 0, done.stderr
    assert done.stdout.startswith(f"{tmp_path}/m: ") and "next: ptmrec predict" in done.stderr
    again = call(*ask, "-o", str(tmp_path / "m"))
    assert again.exit_code == 2 and "exists; give another folder" in again.stderr
