import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from cli_calls import call
from scipy.stats import rankdata, weightedtau

from ptmrec.benchmark.ground_truth import RECORD_FIELDS
from ptmrec.benchmark.published import COSTS_ONLY, NOT_STATED, PublishedZoo, list_published, read_published
from ptmrec.benchmark.published_scores import FOLDER as SCORES
from ptmrec.benchmark.published_scores import read_scores
from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import PathsConfig
from ptmrec.core.errors import ArtifactError

FOLDER = ConfigParser().get(PathsConfig).published

COUNTS = {  # data sets, models, pairs measured
    "transfergraph": (12, 180, 2141),
    "modelspider10": (8, 10, 80),
    "modelspider42": (7, 42, 294),
    "parc_all": (7, 65, 424),
    "parc_controlled": (7, 32, 196),
    "sfda_supervised": (11, 11, 121),
    "sfda_selfsupervised": (11, 12, 132),
    "emms_vit": (11, 13, 143),
    "openclip": (38, 121, 4598),
    "lovm": (23, 35, 805),
    "swab": (23, 43, 989),
    "timm": (6, 1556, 9335),
    "aihub": (0, 35, 0),
    "mieb": (44, 48, 1980),
    "vtab1k": (19, 209, 3774),
}


@pytest.fixture(scope="module")
def zoos() -> dict[str, PublishedZoo]:
    return {zoo.name: zoo for zoo in list_published(FOLDER)}


def test_every_promised_zoo_is_committed_and_small(zoos):
    assert set(zoos) == set(COUNTS)
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 7.5e6


@pytest.mark.parametrize("name", COUNTS)
def test_committed_zoos_are_as_large_as_published_and_name_their_source(zoos, name):
    zoo = zoos[name]
    assert (len(zoo.datasets), len(zoo.models), int(np.isfinite(zoo.accuracy).sum())) == COUNTS[name]
    assert zoo.about.source.count("/") == 1
    assert len(zoo.about.commit) >= 7
    assert int(zoo.about.commit, 16) > 0
    assert set(zoo.about.metrics) <= set(zoo.datasets)
    if zoo.about.regime == COSTS_ONLY:
        return
    measured = zoo.accuracy[np.isfinite(zoo.accuracy)]
    assert 0 <= measured.min() < measured.max() <= 1
    assert 0.2 < np.median(measured) < 0.99  # shares, not percentages of percentages
    assert np.isfinite(zoo.accuracy).any(axis=0).all()
    for part in json.loads((FOLDER / f"{name}.json").read_text())["ground_truth"].values():
        assert isinstance(part, dict) or all(set(RECORD_FIELDS) == set(record) for record in part)
        assert isinstance(part, dict) or {record["source"] for record in part} == {f"{name}@{zoo.about.commit[:7]}"}


def test_an_object_of_accuracies_is_short_for_records(tmp_path):
    path = write_small(tmp_path)
    data, zoo = json.loads(path.read_text()), read_published(path)
    for name, records in data["ground_truth"].items():
        data["ground_truth"][name] = {record["model_name"]: record["accuracy"] for record in records}
    path.write_text(json.dumps(data))
    np.testing.assert_equal(read_published(path).accuracy, zoo.accuracy)
    data["ground_truth"]["pets"] = {"dino": 0.5}
    path.write_text(json.dumps(data))
    with pytest.raises(ArtifactError, match="model 'dino' has no card"):
        read_published(path)


def test_costs_are_kept_where_a_source_states_them(zoos):
    assert all({"num_params", "gflops"} <= set(card) for card in zoos["openclip"].cards.values())
    cards = zoos["timm"].cards.values()
    assert all({"num_params", "gmacs", "speed"} <= set(card) for card in cards)
    assert {device for card in cards for device in card["speed"]} == set(zoos["timm"].about.devices)
    assert sum("i7-12700H" in card["speed"] for card in cards) == 1451
    assert all(card["speed"]["RTX 5090"]["batch"] > 1 for card in cards)


def static_tau(zoo: PublishedZoo, reference: str) -> float:
    """Mean weighted tau of one data set's ranking on all others, ground truth first."""
    others = [name for name in zoo.datasets if name != reference]
    return np.mean([weightedtau(zoo.row(name), zoo.row(reference), rank=None).statistic for name in others])


def left_out_tau(zoo: PublishedZoo, rank: bool | None, transform=lambda row: row) -> np.ndarray:
    """Weighted tau of the mean over all other data sets, for each data set."""
    rows = np.array([transform(row) for row in zoo.accuracy])
    return np.array(
        [
            weightedtau(truth, np.delete(rows, index, axis=0).mean(axis=0), rank=rank).statistic
            for index, truth in enumerate(zoo.accuracy)
        ]
    )


