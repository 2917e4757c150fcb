import numpy as np
import open_clip
import pytest
import timm
import torch

from ptmrec.core.errors import ArtifactError
from ptmrec.zoo.features import extract_features, extract_outputs
from ptmrec.zoo.networks import as_photo_model, build_network, fill, measure, timm_family

VIT = {"library": "timm", "model": "test_vit", "num_classes": 10, "pretrained_cfg": {"mean": [0.4] * 3}}
CLIP = {
    "library": "open_clip",
    "model": "tiny",
    "mean": [0.5] * 3,
    "std": [0.2] * 3,
    "model_cfg": {"embed_dim": 16, "vision_cfg": {"image_size": 32, "layers": 1, "width": 64, "patch_size": 16}},
}
IMAGES = np.random.default_rng(0).integers(0, 256, (11, 32, 32, 3), dtype=np.uint8)


def test_features_are_those_of_timm():
    network = build_network(VIT, 160)
    model = as_photo_model(build_network(VIT, 160), VIT, 160)
    features, probabilities = extract_outputs(model, IMAGES)
    network.eval()
    with torch.inference_mode():
        pixels = model.prepare(IMAGES)
        expected = network.forward_head(network.forward_features(pixels), pre_logits=True)
        np.testing.assert_allclose(features, expected.numpy(), atol=1e-4)
        np.testing.assert_allclose(probabilities, network(pixels).softmax(1).numpy(), atol=1e-5)
    assert model.mean.flatten().tolist() == pytest.approx([0.4] * 3)


def test_features_of_a_tower_are_those_of_open_clip(tmp_path):
    whole = open_clip.CLIP(16, CLIP["model_cfg"]["vision_cfg"], {"layers": 1, "width": 64, "heads": 1}).eval()
    tower = fill(build_network(CLIP, 32), whole.state_dict().items(), CLIP)
    model = as_photo_model(tower, CLIP, 32)
    with torch.inference_mode():
        expected = whole.encode_image(model.prepare(IMAGES)).numpy()
    np.testing.assert_allclose(extract_features(model, IMAGES), expected, atol=1e-5)
    assert (model.num_features, extract_outputs(model, IMAGES)[1].shape) == (16, (11, 16))


def test_what_is_measured():
    found = measure(as_photo_model(build_network(VIT, 160), VIT, 160))
    network = timm.create_model("test_vit", num_classes=10)
    assert found["num_params"] == sum(part.numel() for part in network.parameters())
    assert found["num_features"] == 64 and 0.01 < found["gmacs"] < 0.1
    assert (timm_family("test_vit"), timm_family("resnet50")) == ("vision_transformer", "resnet")


def test_the_same_seed_gives_the_same_weights_and_leaves_the_generator_alone():
    before = torch.random.get_rng_state()
    one, two, other = (build_network(VIT, 160, seed).head.weight for seed in (0, 0, 1))
    assert torch.equal(one, two) and not torch.equal(one, other)
    assert torch.equal(before, torch.random.get_rng_state())


def test_a_distilled_model_keeps_the_first_of_its_classifiers():
    model = as_photo_model(build_network(VIT | {"model": "deit_tiny_distilled_patch16_224"}, 32), VIT, 32)
    assert extract_outputs(model, IMAGES)[1].shape == (11, 10)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"library": "transformers"}, "library 'transformers' is not one of timm, open_clip"),
        ({"model": "nothing"}, "timm cannot build 'nothing'"),
        ({"model_args": {"in_chans": 1}}, "takes no colour images"),
        ({"model_args": {"strange": 1}}, "timm cannot build 'test_vit'"),
    ],
)
def test_what_cannot_be_built_is_one_line(change, reason):
    architecture = {**VIT, **change}
    with pytest.raises(ArtifactError, match=reason) as caught:
        as_photo_model(build_network(architecture, 160), architecture, 160)
    assert "\n" not in str(caught.value)


def test_weights_that_do_not_fit_are_one_line():
    weights = dict(build_network(VIT, 160).state_dict())
    for change, reason in [({"head.bias": torch.zeros(3)}, "shape"), ({"x": torch.zeros(1)}, "'x' has no place")]:
        with pytest.raises(ArtifactError, match=reason):
            fill(build_network(VIT, 160), {**weights, **change}.items(), VIT)
    del weights["head.bias"]
    with pytest.raises(ArtifactError, match="'head.bias' is missing"):
        fill(build_network(VIT, 160), weights.items(), VIT)


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "module._orig_mod."])
@pytest.mark.parametrize(("architecture", "size", "tower"), [(VIT, 160, ""), (CLIP, 32, "visual.")])
def test_what_a_wrapper_put_before_the_names_is_taken_off(prefix, architecture, size, tower):
    """DataParallel and torch.compile rename every tensor."""
    weights = build_network(architecture, size, seed=5).state_dict()
    wrapped = {f"{prefix}{tower}{name}": tensor for name, tensor in weights.items()}
    filled = fill(build_network(architecture, size), wrapped.items(), architecture)
    assert all(torch.equal(tensor, weights[name]) for name, tensor in filled.state_dict().items())


def test_weights_of_nothing_but_zeros_are_refused():
    zeros = {name: torch.zeros_like(tensor) for name, tensor in build_network(VIT, 160).state_dict().items()}
    with pytest.raises(ArtifactError, match="nothing but zeros"):
        fill(build_network(VIT, 160), zeros.items(), VIT)
