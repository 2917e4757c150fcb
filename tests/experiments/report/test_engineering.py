import json

import nbformat
import pandas as pd
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from experiments.report.engineering import bench_table, profile_notebooks, profile_table, torture_table

ROW = {
    **{"work": "k-means", "peer": "a library", "ours": 0.01234, "theirs": 1234.5, "ratio": 0.2, "low": 0.19},
    **{"high": 0.21, "reach": 0.25, "unit": "s", "larger": False, "met": True, "note": "twice"},
}


def test_speed_stands_beside_what_it_is_measured_against(tmp_path):
    rows = [ROW, ROW | {"work": "recall", "unit": "", "larger": True, "met": False}, ROW | {"reach": None, "met": None}]
    machine = {"processor": "chip", "cores": 2}
    (tmp_path / "bench.json").write_text(json.dumps({"machine": machine, "rows": rows}))
    lines = bench_table(tmp_path).splitlines()
    assert lines[0] == "Measured on chip, 2 cores, one thread."
    assert lines[4] == "| k-means | a library | 0.0123 s | 1,234 s | 0.2 [0.19, 0.21] | at most 0.25 | yes | twice |"
    assert "| recall | a library | 0.0123 | 1,234 | 0.2 [0.19, 0.21] | at least 0.25 | no | twice |" == lines[5]
    assert "| 0.2 [0.19, 0.21] |  |  | twice |" in lines[6]


def test_what_was_survived_and_what_was_missed(tmp_path):
    row = {"what": "kills", "tried": 3, "survived": 3, "refused": 0, "failed": 0, "failures": []}
    (tmp_path / "torture.json").write_text(json.dumps({"seed": 0, "rows": [row]}))
    planted = pd.DataFrame({"fault": ["no sync", "no sort"], "caught": [True, False]})
    planted.to_csv(tmp_path / "planted_robustness.csv", index=False)
    text = torture_table(tmp_path)
    assert "| what | tried | survived | refused | failed |" in text
    assert "| kills | 3 | 3 | 0 | 0 |" in text
    assert text.endswith("Of 2 faults planted in the package the tests caught 1 (missed: no sort).")


def _cell(source, seconds):
    return new_code_cell(source, metadata={"papermill": {"duration": seconds}})


def test_where_the_time_of_a_run_goes(tmp_path):
    cells = [new_markdown_cell("## Fitting\n\nWords."), _cell("fit()", 90.0), new_markdown_cell("no heading")]
    cells += [_cell("show()", 1.0), new_markdown_cell("### Drawing"), _cell("draw()", 9.0), new_code_cell("never_ran")]
    nbformat.write(new_notebook(cells=cells), tmp_path / "01_a.ipynb")
    found = profile_notebooks([tmp_path / "01_a.ipynb"])
    assert [(cell["step"], cell["seconds"]) for cell in found["cells"]] == [("Fitting", 90), ("Drawing", 9)]
    assert found["total"] == pytest.approx(100)
    assert found["rest"] == pytest.approx(1)
    (tmp_path / "profile.json").write_text(json.dumps(found))
    lines = profile_table(tmp_path).splitlines()
    assert lines[2:4] == ["| 01_a | Fitting | 90 | 90% |", "| 01_a | Drawing | 9 | 9% |"]
    assert lines[4] == "| 1 other cells, each less than 5% |  | 1 | 1% |"


def test_a_run_without_times_has_no_shares(tmp_path):
    nbformat.write(new_notebook(cells=[new_code_cell("1")]), tmp_path / "01_a.ipynb")
    assert profile_notebooks([tmp_path / "01_a.ipynb"]) == {"total": 0, "count": 0, "rest": 0, "cells": []}
