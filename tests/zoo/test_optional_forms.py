"""Forms that need packages of their own: transformers, and onnx with onnxruntime. Without them they are left out."""

import json

import numpy as np
import pytest
import torch

from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import PathsConfig
from ptmrec.core.errors import ArtifactError
from ptmrec.zoo.feed import Asked
from ptmrec.zoo.sources import from_record, open_source, record_of
from ptmrec.zoo.transformers_models import is_supported, transformers_architecture

PATHS = ConfigParser().get(PathsConfig)
IMAGES = np.random.default_rng(1).integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)
TOKENS = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
VISION = {**TOKENS, "image_size": 32, "patch_size": 8}
STAGES = {"hidden_sizes": [8, 16], "depths": [1, 1]}
WINDOWS = {"image_size": 32, "patch_size": 4, "embed_dim": 16, "depths": [1, 1], "num_heads": [2, 2], "window_size": 4}
MODELS = {
    "ViTForImageClassification": VISION,
    "DeiTForImageClassification": VISION,
    "Dinov2Model": {**VISION, "mlp_ratio": 2},
    "Dinov2WithRegistersModel": {**VISION, "mlp_ratio": 2},
    "DINOv3ViTModel": VISION,
    "IJepaModel": VISION,
    "BeitForImageClassification": VISION,
    "SwinForImageClassification": WINDOWS,
    "Swinv2ForImageClassification": WINDOWS,
    "ConvNextForImageClassification": {"hidden_sizes": [8, 16, 24, 32], "depths": [1] * 4, "image_size": 32},
    "ConvNextV2ForImageClassification": {"hidden_sizes": [8, 16, 24, 32], "depths": [1] * 4, "image_size": 32},
    "ResNetForImageClassification": {**STAGES, "embedding_size": 8, "layer_type": "basic"},
    "RegNetForImageClassification": {**STAGES, "embedding_size": 8, "groups_width": 8},
    "MobileNetV1ForImageClassification": {"image_size": 64, "depth_multiplier": 0.25},
    "MobileNetV2ForImageClassification": {"image_size": 64, "depth_multiplier": 0.25},
    "CLIPVisionModel": VISION,
    "SiglipVisionModel": VISION,
    "CLIPModel": {"vision_config": VISION, "text_config": {**TOKENS, "vocab_size": 50}, "projection_dim": 16},
    "SiglipModel": {"vision_config": VISION, "text_config": {**TOKENS, "vocab_size": 50}},
}


def save_transformers(folder, kind, settings, **changes):
    """A random model of transformers as its users save it."""
    import transformers

    make = getattr(transformers, kind)
    torch.manual_seed(1)
    network = make(make.config_class(**settings)).eval()
    with torch.no_grad():
        for part in network.parameters():  # random networks give much the same for all images
            if part.ndim == 4 and "Mobile" in kind:
                torch.nn.init.kaiming_normal_(part)
            part.add_(0.02 * torch.randn_like(part))
    network.save_pretrained(folder)
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    return network


@pytest.mark.parametrize("kind", MODELS)
def test_a_model_of_transformers_is_read_from_its_folder(tmp_path, kind):
    network = save_transformers(tmp_path / "mine", kind, MODELS[kind])
    snapshot = open_source(str(tmp_path / "mine"), PATHS)
    assert snapshot.name == "mine" and not snapshot.problem
    model = snapshot.load()
    images = model.prepare(IMAGES)
    with torch.inference_mode():
        own = model.forward_features(images)
        assert own.shape == (3, snapshot.card.num_features)
        names = ("vision_model", network.base_model_prefix if hasattr(network, "classifier") else "")
        body = next((part for name, part in network.named_children() if name in names), network)
        found = body(images)
        pooled = getattr(found, "pooler_output", None)
        if "IJepa" in kind:
            theirs = found.last_hidden_state.mean(dim=1)
        elif pooled is None or kind.startswith(("ViT", "DeiT")):
            theirs = found.last_hidden_state[:, 0]
        else:
            theirs = pooled.flatten(1)
    torch.testing.assert_close(own, theirs)
    assert from_record(record_of(snapshot)) == snapshot


