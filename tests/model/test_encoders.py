import json

import numpy as np
import open_clip
import pytest
import torch
from PIL import Image

from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import PathsConfig
from ptmrec.core.errors import ArtifactError, ConfigError
from ptmrec.model.clip_encoder import ClipImageEncoder
from ptmrec.model.image_tower import load_image_tower, understands
from ptmrec.model.model_encoder import AutoEncoder


@pytest.fixture(scope="module")
def embedded():
    return ClipImageEncoder(ConfigParser().get(PathsConfig).encoder, device="cpu", batch_size=4)


def test_features_have_length_one_and_do_not_depend_on_the_batch(embedded):
    images = np.random.default_rng(0).integers(0, 256, (9, 32, 32, 3), dtype=np.uint8)
    features = embedded.encode(images)
    assert features.shape == (9, 512)
    assert features.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(features, axis=1), 1, rtol=1e-5)
    alone = np.concatenate([embedded.encode([Image.fromarray(image)]) for image in images])
    np.testing.assert_allclose(features, alone, atol=1e-5)


def test_any_size_and_mode(embedded):
    images = [Image.new("L", (8, 8)), Image.new("RGBA", (300, 20)), Image.new("P", (64, 64))]
    assert embedded.encode(images).shape == (3, 512)


def test_embedded_encoder_is_small():
    folder = ConfigParser().get(PathsConfig).encoder
    assert sum(path.stat().st_size for path in folder.iterdir()) <= 10e6


def test_unknown_and_damaged_encoders(tmp_path):
    with pytest.raises(ArtifactError, match="neither a folder nor a model name"):
        ClipImageEncoder("ViT-Z-1")
    (tmp_path / "open_clip_config.json").write_text("{}")
    with pytest.raises(ArtifactError, match=r"no open_clip_model\.safetensors"):
        ClipImageEncoder(tmp_path)
    (tmp_path / "open_clip_model.safetensors").write_bytes(b"short")
    with pytest.raises(ArtifactError, match="cannot be loaded"):
        ClipImageEncoder(tmp_path)


@pytest.mark.parametrize("device", ["quantum", "meta", "cuda:99", ""])
def test_a_device_that_is_not_there_is_named(device):
    with pytest.raises(ConfigError, match=f"encoder.device={device}: not usable here") as error:
        ClipImageEncoder(ConfigParser().get(PathsConfig).encoder, device=device)
    assert "\n" not in str(error.value)


FOLDER = ConfigParser().get(PathsConfig).encoder

SPEC = json.loads((FOLDER / "open_clip_config.json").read_text())


@pytest.fixture(scope="module")
def both():
    theirs, _, prepare = open_clip.create_model_and_transforms(f"local-dir:{FOLDER}")
    ours, preparation = load_image_tower(SPEC, FOLDER / "open_clip_model.safetensors")
    return ours.eval(), preparation, theirs.eval(), prepare


@pytest.mark.parametrize("size", [(64, 64), (8, 8), (300, 21), (33, 500), (65, 64), (127, 90)])
def test_pixels_and_features_are_open_clips(both, size):
    ours, preparation, theirs, prepare = both
    generator = np.random.default_rng(size[0])
    image = Image.fromarray(generator.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8))
    assert torch.equal(preparation(image), prepare(image))
    with torch.inference_mode():
        pixels = prepare(image)[None]
        torch.testing.assert_close(ours.encode_image(pixels), theirs.encode_image(pixels), rtol=1e-4, atol=1e-5)


def test_weights_are_open_clips(both):
    ours, theirs = both[0].visual.state_dict(), both[2].visual.state_dict()
    assert set(ours) == set(theirs)
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_what_is_not_built_here_is_left_to_open_clip():
    assert understands(SPEC)
    assert not understands({})
    vision = SPEC["model_cfg"]["vision_cfg"]
    for change in ({"layers": 3}, {"patch_size": 8}, {"timm_model_name": "resnet18"}):
        model = {**SPEC["model_cfg"], "vision_cfg": {**vision, **change}}
        assert not understands({**SPEC, "model_cfg": model})
    assert not understands({**SPEC, "preprocess_cfg": {**SPEC["preprocess_cfg"], "resize_mode": "squash"}})


@pytest.mark.parametrize("activation", ["gelu", "relu", "leaky_relu"])
@pytest.mark.parametrize("loss", ["mse", "smooth_l1"])
def test_autoencoder_learns_what_it_sees(activation, loss):
    torch.manual_seed(0)
    vectors = torch.randn(20, 3) @ torch.randn(3, 40) * 5 + 100
    model = AutoEncoder(40, 8, (16,), activation, 0.0, loss)
    model.fit_scaling(vectors)
    standard = model.standardise(vectors)
    torch.testing.assert_close(standard.mean(dim=0), torch.zeros(40), atol=1e-4, rtol=0)
    torch.testing.assert_close(standard.std(dim=0, correction=0), torch.ones(40), atol=1e-3, rtol=0)
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    errors = []
    for _ in range(150):
        codes, reconstructed = model(vectors)
        error = model.reconstruction_error(reconstructed, vectors)
        optimizer.zero_grad()
        error.backward()
        optimizer.step()
        errors.append(error.item())
    assert codes.shape == (20, 8)
    assert errors[-1] < 0.3 * errors[0]
    assert torch.equal(model.encode(vectors), model(vectors)[0])


def test_autoencoder_bounds_inputs_it_has_never_seen():
    model = AutoEncoder(10, 4, (8,))
    model.fit_scaling(torch.zeros(5, 10))
    assert model.standardise(torch.full((1, 10), 1e9)).max() == 10
