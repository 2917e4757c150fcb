import shutil

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_digits

from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import DatasetTokenConfig, PathsConfig
from ptmrec.errors import ConfigError
from ptmrec.model.clip_encoder import load_encoder
from ptmrec.recommender.images import read_user_images
from ptmrec.recommender.ranking import embed_images, recommend
from ptmrec.zoo import real
from ptmrec.zoo.real import read_real


@pytest.fixture(scope="module")
def digits():
    data = load_digits()
    pixels = (data.images[:200] * 255 / 16).astype(np.uint8)
    return np.repeat(pixels[..., None], 3, axis=3), data.target[:200]


def test_arrays_and_pil_images_get_the_same_answer(digits):
    images, labels = digits
    threads = torch.get_num_threads()
    first = recommend(images, labels)
    second = recommend([Image.fromarray(image) for image in images], labels.astype(str))
    assert first.frame.equals(second.frame)
    assert first.best == first.frame["model"][0]
    assert first.frame["tied_with_best"][0]
    assert (first.images_there, first.images_used, first.num_classes, first.regime) == (200, 200, 10, "low_data")
    assert torch.get_num_threads() == threads


def test_unlabelled_images_are_ranked_for_too(digits):
    answer = recommend(digits[0], regime="fine_tuning")
    assert (answer.num_classes, answer.regime) == (0, "fine_tuning")


def test_unknown_regime(digits):
    with pytest.raises(ConfigError, match="choose one of low_data, fine_tuning"):
        recommend(*digits, regime="zero_shot")


def test_dataset_tokens_are_one_per_class(digits):
    config = ConfigParser()
    settings = config.get(DatasetTokenConfig)
    tokens = embed_images(read_user_images(*digits), load_encoder(config), settings)
    assert tokens.shape == (settings.draws, 10, 512)
    np.testing.assert_allclose(np.linalg.norm(tokens, axis=-1), 1, rtol=1e-5)


def test_real_models_are_ranked_when_installed_and_known_to_the_recommender(digits, monkeypatch, tmp_path):
    real_names = [snapshot.name for snapshot in read_real(ConfigParser().get(PathsConfig).real)]
    with_them = recommend(*digits).frame
    assert real_names and set(real_names) < set(with_them["model"])
    paths = ConfigParser().get(PathsConfig)
    older = shutil.copytree(paths.recommender, tmp_path / "recommender")
    for name in real_names:
        (older / "model_tokens" / f"{name}.npz").unlink()
    config = ConfigParser(overrides={"paths.recommender": str(older), "paths.artifacts": str(tmp_path)})
    without_tokens = recommend(*digits, config=config).frame
    monkeypatch.setattr(real, "find_spec", lambda name: None)
    without_packages = recommend(*digits, config=ConfigParser(overrides={"paths.artifacts": str(tmp_path / "none")}))
    assert without_tokens.equals(without_packages.frame)
    assert set(without_tokens["model"]) == set(with_them["model"]) - set(real_names)
    shared = with_them[~with_them["model"].isin(real_names)]
    np.testing.assert_allclose(shared["expected_accuracy"], without_tokens["expected_accuracy"], atol=1e-5)