def test_a_preprocessor_says_what_pictures_it_takes(tmp_path):
    folder = tmp_path / "mine"
    save_transformers(folder, "ResNetForImageClassification", MODELS["ResNetForImageClassification"])
    (folder / "preprocessor_config.json").write_text(
        json.dumps({"crop_size": {"height": 48, "width": 40}, "image_mean": [0.5] * 3, "image_std": [0.25] * 3})
    )
    model = open_source(str(folder), PATHS).load()
    assert model.prepare(np.full((1, 8, 8, 3), 255, np.uint8)).shape == (1, 3, 48, 40)
    assert float(model.prepare(np.full((1, 8, 8, 3), 255, np.uint8)).max()) == 2


def test_weights_of_another_model_do_not_fit(tmp_path):
    save_transformers(tmp_path / "mine", "ViTForImageClassification", VISION, hidden_size=48, num_attention_heads=3)
    with pytest.raises(ArtifactError, match="do not fit a vit"):
        open_source(str(tmp_path / "mine"), PATHS)


@pytest.mark.parametrize(
    "change",
    [{"num_hidden_layers": 10**4}, {"intermediate_size": 99999}, {"hidden_size": 10**7}, {"hidden_act": "a/b:c"}],
)
def test_a_configuration_far_larger_than_its_weights_is_never_built(tmp_path, change):
    save_transformers(tmp_path / "mine", "ViTForImageClassification", VISION, **change)
    with pytest.raises(ArtifactError, match="mine: |found|made of"):
        open_source(str(tmp_path / "mine"), PATHS)


def test_of_a_configuration_only_the_shape_is_taken():
    steering = {
        "auto_map": {"AutoModel": "x.Y"},
        "_name_or_path": "/etc",
        "_attn_implementation": "kernels-community/x",
    }
    steering |= {"attn_implementation": "me/code", "quantization_config": {}, "backbone": "timm/x", "dtype": "float16"}
    found = transformers_architecture({**VISION, **steering, "model_type": "vit"}, {})
    assert found["config"] == VISION
    assert not is_supported("timm_wrapper") and not is_supported(None)


def test_without_the_package_a_model_is_ranked_by_its_card(tmp_path, monkeypatch):
    from safetensors.torch import save_file

    (tmp_path / "config.json").write_text(json.dumps({"model_type": "vit", **VISION}))
    save_file({"a": torch.ones(3, 4)}, tmp_path / "model.safetensors")
    monkeypatch.setattr("ptmrec.zoo.hub.find_spec", lambda _: None)
    assert "pip install 'ptmrec[transformers]'" in open_source(str(tmp_path), PATHS).problem


def save_onnx(path, shape=("batch", 3, 24, 24), kind=1, last="Gemm", **changes):
    """A convolution, its mean over places, and a classifier, as ONNX."""
    import onnx
    from onnx import helper, numpy_helper

    generator = np.random.default_rng(3)
    channels = shape[3] if shape[3] in (1, 3) else shape[1]
    arrays = {
        "kernel": generator.normal(size=(6, channels, 3, 3)).astype(np.float32),
        "fc": generator.normal(size=(6, 4)).astype(np.float32),
        "scale": np.array(0.01, np.float32),
    }
    nodes, name = [], "images"
    if kind != 1:
        nodes.append(helper.make_node("Cast", [name], ["cast"], to=1))
        name = "cast"
    if shape[3] in (1, 3):
        nodes.append(helper.make_node("Transpose", [name], ["turned"], perm=[0, 3, 1, 2]))
        name = "turned"
    nodes += [
        helper.make_node("Mul", [name, "scale"], ["scaled"]),
        helper.make_node("Conv", ["scaled", "kernel"], ["maps"], kernel_shape=[3, 3]),
        helper.make_node("GlobalAveragePool", ["maps"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["vectors"]),
        helper.make_node(last, ["vectors", "fc"], ["scores"], domain=changes.get("domain", "")),
        helper.make_node("Softmax", ["scores"], ["shares"]),
    ]
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("images", kind, shape)],
        [helper.make_tensor_value_info("shares", 1, [None, 4])],
        [numpy_helper.from_array(value, key) for key, value in arrays.items()],
    )
    imports = [helper.make_opsetid("", 17), *([helper.make_opsetid("mine", 1)] if changes else [])]
    onnx.save(helper.make_model(graph, opset_imports=imports, ir_version=9), path)
    return arrays


