import json
import logging
import shutil
import tracemalloc

import numpy as np
import open_clip
import pytest
import timm
import torch
from safetensors.torch import save_file
from toy_hub import README, into_cache, link_blobs, write_hub_model, write_remote_code

from ptmrec.core.errors import ArtifactError
from ptmrec.core.files import write_json
from ptmrec.extractors.weights import WeightsExtractor
from ptmrec.zoo.card import Card
from ptmrec.zoo.hub import input_size_of, read_hub_folder, restore
from ptmrec.zoo.hub_card import check_size, image_set, read_stated, reported_accuracies
from ptmrec.zoo.hub_files import HUB_ID, count_parameters, hub_folder, model_files
from ptmrec.zoo.snapshot import read_shapes, read_tensors


def test_a_timm_folder_gives_card_and_model(tmp_path):
    snapshot = read_hub_folder(write_hub_model(tmp_path / "mine"), "me/mine", "mine")
    card = snapshot.card
    assert (card.family, card.input_size, card.licence, card.source_dataset) == (
        "resnet",
        160,
        "apache-2.0",
        "imagenet",
    )
    assert card.source_accuracy == pytest.approx(0.715) and "self-reported" in card.recipe["accuracy"]
    network = timm.create_model("test_resnet", num_classes=10)
    assert card.num_params == sum(part.numel() for part in network.parameters())
    model = snapshot.load()
    assert model.mean.flatten().tolist() == pytest.approx(network.default_cfg["mean"])
    stored = dict(snapshot.tensors())
    assert torch.equal(model.body.conv1[0].weight, stored["conv1.0.weight"])
    assert len(WeightsExtractor().extract(snapshot)) == 8192


def test_the_measured_size_wins(tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        snapshot = read_hub_folder(write_hub_model(tmp_path / "liar", num_params=5_000_000_000), "liar", "liar")
    assert snapshot.card.num_params < 1e6
    assert "its card says 5,000,000,000 parameters" in caplog.text


def test_an_unknown_architecture_is_known_by_its_card(tmp_path):
    snapshot = read_hub_folder(write_remote_code(tmp_path / "strange"), "me/strange", "strange")
    assert (snapshot.card.num_params, snapshot.card.family, snapshot.card.input_size) == (12, "strange", 64)
    assert snapshot.card.gmacs is None and snapshot.card.source_accuracy is None
    with pytest.raises(ArtifactError, match=r"me/strange: its architecture is code in its repository"):
        snapshot.load()


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({"architecture": "resnet_of_mine"}, "timm knows no"),
        ({"model_type": "whisper"}, r"\(whisper\) is none"),
        ({}, "stated"),
    ],
)
def test_why_a_model_cannot_be_built(tmp_path, config, reason):
    folder = write_remote_code(tmp_path / "strange")
    write_json(folder / "config.json", config)
    with pytest.raises(ArtifactError, match=reason):
        read_hub_folder(folder, "strange", "strange").load()


def test_a_folder_of_open_clip_gives_its_image_tower(tmp_path):
    vision = {"image_size": 32, "layers": 1, "width": 64, "patch_size": 16}
    whole = open_clip.CLIP(16, vision, {"layers": 1, "width": 64, "heads": 1})
    folder = tmp_path / "clip"
    folder.mkdir()
    config = {
        "model_cfg": {"embed_dim": 16, "vision_cfg": vision, "text_cfg": {}},
        "preprocess_cfg": {"mean": [0.1] * 3},
    }
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    save_file(whole.state_dict(), folder / "open_clip_model.safetensors")
    snapshot = read_hub_folder(folder, "me/clip", "clip", "laion2b_s1b")
    assert (snapshot.card.family, snapshot.card.num_features, snapshot.card.source_dataset) == ("clip", 16, "laion2b")
    assert snapshot.card.num_params == sum(part.numel() for part in whole.visual.parameters())
    assert snapshot.load().mean.flatten().tolist() == pytest.approx([0.1] * 3)


