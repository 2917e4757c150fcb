import numpy as np
import torch

from ptmrec.zoo.architectures import build_model
from ptmrec.zoo.features import accuracy, extract_features, extract_outputs, normalise

IMAGES = np.random.default_rng(0).integers(0, 256, (7, 32, 32, 3), dtype=np.uint8)


def test_pixels_are_centred_and_channels_come_first():
    tensor = normalise(IMAGES)
    assert tensor.shape == (7, 3, 32, 32)
    np.testing.assert_allclose(tensor[2, 1].numpy(), (IMAGES[2, :, :, 1] / 255 - 0.5) / 0.25, atol=1e-5)


def test_features_do_not_depend_on_the_batch_and_give_the_models_own_outputs():
    model = build_model("resnet", "small", 5).eval()
    features, probabilities = extract_outputs(model, IMAGES)
    np.testing.assert_allclose(features, extract_features(model, IMAGES, batch_size=2), atol=1e-5)
    with torch.inference_mode():
        expected = model(normalise(IMAGES)).softmax(dim=1).numpy()
    np.testing.assert_allclose(probabilities, expected, atol=1e-5)
    labels = expected.argmax(axis=1)
    assert accuracy(model, IMAGES, labels) == 1.0
    assert accuracy(model, IMAGES, (labels + 1) % 5) == 0.0
