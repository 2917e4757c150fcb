import json

import numpy as np
import open_clip
import pytest
import torch
from conftest import write_image_set
from PIL import Image

from ptmrec.builder.encoder_trainer import caption_images, train_encoder
from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import EncoderTrainingConfig, PathsConfig
from ptmrec.dataloader.image_data import load_image_npz
from ptmrec.errors import ArtifactError
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


def test_a_trained_encoder_is_in_open_clips_format_and_tells_classes_apart(tmp_path):
    data = load_image_npz(write_image_set(tmp_path / "toy.npz", train=120))
    captions = caption_images([data, data]).captions
    assert captions[:2] == ["a picture of class 0, from toy", "a picture of class 1, from toy"]
    assert len(captions) == 6
    config = EncoderTrainingConfig(epochs=6, batch_size=24, width=8, image_size=32, device="cpu")
    train_encoder([data], config, tmp_path / "work", tmp_path / "encoder")
    assert json.loads((tmp_path / "encoder" / "open_clip_config.json").read_text())["model_cfg"]["embed_dim"] == 512
    encoder = ClipImageEncoder(tmp_path / "encoder", device="cpu")
    features = encoder.encode(data.test_images)
    same = data.test_labels[:, None] == data.test_labels
    similarity = features @ features.T
    assert similarity[same].mean() > similarity[~same].mean()
    loaded, _, prepare = open_clip.create_model_and_transforms(f"local-dir:{tmp_path / 'encoder'}")
    with torch.inference_mode():
        theirs = loaded.eval().encode_image(torch.stack([prepare(Image.fromarray(i)) for i in data.test_images]), True)
    np.testing.assert_allclose(features, theirs.numpy(), atol=1e-5)