def test_published_anchors_come_out_of_the_committed_files(zoos):
    assert static_tau(zoos["openclip"], "ImageNet 1k") == pytest.approx(0.707, abs=5e-4)
    # LOVM's own average counts imagenet1k, which predicts itself perfectly
    assert (22 * static_tau(zoos["lovm"], "imagenet1k") + 1) / 23 == pytest.approx(0.549, abs=5e-4)
    assert (22 * static_tau(zoos["swab"], "imagenet1k") + 1) / 23 == pytest.approx(0.560, abs=5e-4)
    assert left_out_tau(zoos["modelspider10"], None).mean() == pytest.approx(0.765, abs=5e-4)
    assert left_out_tau(zoos["sfda_supervised"], True).mean() == pytest.approx(0.837, abs=5e-4)
    assert left_out_tau(zoos["sfda_selfsupervised"], True).mean() == pytest.approx(0.701, abs=5e-4)
    assert left_out_tau(zoos["emms_vit"], True, rankdata).mean() == pytest.approx(0.777, abs=5e-4)
    many = dict(zip(zoos["modelspider42"].datasets, left_out_tau(zoos["modelspider42"], None, rankdata), strict=True))
    assert many["Aircraft"] == pytest.approx(0.169, abs=5e-4)
    assert many["STL10"] == pytest.approx(0.853, abs=5e-4)


def test_parameters_and_flops_rank_openclip_as_published(zoos):
    zoo = zoos["openclip"]
    for key, expected in (("num_params", 0.552), ("gflops", 0.595)):
        size = np.array([zoo.cards[name][key] for name in zoo.models], float)
        assert np.mean([weightedtau(row, size, rank=None).statistic for row in zoo.accuracy]) == pytest.approx(
            expected, abs=5e-4
        )


ABOUT = {
    "name": "small",
    "title": "Two models on one data set",
    "regime": "fine_tuning",
    "source": "owner/name",
    "commit": "0123456789",
    "licence": "MIT",
    "metric": "top-1 accuracy",
    "notes": ["a trap"],
}


def write_small(folder: Path) -> Path:
    """A published zoo of one model measured on one data set."""
    cards = {"byol": {"family": "resnet", "num_params": 25_000_000}, "moco": {"family": "vit", "source_dataset": "x"}}
    record = dict.fromkeys(RECORD_FIELDS) | {
        "model_name": "byol",
        "model_type": "resnet",
        "accuracy": 0.9148,
        "trained_on_dataset": NOT_STATED,
        "regime": "fine_tuning",
    }
    folder.mkdir(exist_ok=True)
    path = folder / "small.json"
    path.write_text(json.dumps({"about": ABOUT, "models": cards, "ground_truth": {"pets": [record]}}))
    return path


def drop(part, key):
    return lambda data: data[part].pop(key)


def change(**values):
    return lambda data: data["ground_truth"]["pets"][0].update(values)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda data: data.pop("models"), "no object 'models'"),
        (drop("about", "commit"), "about has no 'commit'"),
        (lambda data: data["about"].update(notes="none"), "'notes' should be a list of sentences"),
        (lambda data: data["about"].update(source=""), "'source' should be text"),
        (lambda data: data["about"].update(regime="guess"), "regime 'guess' is not one of low_data, fine_tuning"),
        (lambda data: data["about"].update(name="other"), "a file is named after its zoo"),
        (lambda data: data["models"]["byol"].pop("family"), "card of 'byol': expected an object with a 'family'"),
        (lambda data: data["models"]["byol"].update(num_params=2.5e7), "num_params should be a whole number"),
        (lambda data: data["ground_truth"].update(pets={}), "'pets': expected a list of records"),
        (lambda data: data["ground_truth"].update(pets=[3]), "'pets': expected a list of records"),
        (lambda data: data["ground_truth"]["pets"][0].pop("recipe"), "a record has no 'recipe'"),
        (lambda data: data["ground_truth"]["pets"].append(data["ground_truth"]["pets"][0]), "measured twice"),
        (change(model_name="dino"), "model 'dino' has no card"),
        (change(model_type="vit"), "model_type 'vit' of 'byol' contradicts 'resnet'"),
        (change(trained_on_dataset="beans"), "contradicts 'not stated'"),
        (change(regime="zero_shot"), "contradicts 'fine_tuning'"),
        (change(accuracy=91.5), "accuracy 91.5 of 'byol' is not in 0..1"),
        (change(accuracy=float("nan")), "NaN is no number in JSON"),
        (change(accuracy=True), "is not in 0..1"),
        (change(accuracy_std=-1), "neither null nor a number from 0"),
    ],
)
def test_damaged_files(tmp_path, damage, words):
    path = write_small(tmp_path)
    data = json.loads(path.read_text())
    damage(data)
    path.write_text(json.dumps(data))
    with pytest.raises(ArtifactError) as caught:
        read_published(path)
    assert words in str(caught.value)
    assert str(caught.value).startswith(str(path))
    assert len(str(caught.value).splitlines()) == 1


