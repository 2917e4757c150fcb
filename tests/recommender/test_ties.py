import numpy as np
import pandas as pd

from ptmrec.recommender.ties import ranked, tied_with_best


def test_a_difference_that_members_agree_on_is_no_tie():
    generator = np.random.default_rng(0)
    shared = generator.normal(size=(3, 8, 1))  # moves all models alike
    scores = np.array([1.0, 0.9, 0.2]) + shared + 0.001 * generator.normal(size=(3, 8, 3))
    assert tied_with_best(scores).tolist() == [True, False, False]


def test_members_that_disagree_make_a_tie_however_many_draws_there_are():
    difference = np.array([0.07, -0.01, 0.02])[:, None] + np.zeros((3, 1000))
    scores = np.stack([difference, np.zeros((3, 1000)), np.full((3, 1000), -1.0)], axis=-1)
    assert tied_with_best(scores).tolist() == [True, True, False]


def test_the_error_is_that_of_independent_members_and_draws():
    generator = np.random.default_rng(1)
    means = [
        (generator.normal(size=(4, 1)) + 0.5 * generator.normal(size=(1, 6))).mean() for _ in range(4000)
    ]  # a crossed design
    stated = np.sqrt(1 / 4 + 0.5**2 / 6)
    assert abs(np.std(means) / stated - 1) < 0.05


def test_equals_are_tied_even_with_one_sample():
    assert tied_with_best(np.array([[[0.5, 0.5, 0.4]]])).tolist() == [True, True, False]


def test_ties_are_contiguous_and_ranks_grow():
    frame = pd.DataFrame({"model": list("abcd"), "score": [4.0, 3, 2, 1], "tied_with_best": [True, True, False, True]})
    found = ranked(frame.sample(frac=1, random_state=1))
    assert found["rank"].tolist() == [1, 1, 3, 4] and found["model"].tolist() == list("abcd")
    assert found["tied_with_best"].tolist() == [True, True, False, False]
    assert list(found)[0] == "rank"