def test_a_card_comes_back_from_json_and_the_model_with_it(tmp_path):
    snapshot = read_hub_folder(write_hub_model(tmp_path / "mine"), "mine", "mine")
    card = Card(**json.loads(json.dumps(snapshot.card.to_dict(), allow_nan=False)))
    again = restore(snapshot.folder, card)
    assert again == snapshot and again.card.to_dict() == card.to_dict()
    images = torch.rand(2, 3, 160, 160)
    with torch.inference_mode():
        np.testing.assert_array_equal(again.load()(images), snapshot.load()(images))
    shutil.rmtree(snapshot.folder)
    with pytest.raises(ArtifactError, match="the folder of mine is gone"):
        restore(snapshot.folder, card)


@pytest.mark.parametrize(
    "change",
    [
        {"num_classes": "many"},
        {"pretrained_cfg": "x"},
        {"pretrained_cfg": {"mean": "grey"}},
        {"pretrained_cfg": {"input_size": {}}},
        {"model_args": [1]},
        {"image_size": {"height": 3}},
        {"architecture": "vit_base_patch16_224"},
        {"architecture": "x" * 5000},
        {"architecture": None, "model_type": "x" * 5000},
        {"open_clip": {"model_cfg": {"embed_dim": 3}, "preprocess_cfg": {"mean": 5}}, "architecture": None},
        {"pretrained_cfg": {"input_size": [3, True, True]}},
    ],
)
def test_a_strange_configuration_is_read_past_or_one_line(tmp_path, change):
    folder = write_hub_model(tmp_path / "mine", "test_vit", **change)
    try:
        snapshot = read_hub_folder(folder, "mine", "mine")
    except ArtifactError as error:
        assert "\n" not in str(error)
    else:
        assert snapshot.problem or snapshot.card.num_features == 64
        assert len(snapshot.card.family) <= 200 and len(snapshot.problem) < 300


def test_images_that_are_not_square_are_refused():
    with pytest.raises(ArtifactError, match="128 x 256 pixels"):
        input_size_of({"pretrained_cfg": {"input_size": [3, 128, 256]}})
    assert input_size_of({}, "test_vit") == 160
    assert input_size_of({"image_size": "large"}) is None


@pytest.mark.parametrize("size", [1025, 4096, 10**9])
def test_images_that_would_fill_the_memory_are_refused(tmp_path, size):
    """A batch of them takes gigabytes, however small the model is."""
    folder = write_hub_model(tmp_path / "mine", pretrained_cfg={"input_size": [3, size, size]})
    with pytest.raises(ArtifactError, match=r"^mine: its images are .* pixels high, and at most 1,024 are made"):
        read_hub_folder(folder, "mine", "mine")
    remote = write_remote_code(tmp_path / "remote")
    write_json(remote / "config.json", {"auto_map": {}, "image_size": size})
    assert read_hub_folder(remote, "remote", "remote").card.input_size is None, "it is never run"


def stated(folder, readme="", config=None, tag=""):
    if readme:
        (folder / "README.md").write_text(readme)
    found, size = read_stated(folder, config or {}, tag)
    return found | {"num_params": size}


def test_what_the_readme_states(tmp_path):
    found = stated(tmp_path, README)
    assert (found["licence"], found["datasets"], found["source_dataset"]) == ("apache-2.0", ["imagenet"], "imagenet")
    assert found["source_accuracy"] == pytest.approx(0.715), "per cent, of the set it was trained on, not of V2"
    assert found["recipe"]["accuracy"] == "model-index of README.md, self-reported"


def test_what_nobody_states_stays_unknown(tmp_path):
    found = stated(tmp_path)
    words = {"source_dataset": "unknown", "licence": "unknown", "recipe": {}, "datasets": []}
    assert found == words | {"source_accuracy": None, "num_params": None}


@pytest.mark.parametrize(
    ("tag", "datasets"),
    [
        ("a1_in1k", ["imagenet"]),
        ("augreg_in21k_ft_in1k", ["imagenet-21k", "imagenet"]),
        ("laion2b_s34b_b79k", ["laion2b"]),
        ("openai", []),
    ],
)
def test_tags_name_image_sets(tmp_path, tag, datasets):
    assert stated(tmp_path, tag=tag)["datasets"] == datasets
    assert stated(tmp_path, config={"pretrained_cfg": {"tag": tag}})["datasets"] == datasets