def pooled(arrays, images):
    images = images.float() * float(arrays["scale"])
    return torch.nn.functional.conv2d(images, torch.from_numpy(arrays["kernel"])).mean(dim=(2, 3))


@pytest.mark.parametrize("last", ["Gemm", "MatMul"])
@pytest.mark.parametrize("shape", [("batch", 3, 24, 24), (2, 3, 24, 20), ("batch", 1, "height", "width")])
def test_an_onnx_file_gives_what_stands_before_its_classifier(tmp_path, last, shape):
    arrays = save_onnx(tmp_path / "mine.onnx", shape, last=last)
    asked = Asked(input_size=(30, 26)) if shape[2] == "height" else None
    snapshot = open_source(str(tmp_path / "mine.onnx"), PATHS, asked=asked)
    assert (snapshot.name, snapshot.card.num_features, snapshot.card.gmacs) == ("mine", 6, None)
    assert snapshot.card.num_params == sum(value.size for value in arrays.values())
    model = snapshot.load()
    images = model.prepare(IMAGES)
    torch.testing.assert_close(model.forward_features(images), pooled(arrays, images), rtol=1e-4, atol=1e-5)
    assert from_record(record_of(snapshot)) == snapshot
    assert model(torch.zeros(1, 3, 32, 32)).shape == (1, 6)


def test_whole_numbers_and_channels_at_the_end_are_read_from_the_file(tmp_path):
    arrays = save_onnx(tmp_path / "mine.onnx", ("batch", 20, 24, 3), kind=2)
    model = open_source(str(tmp_path / "mine.onnx"), PATHS).load()
    images = model.prepare(IMAGES)
    assert images.dtype == torch.uint8 and images.shape == (3, 20, 24, 3)
    found = model.forward_features(images)
    torch.testing.assert_close(found, pooled(arrays, images.permute(0, 3, 1, 2)), rtol=1e-4, atol=1e-5)


def test_another_output_of_an_onnx_file_can_be_asked_for(tmp_path):
    save_onnx(tmp_path / "mine.onnx")
    snapshot = open_source(str(tmp_path / "mine.onnx"), PATHS, asked=Asked(features="shares"))
    assert snapshot.card.num_features == 4 and snapshot.load().forward_features(torch.zeros(1, 3, 24, 24)).sum() == 1
    with pytest.raises(ArtifactError, match="no tensor is called 'none'; the last are .*shares"):
        open_source(str(tmp_path / "mine.onnx"), PATHS, asked=Asked(features="none"))
    with pytest.raises(ArtifactError, match="24 x 24 pixels only"):
        open_source(str(tmp_path / "mine.onnx"), PATHS, asked=Asked(input_size=(32, 32)))


def test_onnx_files_that_are_not_run(tmp_path):
    path = tmp_path / "mine.onnx"
    save_onnx(path, domain="mine")
    with pytest.raises(ArtifactError, match="operators of mine are not run"):
        open_source(str(path), PATHS)
    save_onnx(path, ("batch", 5, 24, 24))
    with pytest.raises(ArtifactError, match="takes 5 channels"):
        open_source(str(path), PATHS)
    whole = path.read_bytes()
    for data in (b"", b"\xff" * 100, whole[: len(whole) // 2]):
        path.write_bytes(data)
        with pytest.raises(ArtifactError, match=r"mine\.onnx: not readable as ONNX"):
            open_source(str(path), PATHS)


def test_onnx_weights_in_other_files_are_refused(tmp_path):
    save_onnx(tmp_path / "mine.onnx")
    import onnx

    model = onnx.load(str(tmp_path / "mine.onnx"))
    options = {"save_as_external_data": True, "location": "w.bin", "size_threshold": 0}
    onnx.save(model, str(tmp_path / "mine.onnx"), **options)
    with pytest.raises(ArtifactError, match="external_data=False"):
        open_source(str(tmp_path / "mine.onnx"), PATHS)
