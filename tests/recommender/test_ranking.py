import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_digits

from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import PathsConfig
from ptmrec.core.errors import ConfigError, DataError
from ptmrec.recommender.ranking import recommend
from ptmrec.zoo import real
from ptmrec.zoo.real import read_real

pytestmark = pytest.mark.slow


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


def test_different_images_get_different_answers(digits):
    """Digits, the same turned and inverted, and colours: none of them was prepared by anybody."""
    images, labels = digits
    colours = (np.arange(10)[labels][:, None, None, None] * np.array([25, 12, 5]) % 256).astype(np.uint8)
    others = [255 - images.transpose(0, 2, 1, 3), np.broadcast_to(colours, (len(labels), 24, 24, 3)).copy()]
    first = recommend(images, labels, regime="low_data").frame.set_index("model")["score"]
    for other in others:
        second = recommend(other, labels, regime="low_data").frame.set_index("model")["score"]
        assert second.corr(first, method="spearman") < 0.99


def test_arbitrary_labels_are_said_to_be_arbitrary(digits):
    images, labels = digits
    honest = recommend(images, labels, regime="low_data")
    answer = recommend(images, np.random.default_rng(0).permutation(labels), regime="low_data")
    assert "do not separate better than shuffled labels" in answer.notes[0]
    assert answer.frame["expected_accuracy"].max() < 0.2 < honest.frame["expected_accuracy"].max()
    assert not honest.notes


def test_images_unlike_all_that_is_known_are_said_to_be(digits):
    noise = np.random.default_rng(0).integers(0, 256, (60, 32, 32, 3), dtype=np.uint8)
    assert "Nothing known is like this data set" in " ".join(recommend(noise, np.arange(60) % 3).notes)


def test_first_candidates_can_be_run(digits):
    images, labels = digits
    plain = recommend(images, labels, regime="low_data")
    verified = recommend(images, labels, regime="low_data", verify=2)
    run = set(verified.frame[verified.frame["verified"]]["model"])
    assert run == set(plain.frame["model"].head(2))
    assert verified.verification.passes == 2
    assert "verified 2 of" in " ".join(verified.remarks())
    assert recommend(images, labels, regime="low_data", time_limit=1e-6).verification.passes == 1


def test_candidates_cannot_be_run_without_labels(digits):
    with pytest.raises(DataError, match="labelled images of two classes or more"):
        recommend(digits[0], verify=1)


def test_the_first_models_are_explained(digits):
    answer = recommend(*digits, regime="low_data")
    assert [reason.model for reason in answer.reasons] == answer.frame["model"].head(3).tolist()
    assert "skill carried by" in answer.reasons[0].sentence()


@pytest.mark.parametrize("change", [{"verify": 0}, {"time_limit": 0.0}])
def test_limits_that_are_none(digits, change):
    with pytest.raises(ConfigError, match="or leave it away"):
        recommend(*digits, **change)


def test_unknown_regime(digits):
    with pytest.raises(ConfigError, match="choose one of low_data, fine_tuning"):
        recommend(*digits, regime="zero_shot")


def test_real_models_are_ranked_when_installed(digits, monkeypatch, tmp_path):
    real_names = [snapshot.name for snapshot in read_real(ConfigParser().get(PathsConfig).real)]
    with_them = recommend(*digits).frame
    assert real_names and set(real_names) < set(with_them["model"])
    monkeypatch.setattr(real, "find_spec", lambda name: None)
    without = recommend(*digits).frame
    assert set(without["model"]) == set(with_them["model"]) - set(real_names)
    shared = with_them[~with_them["model"].isin(real_names)]
    np.testing.assert_allclose(shared["expected_accuracy"], without["expected_accuracy"], atol=1e-5)
