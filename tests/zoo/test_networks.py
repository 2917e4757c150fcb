from dataclasses import replace

import numpy as np
import open_clip
import pytest
import timm
import torch
from PIL import Image
from sklearn.datasets import load_sample_images
from timm.layers import Mlp
from timm.models._efficientnet_blocks import InvertedResidual
from timm.models.convnext import ConvNeXtBlock
from timm.models.densenet import DenseBlock, DenseTransition
from timm.models.metaformer import MetaFormerBlock
from timm.models.mlp_mixer import MixerBlock
from timm.models.regnet import Bottleneck
from timm.models.resnet import BasicBlock
from timm.models.vision_transformer import Block
from torch import nn

from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import PathsConfig, ZooConfig
from ptmrec.core.errors import ArtifactError
from ptmrec.zoo import blocks
from ptmrec.zoo.architectures import build_model
from ptmrec.zoo.features import accuracy, extract_features, extract_outputs, normalise
from ptmrec.zoo.networks import as_photo_model, build_network, fill, measure, timm_family
from ptmrec.zoo.photo_model import build_photo_model
from ptmrec.zoo.real import read_real


def test_sizes_differ_by_three_and_families_by_kind():
    for family in ZooConfig().families:
        small, large = (
            sum(p.numel() for p in build_model(family, size, 10).body.parameters()) for size in ("small", "large")
        )
        assert large >= 3 * small, family


def test_unknown_architectures():
    with pytest.raises(ArtifactError, match="unknown model family 'gan'"):
        build_model("gan", "small", 3)
    with pytest.raises(ArtifactError, match="unknown size 'huge'"):
        build_model("vgg", "huge", 3)


MAPS, TOKENS = (2, 12, 8, 8), (2, 16, 32)


def _basic_block():
    shortcut = nn.Sequential(nn.Conv2d(12, 24, 1, 2, bias=False), nn.BatchNorm2d(24))
    return BasicBlock(12, 24, 2, downsample=shortcut)


PAIRS = {
    "resnet": (lambda: blocks.BasicBlock(12, 24), _basic_block, MAPS),
    "regnet": (
        lambda: blocks.RegNetBlock(12, 36, 6),
        lambda: Bottleneck(12, 36, 2, group_size=6, se_ratio=0.25),
        MAPS,
    ),
    "densenet": (lambda: blocks.DenseBlock(4, 12, 6), lambda: DenseBlock(4, 12, bn_size=2, growth_rate=6), MAPS),
    "transition": (lambda: blocks.dense_transition(12, 6), lambda: DenseTransition(12, 6), MAPS),
    "mobilenet": (
        lambda: blocks.InvertedResidual(12, 24, stride=2),
        lambda: InvertedResidual(12, 24, stride=2, exp_ratio=3),
        MAPS,
    ),
    "mobilenet with a skip": (
        lambda: blocks.InvertedResidual(12, 12),
        lambda: InvertedResidual(12, 12, exp_ratio=3),
        MAPS,
    ),
    "convnext": (lambda: blocks.ConvNeXtBlock(12), lambda: ConvNeXtBlock(12, kernel_size=3), MAPS),
    "poolformer": (lambda: blocks.PoolFormerBlock(12), lambda: MetaFormerBlock(12), MAPS),
    "vit": (lambda: blocks.ViTBlock(32, 2), lambda: Block(32, num_heads=2, mlp_ratio=2.0), TOKENS),
    "mixer": (
        lambda: blocks.MixerBlock(32, 16),
        lambda: MixerBlock(32, 16, mlp_ratio=(0.5, 2.0), mlp_layer=Mlp),
        TOKENS,
    ),
}


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("name", PAIRS)
def test_a_block_is_timms_with_the_same_names_draws_outputs_and_gradients(name, training):
    ours, timms, shape = PAIRS[name]
    torch.manual_seed(3)
    ours = ours().train(training)
    torch.manual_seed(3)
    timms = timms().train(training)
    state, expected = ours.state_dict(), timms.state_dict()
    assert list(state) == list(expected)
    assert all(torch.equal(state[key], expected[key]) for key in state)
    inputs = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    found, wanted = ours(inputs.clone()), timms(inputs.clone())
    torch.testing.assert_close(found, wanted)
    for output in (found, wanted):
        (output**2).sum().backward()
    for (key, mine), theirs in zip(ours.named_parameters(), timms.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, theirs.grad, rtol=1e-4, atol=1e-4, msg=key)