def test_a_licence_of_its_own_and_one_in_the_configuration(tmp_path):
    config = {"pretrained_cfg": {"license": "mit"}}
    assert stated(tmp_path, config=config)["licence"] == "mit"
    assert stated(tmp_path, "---\nlicense: other\nlicense_name: house-rules\n---\n", config)["licence"] == "house-rules"


def test_without_a_list_of_data_sets_the_one_of_the_results_counts(tmp_path):
    found = stated(tmp_path, README.replace("datasets:\n- imagenet-1k\n", ""))
    assert (found["source_dataset"], found["source_accuracy"]) == ("imagenet-v2", 0.61)
    assert "model-index" in found["recipe"]["source_dataset"]


@pytest.mark.parametrize("value", ["x", None, True, -1, 1e9, float("nan")])
def test_values_that_are_no_accuracies_are_passed_over(value):
    result = {"dataset": {"type": "a"}, "metrics": [{"type": "accuracy", "value": value}]}
    assert list(reported_accuracies({"model-index": [{"results": [result, "x"]}, 3]})) == []
    assert list(reported_accuracies({"model-index": "x"})) == []


def test_a_broken_front_matter_is_one_line(tmp_path):
    with pytest.raises(ArtifactError, match=r"README.md: its front matter cannot be read") as caught:
        stated(tmp_path, "---\nlicense: [\n---\n")
    assert "\n" not in str(caught.value)


def test_sizes_are_compared(tmp_path, caplog):
    assert stated(tmp_path, "# x\n- Params (M): 25.6\n")["num_params"] == 25_600_000
    assert stated(tmp_path, config={"num_params": 7})["num_params"] == 7
    with caplog.at_level(logging.WARNING):
        assert check_size("honest", 25_600_000, 25_557_032) == 25_557_032
        assert not caplog.records
        assert check_size("liar", 5_000_000, 10) == 10
    assert "liar: its card says 5,000,000 parameters, its tensors hold 10" in caplog.text


def test_names_of_image_sets():
    assert image_set("ILSVRC/imagenet-1k") == image_set("ImageNet") == "imagenet"
    assert image_set("Beans") == "beans"


@pytest.mark.parametrize(
    "front",
    ["license: !!timestamp x", "a: !!int ''", "{[1]: 2}", "[" * 5000, "- a", "a: 2020-99-99", "a: !!python/none x"],
)
def test_yaml_that_no_card_holds_is_one_line(tmp_path, front):
    with pytest.raises(ArtifactError, match=r"README.md: its front matter cannot be read") as caught:
        stated(tmp_path, f"---\n{front}\n---\n")
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 1000


@pytest.mark.parametrize("front", ["license: 2020-01-01", "license: {a: b}", "license: []", "datasets: [3, [x]]", ""])
def test_yaml_of_another_kind_is_read_past(tmp_path, front):
    found = stated(tmp_path, f"---\n{front}\n---\n")
    assert (found["licence"], found["datasets"]) == ("unknown", [])


def test_names_and_numbers_without_end_are_cut_or_passed_over(tmp_path):
    long, digits = "x" * 5000, "9" * 400
    metric = f"{{type: accuracy, value: {digits}}}"
    results = f"model-index: [{{results: [{{dataset: {{type: a}}, metrics: [{metric}]}}]}}]"
    text = f"---\nlicense: {long}\ndatasets: [{long}]\nnum_params: {digits}\n{results}\n---\nParams (M): {digits}\n"
    found = stated(tmp_path, text, {"pretrained_cfg": {"tag": ""}})
    assert len(found["licence"]) == len(found["source_dataset"]) == 200
    assert found["num_params"] is found["source_accuracy"] is None


def test_only_the_head_of_a_readme_is_read(tmp_path):
    path = tmp_path / "README.md"
    path.write_text(README)
    with path.open("ab") as file:
        file.truncate(300 * 2**20)  # a hole, which takes no room on the disk
    tracemalloc.start()
    assert stated(tmp_path)["licence"] == "apache-2.0"
    assert tracemalloc.get_traced_memory()[1] < 2**24
    tracemalloc.stop()
    path.write_text("---\n" + "a: b\n" * 2**16 + "---\n")
    with pytest.raises(ArtifactError, match=r"longer than 131,072 characters"):
        stated(tmp_path)
    path.write_bytes(b"---\nlicense: caf\xe9\n---\n")
    assert stated(tmp_path)["licence"] == "caf\ufffd"


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A cache of the Hub's files and no network."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    return tmp_path / "cache"


