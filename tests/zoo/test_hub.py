import json
import logging
import shutil

import numpy as np
import open_clip
import pytest
import timm
import torch
from safetensors.torch import save_file
from toy_hub import write_hub_model, write_remote_code

from ptmrec.core.errors import ArtifactError
from ptmrec.core.files import write_json
from ptmrec.extractors.weights import WeightsExtractor
from ptmrec.zoo.card import Card
from ptmrec.zoo.hub import input_size_of, read_hub_folder, restore


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
        ({"model_type": "vit"}, r"\(vit\) is none"),
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
