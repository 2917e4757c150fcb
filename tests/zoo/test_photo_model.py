from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from sklearn.datasets import load_sample_images

from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import PathsConfig
from ptmrec.core.errors import ArtifactError
from ptmrec.zoo.features import extract_features, extract_outputs
from ptmrec.zoo.photo_model import build_photo_model, fold_norms
from ptmrec.zoo.real import read_real

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


def test_folding_the_norms_changes_nothing_but_the_speed(model):
    images = torch.randn(3, 3, 128, 128)
    folded = fold_norms(model)
    assert not [layer for layer in folded.modules() if isinstance(layer, torch.nn.BatchNorm2d)]
    assert [layer for layer in model.modules() if isinstance(layer, torch.nn.BatchNorm2d)], "the model stays as it is"
    with torch.inference_mode():
        assert F.mse_loss(folded(images), model(images)) < 1e-8


def test_tensors_of_another_shape_are_refused(snapshot):
    weights = dict(snapshot.tensors())
    first = next(iter(weights))
    with pytest.raises(ArtifactError, match=r"does not fit 'conv_stem.weight' of .*: its shape is \(2, 3\), not"):
        build_photo_model("tf_efficientnet_lite0", {**weights, first: torch.zeros(2, 3)}, 128)
