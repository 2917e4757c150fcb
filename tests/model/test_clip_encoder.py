import numpy as np
import pytest
from PIL import Image

from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import PathsConfig
from ptmrec.core.errors import ArtifactError, ConfigError
from ptmrec.model.clip_encoder import ClipImageEncoder


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
