import numpy as np
import pytest
from sklearn.datasets import load_digits

from ptmrec.core.errors import ConfigError, DataError
from ptmrec.recommender.ranking import recommend

pytestmark = pytest.mark.slow
DIGITS = load_digits()


@pytest.fixture(scope="module")
def images():
    return np.repeat((DIGITS.images[:100] * 255 / 16).astype(np.uint8)[..., None], 3, axis=3)


@pytest.fixture(scope="module")
def found(images):
    return recommend(images, DIGITS.target[:100], n=4, regime="low_data")


def test_verifying_goes_on_from_where_it_is(found, images):
    first = found.verify(1)
    second = first.verify(2)
    assert (first.verification.passes, second.verification.passes) == (1, 3)
    run = [set(one.frame[one.frame["verified"]]["model"]) for one in (first, second)]
    assert run[0] == {found.best} and run[0] < run[1]
    at_once = recommend(images, DIGITS.target[:100], regime="low_data", verify=1)
    np.testing.assert_allclose(at_once.frame["score"], first.frame["score"])
    for before, after in ((found, first), (first, second)):
        spent = after.verification.total_seconds - (before.verification.total_seconds if before.verification else 0)
        assert after.seconds >= before.seconds + spent > before.seconds
    moved = found.frame.set_index("model")["score"] - first.frame.set_index("model")["score"]
    assert abs(moved[found.best]) > 1e-6, "what running it showed counts"
    assert "verified" not in found.frame, "the answer before is as it was"
    with pytest.raises(ConfigError, match="at least one"):
        found.verify(0)


def test_the_leaderboard_has_a_phrase_for_each_model(found):
    board = found.leaderboard()
    assert len(board) == 4 and board["why"].str.len().min() > 3
    assert len(found.leaderboard(all_models=True)) == len(found) == len(found.frame)
    assert set(found.frame) < set(board)


def test_any_ranked_model_is_explained_and_found_by_name_or_source(found):
    last = found.frame.iloc[-1]
    assert found.explain(last["model"]).model == last["model"]
    assert found.explain(last["source"]).model == last["model"]
    with pytest.raises(ConfigError, match="did you mean"):
        found.explain(found.best + "x")


def test_the_known_data_sets_that_weigh_most_are_named(found):
    assert len(found.nearest) == 3 and 0 < sum(found.nearest.values()) <= 1
    assert list(found.nearest.values()) == sorted(found.nearest.values(), reverse=True)
    assert found.trusted and any(line.startswith("trust it") for line in found.remarks())


def test_the_best_model_is_loaded(found):
    backbone, transform, width = found.load()
    assert backbone(transform(np.zeros((32, 32, 3), np.uint8))[None]).shape == (1, width)


def test_shuffled_labels_are_not_to_be_trusted(images):
    labels = np.random.default_rng(0).permutation(DIGITS.target[:100])
    answer = recommend(images, labels, regime="low_data")
    assert not answer.trusted and "do not trust it: see above" in answer.remarks()


def test_unlabelled_images_cannot_be_verified(images):
    with pytest.raises(DataError, match="give labels"):
        recommend(images).verify(1)
