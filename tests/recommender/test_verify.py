from types import SimpleNamespace

import numpy as np
import pytest

from ptmrec.core.errors import DataError, NoWeightsError
from ptmrec.recommender.verify import Verification, check_labels, verify_candidates
from ptmrec.relations.ridge import draw_splits, split_probe
from ptmrec.zoo.architectures import build_model
from ptmrec.zoo.features import extract_features

GENERATOR = np.random.default_rng(0)
LABELS = np.repeat(np.arange(3), 4)
IMAGES = GENERATOR.integers(0, 256, (12, 32, 32, 3), dtype=np.uint8)
SCORES = np.array([0.1, np.nan, 0.7, 0.4, 0.9])


class ToyModel:
    """Features are the first pixels, times how much of the labels leaks into them; running it takes its time."""

    def __init__(self, leak, takes, watch):
        self.leak, self.takes, self.watch = leak, takes, watch

    def forward_features(self, pixels):
        self.watch.now += self.takes
        features = pixels[:, 0, 0, :4].clone()
        features[:, 0] += self.leak * 10 * features.new_tensor(LABELS)
        return features


class Watch:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def run(takes=(1, 1, 1, 1, 1), **limits):
    watch, loaded = Watch(), []

    def loader(index):
        return lambda: loaded.append(index) or ToyModel(index, takes[index], watch)

    answer = verify_candidates(SCORES, [loader(i) for i in range(5)], IMAGES, LABELS, clock=watch, **limits)
    return answer, loaded


def test_the_best_are_run_first_and_the_others_are_left_alone():
    answer, loaded = run(count=2)
    assert loaded == [4, 2]
    np.testing.assert_array_equal(np.isnan(answer.accuracies), [True, True, False, True, False])
    np.testing.assert_array_equal(np.isnan(answer.seconds), np.isnan(answer.accuracies))
    assert answer.passes == 2 and answer.total_seconds == 2


def test_accuracies_are_those_of_a_split_probe_on_the_models_own_features():
    models = [build_model("resnet", "small", 3).eval() for _ in range(2)]
    loaders = [lambda model=model: model for model in models]
    answer = verify_candidates(np.array([0.0, 1.0]), loaders, IMAGES, LABELS)
    expected = [split_probe(extract_features(model, IMAGES), LABELS, draw_splits(LABELS)) for model in models]
    assert (answer.learned, answer.judged) == (6, 6)
    np.testing.assert_allclose(answer.accuracies, expected)
    assert (answer.seconds > 0).all()


def test_without_a_limit_all_candidates_are_run_but_no_other_model():
    answer, loaded = run(count=50)
    assert loaded == [4, 2, 3, 0] == run()[1]
    assert np.isnan(answer.accuracies[1])


@pytest.mark.parametrize(
    ("takes", "limit", "expected"),
    [((1, 1, 1, 1, 1), 3.5, 3), ((1, 1, 1, 1, 1), 3, 3), ((1, 1, 1, 1, 5), 2, 1), ((1, 1, 3, 1, 1), 6, 2)],
)
def test_the_next_one_starts_only_if_the_longest_so_far_would_still_fit(takes, limit, expected):
    answer, _ = run(takes, time_limit=limit)
    assert answer.passes == expected
    assert expected == 1 or answer.total_seconds <= limit


def test_both_limits_count():
    assert run(count=2, time_limit=3)[0].passes == 2
    assert run(count=4, time_limit=3)[0].passes == 3


def test_the_cost_is_one_sentence():
    seconds = np.array([1.25, np.nan, 0.5])
    words = "verified 2 of 3 candidates on the images in 1.8 s: a probe learned from 20 images and was judged on the 70"
    assert Verification(seconds, seconds, 20, 70).lines() == (f"{words} others, several times",)


@pytest.mark.parametrize(
    ("labels", "message"), [(np.zeros(12, int), "two classes or more"), (np.arange(5), "one image of each class")]
)
def test_labels_that_nothing_can_be_judged_by_are_refused(labels, message):
    with pytest.raises(DataError, match=message):
        check_labels(SimpleNamespace(labels=labels, num_classes=len(np.unique(labels))))


def test_models_whose_weights_are_not_here_are_passed_over(caplog):
    watch = Watch()

    def missing():
        raise NoWeightsError("mine is ranked by its registration")

    here = [lambda leak=leak: ToyModel(leak, 1.0, watch) for leak in (0.1, 0.2, 0.3)]
    loaders = [here[0], here[0], missing, here[1], missing]
    with caplog.at_level("WARNING"):
        found = verify_candidates(SCORES, loaders, IMAGES, LABELS, 2, clock=lambda: watch.now)
    assert found.passes == 2 and np.flatnonzero(~np.isnan(found.seconds)).tolist() == [0, 3]
    assert caplog.text.count("not run: mine is ranked by its registration") == 2
