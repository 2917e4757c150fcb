import numpy as np
import pytest
import torch
from PIL import Image

from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import PathsConfig
from ptmrec.core.errors import ArtifactError, ConfigError
from ptmrec.images.user_images import UserImages
from ptmrec.recommender.request import Request, recommend
from ptmrec.zoo import real
from ptmrec.zoo.real import read_real


def test_a_plain_request_has_no_limits_and_is_about_this_machine():
    request = Request(UserImages(np.zeros((1, 8, 8, 3), np.uint8), np.zeros(1), 0), "low_data", ConfigParser())
    assert not request.limits and request.device is None and request.measure == "none"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_latency": 20}, "with its unit"),
        ({"max_speed": "1s"}, "max_speed: no such limit"),
        ({"licences": ","}, "licences ',': name one at least"),
        ({"images": ""}, "images: an empty path"),
        ({"zoo": " "}, "zoo: an empty path"),
    ],
)
def test_what_says_nothing_is_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        recommend(**{"images": np.zeros((2, 8, 8, 3), np.uint8), **options})


def test_a_zoo_that_is_nowhere_is_refused_with_what_is_near():
    with pytest.raises(ArtifactError, match="openclip: no zoo there; did you mean openclip121?"):
        recommend("nowhere", zoo="openclip")
    with pytest.raises(ArtifactError, match="somewhere/else: no zoo there; give a folder .*one of real, hf180"):
        recommend("nowhere", zoo="somewhere/else")


@pytest.mark.slow
def test_arrays_and_pil_images_get_the_same_answer(digits):
    images, labels = digits
    threads = torch.get_num_threads()
    first = recommend(images, labels)
    second = recommend([Image.fromarray(image) for image in images], labels.astype(str))
    assert first.frame.equals(second.frame)
    assert first.best == first.frame["model"][0]
    assert first.frame["tied_with_best"][0]
    assert (first.images_there, first.images_used, first.num_classes, first.regime) == (100, 100, 10, "low_data")
    assert torch.get_num_threads() == threads


@pytest.mark.slow
def test_unlabelled_images_are_ranked_for_too(digits):
    answer = recommend(digits[0], regime="fine_tuning")
    assert (answer.num_classes, answer.regime) == (0, "fine_tuning")
    assert "no labels, by which to doubt it" in answer.remarks() and "trust it" not in " ".join(answer.remarks())


@pytest.mark.slow
def test_different_images_get_different_answers(digits, ranked_digits):
    """Digits, the same turned and inverted, and colours: none of them was prepared by anybody."""
    images, labels = digits
    colours = (np.arange(10)[labels][:, None, None, None] * np.array([25, 12, 5]) % 256).astype(np.uint8)
    others = [255 - images.transpose(0, 2, 1, 3), np.broadcast_to(colours, (len(labels), 24, 24, 3)).copy()]
    first = ranked_digits.frame.set_index("model")["score"]
    for other in others:
        second = recommend(other, labels, regime="low_data").frame.set_index("model")["score"]
        assert second.corr(first, method="spearman") < 0.99


@pytest.mark.slow
def test_arbitrary_labels_are_said_to_be_arbitrary(digits, ranked_digits):
    images, labels = digits
    honest = ranked_digits
    answer = recommend(images, np.random.default_rng(0).permutation(labels), regime="low_data")
    assert "10 classes separate no better than shuffled labels" in answer.notes[0]
    assert answer.frame["expected_accuracy"].max() < 0.2 < honest.frame["expected_accuracy"].max()
    assert not honest.notes and not answer.trusted and "do not trust it: see above" in answer.remarks()
    for accuracy, doubted in ((0.6, False), (0.12, True)):  # what was measured on the images may refute it
        measured = answer.measured({answer.best: (accuracy, 200)})
        assert any("shuffled labels" in note for note in measured.notes) == doubted


@pytest.mark.slow
def test_images_unlike_all_that_is_known_are_said_to_be(digits):
    noise = np.random.default_rng(0).integers(0, 256, (60, 32, 32, 3), dtype=np.uint8)
    assert "Nothing known is like this data set" in " ".join(recommend(noise, np.arange(60) % 3).notes)


@pytest.mark.slow
def test_first_candidates_can_be_run(digits, ranked_digits):
    images, labels = digits
    plain = ranked_digits
    verified = recommend(images, labels, regime="low_data", verify=2)
    run = set(verified.frame[verified.frame["verified"]]["model"])
    assert run == set(plain.frame["model"].head(2))
    assert verified.verification.passes == 2
    assert "verified 2 of" in " ".join(verified.remarks())
    assert recommend(images, labels, regime="low_data", time_limit=1e-6).verification.passes == 1


@pytest.mark.slow
def test_the_first_models_are_explained(ranked_digits):
    answer = ranked_digits
    assert [reason.model for reason in answer.reasons] == answer.frame["model"].head(3).tolist()
    assert "skill carried by" in answer.reasons[0].sentence()


@pytest.mark.slow
@pytest.mark.parametrize("change", [{"verify": 0}, {"time_limit": 0.0}])
def test_limits_that_are_none(digits, change):
    with pytest.raises(ConfigError, match="or leave it away"):
        recommend(*digits, **change)


@pytest.mark.slow
def test_unknown_regime(digits):
    with pytest.raises(ConfigError, match="choose one of low_data, fine_tuning"):
        recommend(*digits, regime="zero_shot")


@pytest.mark.slow
def test_real_models_are_ranked_when_installed(digits, monkeypatch, tmp_path):
    real_names = [snapshot.name for snapshot in read_real(ConfigParser().get(PathsConfig).real)]
    with_them = recommend(*digits).frame
    assert real_names and set(real_names) < set(with_them["model"])
    monkeypatch.setattr(real, "find_spec", lambda name: None)
    without = recommend(*digits).frame
    assert set(without["model"]) == set(with_them["model"]) - set(real_names)
    shared = with_them[~with_them["model"].isin(real_names)]
    np.testing.assert_allclose(shared["expected_accuracy"], without["expected_accuracy"], atol=1e-5)
