import io
import json

import numpy as np
import pandas as pd

from ptmrec.core.text import format_rows

ROWS = [
    {"name": "a, b", "count": 3, "score": 0.5, "tied": True},
    {"name": 'say "c"', "count": 10, "score": float("nan"), "tied": False},
]


def test_csv_is_read_back_by_pandas():
    frame = pd.DataFrame(ROWS)
    assert format_rows(ROWS, "csv") + "\n" == frame.to_csv(index=False)
    pd.testing.assert_frame_equal(pd.read_csv(io.StringIO(format_rows(ROWS, "csv"))), frame)


def test_json_has_null_for_unknown_values():
    assert json.loads(format_rows(ROWS, "json")) == json.loads(pd.DataFrame(ROWS).to_json(orient="records"))
    assert format_rows([], "json") == "[]"


def test_columns_of_a_table_are_as_wide_as_their_longest_cell():
    rows = [{"model": "long name", "score": 1.25}, {"model": "x", "score": 10.0}]
    assert format_rows(rows, "table").splitlines() == ["    model score", "long name  1.25", "        x 10.00"]
    assert format_rows([], "table") == ""


def test_values_of_numpy_are_numbers_too():
    frame = pd.DataFrame({"a": np.arange(2, dtype=np.int64), "b": np.array([0.5, np.inf])})
    assert json.loads(format_rows(frame.to_dict("records"), "json")) == [{"a": 0, "b": 0.5}, {"a": 1, "b": None}]


def test_no_cell_is_a_formula_or_steers_a_terminal():
    rows = [{"licence": "=1+1", "score": -0.5}, {"licence": "\x1b[2J", "score": 0.25}]
    assert format_rows(rows, "csv").splitlines() == ["licence,score", "'=1+1,-0.5", "\\u001b[2J,0.25"]
    assert "\x1b" not in format_rows(rows, "table") and "=1+1 -0.50" in format_rows(rows, "table")
