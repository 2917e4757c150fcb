import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from toy_answer import make_answer, make_frame

from ptmrec.core.errors import ConfigError
from ptmrec.recommender.export import SCHEMA
from ptmrec.recommender.verify import Verification

GOLDEN = Path(__file__).parent / "golden_answer.json"


def make(tied, **changes):
    ranks = [1 if equal else place for place, equal in enumerate(tied, start=1)]
    frame = make_frame(3, (*tied, False)[:3]).head(len(tied)).assign(expected_accuracy=0.5, high_80=0.6)
    return make_answer(frame=frame.assign(rank=ranks), **changes)


def test_what_it_says():
    answer = make([True, False], seconds=0.0)
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
    verification = Verification(np.array([0.5, np.nan]), np.array([0.25, np.nan]), 20, 70)
    answer = make_answer(frame=frame, notes=("Beware.",), verification=verification, unranked=(), nearest={})
    first, tie, verified, last = answer.remarks()
    assert first == "Beware." and "tied" in tie and "303 of 600 images used" in last
    assert verified.startswith("verified 1 of 2 candidates on the images in 0.2 s: a probe learned from 20 images")
    assert answer.readable()["run"].tolist() == ["yes", ""]
    assert answer.readable()["accuracy"].tolist() == ["0.50 (0.40-0.60)"] * 2


def test_the_json_is_the_golden_one():
    """A changed key breaks programs: add keys, and raise the schema when one has to go."""
    ran = Verification(np.array([0.5, np.nan, np.nan]), np.array([1.25, np.nan, np.nan]), 20, 70)
    answer = make_answer(notes=("Beware.",), doubts=("Beware.",), verification=ran)
    assert answer.to_json() + "\n" == GOLDEN.read_text()


def test_what_programs_rely_on():
    data = json.loads(make_answer().to_json())
    assert data["schema"] == SCHEMA
    assert data["trusted"] is True and data["verification"] is None
    assert data["request"]["limits"] == {} and data["device"] is None
    assert data["results"][2]["expected_accuracy"] is None, "JSON knows no NaN"
    assert data["rejected"][0]["model"] == "big"


@pytest.mark.parametrize("ending", ["json", "csv", "html", "png"])
def test_an_answer_is_written_by_its_ending(ending, tmp_path):
    answer = make_answer()
    path = answer.save(tmp_path / f"answer.{ending}")
    content = path.read_bytes()
    if ending == "json":
        assert json.loads(content) == json.loads(answer.to_json())
    elif ending == "csv":
        pd.testing.assert_frame_equal(pd.read_csv(path), answer.leaderboard(), check_dtype=False)
    elif ending == "png":
        assert content.startswith(b"\x89PNG")
    else:
        assert b'<svg role="img" aria-label="Expected' in content and b"Models for my_images" in content
        assert b"600 images used" in content
    assert [own.name for own in tmp_path.iterdir()] == [path.name]


def test_a_file_is_no_folder_to_write_into(tmp_path):
    (tmp_path / "notes").write_text("mine")
    with pytest.raises(ConfigError, match=r"x\.json: .*notes is a file, no folder"):
        make_answer().save(tmp_path / "notes" / "x.json")
    assert (tmp_path / "notes").read_text() == "mine"


def test_another_ending_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="answer.xls.*one of these endings"):
        make_answer().save(tmp_path / "answer.xls")
    assert not list(tmp_path.iterdir())


def test_text_from_outside_is_neither_formula_nor_markup(tmp_path):
    answer = make_answer(frame=make_frame().assign(licence="=<b>&\x1b", source="-0.5"), data="<script>")
    table = pd.read_csv(answer.save(tmp_path / "a.csv"), dtype=str)
    assert set(table["licence"]) == {"'=<b>&\\u001b"} and set(table["source"]) == {"-0.5"}
    assert table["score"].astype(float).notna().all()
    page = answer.save(tmp_path / "a.html").read_text()
    assert "<script>" not in page and "<b>" not in page and "=&lt;b&gt;&amp;" in page