def test_truncated_files_and_empty_folders(tmp_path):
    path = write_small(tmp_path / "json")
    path.write_text(path.read_text()[:-50])
    with pytest.raises(ArtifactError, match="not readable as JSON"):
        list_published(tmp_path / "json")
    with pytest.raises(ArtifactError, match="no published zoo"):
        list_published(tmp_path / "absent")


def test_the_list_shows_published_zoos_after_our_own(tmp_path, zoos):
    zoo = write_small(tmp_path)
    options = ("--set", f"paths.published={tmp_path}", "zoo", "list")
    table = call(*options).stdout
    assert table.index("Zoos without weights") < table.index("owner/name@0123456")
    assert call(*options, "--format", "ids").stdout.split()[-1] != zoo.stem
    (row,) = json.loads(call(*options, "--published", "--format", "json").stdout)
    assert (row["name"], row["models"], row["measured"]) == ("small", 2, 0.5)
    assert call("zoo", "list", "--published", "--format", "ids").stdout.split() == sorted(COUNTS)


def test_latencies_of_devices_rank_models_alike_as_published(zoos):
    frame = pd.DataFrame(zoos["aihub"].latencies)
    assert (len(frame), frame["model"].nunique(), frame["device"].nunique()) == (1705, 35, 14)
    assert (frame["latency_ms"] > 0).all()
    whole = frame[(frame["precision"] == "float") & (frame["runtime"] == "tflite")]
    by_device = whole.pivot(index="model", columns="device", values="latency_ms")
    agreement = by_device.corr("spearman").to_numpy()
    assert np.nanmedian(agreement[np.triu_indices(len(agreement), 1)]) > 0.9


def test_a_zoo_of_costs_has_cards_and_no_accuracies(zoos):
    zoo = zoos["aihub"]
    assert (zoo.datasets, zoo.measured) == ((), 0.0)
    assert zoo.cards["resnet18"]["num_params"] == 11_700_000


@pytest.fixture
def path(tmp_path):
    about = {"name": "small", "source": "owner/name", "commit": "0123456789", "licence": "MIT", "notes": ["a trap"]}
    scores = {"d": {"m": [1.5, 1e-9], "n": [None, 2]}, "e": {"m": [0.25, 3], "n": [-3, 123456.75]}}
    data = {"about": about, "columns": ["x", "y"], "cited": {}, "scores": scores}
    path = tmp_path / "small.json"
    path.write_text(json.dumps(data))
    return path


def test_scores_are_read_by_column_data_set_and_model(path):
    scores = read_scores(path)
    assert (scores.columns, scores.datasets, scores.models) == (("x", "y"), ("d", "e"), ("m", "n"))
    np.testing.assert_array_equal(scores.values, [[[1.5, np.nan], [0.25, -3]], [[1e-9, 2], [3, 123456.75]]])
    assert scores.about.origin == "owner/name@0123456"


def test_scores_follow_another_order(path):
    scores = read_scores(path)
    np.testing.assert_array_equal(scores.aligned(["e"], ["n", "m"]), [[[-3, 0.25]], [[123456.75, 3]]])
    for datasets, models in ((["z"], ["m"]), (["d"], ["z"])):
        with pytest.raises(ArtifactError, match="none for 'z'"):
            scores.aligned(datasets, models)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda data: data.pop("columns"), "no 'columns'"),
        (lambda data: data["about"].pop("licence"), "no 'licence'"),
        (lambda data: data["about"].update(name="other"), "not the file's"),
        (lambda data: data["scores"]["d"].pop("m"), "other models than"),
        (lambda data: data["scores"]["d"].update(m=[1]), "'m' should have 2 numbers"),
        (lambda data: data["scores"]["d"].update(m=["high", 1]), "'m' should have 2 numbers"),
        (lambda data: data["scores"]["d"].update(m=None), "'m' should have 2 numbers"),
    ],
)
def test_damaged_files_are_one_line(path, change, words):
    data = json.loads(path.read_text())
    change(data)
    path.write_text(json.dumps(data))
    with pytest.raises(ArtifactError) as caught:
        read_scores(path)
    assert words in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_committed_scores_are_complete():
    folder = PathsConfig().published / SCORES
    assert read_scores(folder / "lovm.json").values.shape == (7, 23, 35)
    spider = read_scores(folder / "modelspider10.json")
    assert spider.values.shape == (9, 8, 10)
    assert set(spider.cited) == {*spider.columns, "Model Spider"}
    for path in folder.glob("*.json"):
        assert np.isfinite(read_scores(path).values).all()