@pytest.mark.parametrize("width", [8, 12, 36, 44, 66, 100])
def test_hidden_widths_are_divisible(width):
    from timm.layers import make_divisible

    assert blocks._divisible(width) == make_divisible(width)


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


BUILDINGS = {442, 448, 449, 483, 497, 538, 663, 698, 832}
"""ImageNet: bell cote, birdhouse, boathouse, castle, church, dome, monastery, palace, stupa."""

DAISY = 985
"""ImageNet has few flowers; the photograph shows a dahlia."""


@pytest.fixture(scope="module")
def snapshot():
    return read_real(ConfigParser().get(PathsConfig).real)[0]


@pytest.fixture(scope="module")
def model(snapshot):
    return snapshot.load()


def photographs(size: int) -> np.ndarray:
    images = [Image.fromarray(image).resize((size, size), Image.BICUBIC) for image in load_sample_images().images]
    return np.stack([np.asarray(image) for image in images])


def test_predictions_on_photographs_are_sensible(snapshot):
    model = replace(snapshot, card=replace(snapshot.card, input_size=224)).load()
    features, probabilities = extract_outputs(model, photographs(224))
    assert features.shape == (2, 1280)
    assert probabilities.shape == (2, 1000)
    china, flower = np.argsort(-probabilities, axis=1)[:, :3]
    assert set(china) <= BUILDINGS
    assert flower[0] == DAISY


def test_images_are_resized_as_pillow_does_and_centred(model):
    images = photographs(32)
    prepared = model.prepare(images)
    assert prepared.shape == (2, 3, 128, 128)
    resized = np.asarray(Image.fromarray(images[1]).resize((128, 128), Image.BICUBIC))
    expected = torch.from_numpy(resized.transpose(2, 0, 1) / 255 - 0.5) / 0.5
    difference = (prepared[1] - expected).abs()
    assert difference.mean() < 0.01 and difference.max() < 0.1, "Pillow rounds to whole numbers, twice"
    large = model.prepare(photographs(128))
    np.testing.assert_allclose(large[0, 2].numpy(), (photographs(128)[0, :, :, 2] / 255 - 0.5) / 0.5, atol=1e-6)


def test_features_do_not_depend_on_the_batch_and_the_classifier_is_the_models_own(model):
    images = np.random.default_rng(0).integers(0, 256, (11, 32, 32, 3), dtype=np.uint8)
    features, probabilities = extract_outputs(model, images)
    np.testing.assert_allclose(features, extract_features(model, images, batch_size=3), atol=1e-3)
    with torch.inference_mode():
        expected = model(model.prepare(images)).softmax(dim=1).numpy()
    np.testing.assert_allclose(probabilities, expected, atol=1e-4)


def test_tensors_of_another_shape_are_refused(snapshot):
    weights = dict(snapshot.tensors())
    first = next(iter(weights))
    with pytest.raises(ArtifactError, match=r"does not fit 'conv_stem.weight' of .*: its shape is \(2, 3\), not"):
        build_photo_model("tf_efficientnet_lite0", {**weights, first: torch.zeros(2, 3)}, 128)


IMAGES_FEATURES = np.random.default_rng(0).integers(0, 256, (7, 32, 32, 3), dtype=np.uint8)


def test_pixels_are_centred_and_channels_come_first():
    tensor = normalise(IMAGES_FEATURES)
    assert tensor.shape == (7, 3, 32, 32)
    np.testing.assert_allclose(tensor[2, 1].numpy(), (IMAGES_FEATURES[2, :, :, 1] / 255 - 0.5) / 0.25, atol=1e-5)


def test_features_do_not_depend_on_the_batch_and_give_the_models_own_outputs():
    model = build_model("resnet", "small", 5).eval()
    features, probabilities = extract_outputs(model, IMAGES_FEATURES)
    np.testing.assert_allclose(features, extract_features(model, IMAGES_FEATURES, batch_size=2), atol=1e-5)
    with torch.inference_mode():
        expected = model(normalise(IMAGES_FEATURES)).softmax(dim=1).numpy()
    np.testing.assert_allclose(probabilities, expected, atol=1e-5)
    labels = expected.argmax(axis=1)
    assert accuracy(model, IMAGES_FEATURES, labels) == 1.0
    assert accuracy(model, IMAGES_FEATURES, (labels + 1) % 5) == 0.0