def test_a_repository_in_the_cache_needs_no_network(cache):
    folder = into_cache(cache, "me/mine", write_hub_model)
    assert hub_folder("me/mine") == folder
    assert hub_folder(f"me/mine@{'a' * 40}", offline=True) == folder


def test_a_repository_nobody_can_reach_is_one_line(cache):
    with pytest.raises(
        ArtifactError,
        match=r"^me/none: the Hub cannot be reached \(HF_HUB_OFFLINE is set\); nothing of it is in the local cache",
    ):
        hub_folder("me/none")
    with pytest.raises(ArtifactError, match="not in the local cache"):
        hub_folder("me/none", offline=True)


def test_pickles_alone_are_refused(cache):
    def write(folder):
        folder.mkdir(parents=True)
        (folder / "pytorch_model.bin").write_bytes(b"never read")
        return folder

    folder = into_cache(cache, "me/old", write)
    with pytest.raises(ArtifactError, match=r"pickles only \(pytorch_model.bin\), which are never read"):
        hub_folder("me/old")
    assert [path.name for path in folder.iterdir()] == ["pytorch_model.bin"]


def test_the_weights_of_the_library_are_taken(tmp_path):
    for name in ("a.safetensors", "b.safetensors"):
        save_file({"x": torch.zeros(2)}, tmp_path / name)
    with pytest.raises(ArtifactError, match="2 safetensors and no model"):
        model_files(tmp_path)
    (tmp_path / "b.safetensors").rename(tmp_path / "open_clip_model.safetensors")
    assert [path.name for path in model_files(tmp_path)] == ["open_clip_model.safetensors"]
    (tmp_path / "a.safetensors").rename(tmp_path / "model.safetensors")
    assert [path.name for path in model_files(tmp_path)] == ["model.safetensors"]
    assert [path.name for path in model_files(tmp_path, "open_clip")] == ["open_clip_model.safetensors"]


def test_parameters_are_counted_from_the_header(tmp_path):
    files = model_files(write_remote_code(tmp_path / "strange"))
    assert count_parameters(files) == 12
    files[0].write_bytes(b"damaged")
    with pytest.raises(ArtifactError, match="damaged safetensors"):
        count_parameters(files)


@pytest.mark.parametrize(
    ("text", "fits"), [("me/mine", True), ("me/mine@v1.0", True), ("mine", False), ("a/b/c", False), ("../x", False)]
)
def test_hub_ids(text, fits):
    assert bool(HUB_ID.fullmatch(text)) == fits


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_a_file_with_another_hash_than_the_hub_states_is_refused(cache, name):
    folder = link_blobs(into_cache(cache, "me/mine", write_hub_model))
    assert hub_folder("me/mine") == folder
    blob = (folder / name).resolve()
    data = bytearray(blob.read_bytes())
    data[-1] ^= 1
    blob.write_bytes(data)
    with pytest.raises(
        ArtifactError, match=f"{name}: damaged, its .* is not the one that the server states; remove it"
    ):
        hub_folder("me/mine")


def test_a_blob_that_is_named_otherwise_says_nothing(cache):
    folder = into_cache(cache, "me/mine", write_hub_model)
    (folder.parents[1] / "blobs").mkdir()
    (folder / "README.md").rename(folder.parents[1] / "blobs" / "etag")
    (folder / "README.md").symlink_to("../../blobs/etag")
    assert hub_folder("me/mine") == folder


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "a pointer of Git LFS.*git lfs pull"),
        (bytes(5000), "damaged safetensors"),
        (b"", "damaged safetensors"),
    ],
)
def test_what_lies_in_place_of_weights_is_named(tmp_path, data, reason):
    folder = write_hub_model(tmp_path / "mine")
    (folder / "model.safetensors").write_bytes(data)
    for read in (read_shapes, lambda files: list(read_tensors(files[0]))):
        with pytest.raises(ArtifactError, match=rf"model.safetensors: {reason}") as caught:
            read([folder / "model.safetensors"])
        assert "\n" not in str(caught.value)
