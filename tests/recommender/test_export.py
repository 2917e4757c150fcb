import base64
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from toy_answer import make_answer

from ptmrec.core.errors import ConfigError
from ptmrec.recommender.export import SCHEMA
from ptmrec.recommender.verify import Verification

GOLDEN = Path(__file__).parent / "golden_answer.json"


def test_the_json_is_the_golden_one():
    """A changed key breaks programs: add keys, and raise the schema when one has to go."""
    ran = Verification(np.array([0.5, np.nan, np.nan]), np.array([1.25, np.nan, np.nan]))
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
        picture = re.search(rb'alt="[^"]+" src="data:image/png;base64,([^"]+)"', content)
        assert base64.b64decode(picture[1]).startswith(b"\x89PNG")
        assert b"600 images used" in content
    assert [own.name for own in tmp_path.iterdir()] == [path.name]


def test_another_ending_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="answer.xls.*one of these endings"):
        make_answer().save(tmp_path / "answer.xls")
    assert not list(tmp_path.iterdir())


def test_text_from_outside_is_neither_formula_nor_markup(tmp_path):
    answer = make_answer()
    answer = replace(answer, frame=answer.frame.assign(licence="=<b>&\x1b", source="-0.5"), data="<script>")
    table = pd.read_csv(answer.save(tmp_path / "a.csv"), dtype=str)
    assert set(table["licence"]) == {"'=<b>&\\u001b"} and set(table["source"]) == {"-0.5"}
    assert table["score"].astype(float).notna().all()
    page = answer.save(tmp_path / "a.html").read_text()
    assert "<script>" not in page and "<b>" not in page and "=&lt;b&gt;&amp;" in page
