from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ptmrec.recommender.recommendation import Recommendation
from ptmrec.recommender.verify import Verification


def make(tied, part=""):
    count = len(tied)
    frame = pd.DataFrame(
        {
            "rank": [1 if equal else place for place, equal in enumerate(tied, start=1)],
            "model": [f"m{i}" for i in range(count)],
            "family": "vgg",
            "parameters": 10,
            "trained_on": "toy",
            "score": [1 - i / 7 for i in range(count)],
            "expected_accuracy": 0.5,
            "low_80": 0.4,
            "high_80": 0.6,
            "low_95": 0.3,
            "high_95": 0.7,
            "tied_with_best": tied,
        }
    )
    return Recommendation(frame, "low_data", 600, 303, 10, part, Path("constants/recommender"))


def test_what_it_says():
    answer = make([True, False], part="train")
    assert (answer.best, len(answer), answer.num_tied) == ("m0", 2, 1)
    assert answer.describe() == (
        "303 of 600 images used (training part train/), 10 classes; regime low data; "
        "2 models ranked by constants/recommender"
    )


@pytest.mark.parametrize(
    ("tied", "ranks", "words"),
    [
        ([True, False, False], ["1", "2", "3"], ""),
        ([True, True, False], ["1=", "1=", "3"], "the first 2 models are tied"),
        ([True, True, True], ["1=", "1=", "1="], "the first 3 models are tied"),
    ],
)
def test_a_tie_is_called_a_tie(tied, ranks, words):
    answer = make(tied)
    assert answer.readable()["rank"].tolist() == ranks
    assert answer.describe_tie().startswith(words)
    assert bool(answer.describe_tie()) == bool(words)
    assert [f"{rank}{'=' * (answer.num_tied > 1 and rank == 1)}" for rank in answer.leaderboard()["rank"]] == ranks


def test_a_notebook_shows_table_and_sentences():
    shown = make([True, True])._repr_html_()
    assert "<table" in shown
    assert "303 of 600 images used" in shown
    assert "tied" in shown


def test_remarks_come_in_the_order_in_which_they_matter():
    frame = make([True, True]).frame.assign(verified=[True, False])
    verification = Verification(np.array([-0.5, np.nan]), np.array([0.25, np.nan]))
    answer = Recommendation(frame, "low_data", 9, 9, 3, "", Path("r"), ("Beware.",), verification)
    first, tie, verified, last = answer.remarks()
    assert first == "Beware." and "tied" in tie and "9 of 9 images used" in last
    assert verified == "verified 1 of 2 candidates on the images in 0.2 s"
    assert answer.readable()["run"].tolist() == ["yes", ""]
    assert answer.readable()["accuracy"].tolist() == ["0.50 (0.40-0.60)"] * 2
