import json

import numpy as np
import open_clip
import pytest
import torch
from conftest import write_image_set
from PIL import Image

from experiments.zoo_build.encoder_trainer import caption_images, train_encoder
from ptmrec.config.sections import EncoderTrainingConfig
from ptmrec.dataloader.image_data import load_image_npz
from ptmrec.model.clip_encoder import ClipImageEncoder

pytestmark = pytest.mark.slow


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
