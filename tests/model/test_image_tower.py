import json

import numpy as np
import open_clip
import pytest
import torch
from PIL import Image

from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import PathsConfig
from ptmrec.model.image_tower import load_image_tower, understands

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
