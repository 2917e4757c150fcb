import json
from pathlib import Path

import nbformat
import pandas as pd
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from experiments.report.engineering import (
    bench_table,
    growth,
    missed,
    profile_notebooks,
    profile_table,
    times,
    torture_table,
)
from ptmrec.core.errors import ArtifactError

RESULTS = Path(__file__).resolve().parents[3] / "constants" / "results"
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


def test_goals_that_are_missed_are_named(tmp_path):
    rows = [ROW, ROW | {"work": "recall", "met": False}, ROW | {"reach": None, "met": None}]
    (tmp_path / "bench.json").write_text(json.dumps({"rows": rows}))
    assert missed(tmp_path) == "1 of 2 goals are met. Missed: recall against a library."
    (tmp_path / "bench.json").write_text(json.dumps({"rows": [ROW]}))
    assert missed(tmp_path) == "1 of 1 goals are met."


@pytest.mark.parametrize(
    ("make", "name", "change", "words"),
    [
        (bench_table, "bench.json", {"rows": []}, "field 'rows' is a list of 0"),
        (bench_table, "bench.json", {"rows": [ROW | {"ours": None}]}, "rows, row 1: field 'ours' is empty"),
        (bench_table, "bench.json", {"machine": 3}, "machine: is 3, no object"),
        (missed, "bench.json", {"rows": [{"work": "a"}]}, "rows, row 1: no field 'met'"),
        (growth, "bench.json", {"growth": [{"over": "models", "what": "a", "count": 1}]}, "no field 'seconds'"),
        (growth, "bench.json", {"growth": [{"over": "models", "what": "a", "count": 1, "seconds": 1}]}, "'growth'"),
        (
            torture_table,
            "torture.json",
            {"rows": [{"what": "a", "tried": 1}, {"what": "b"}]},
            "row 2: no field 'tried'",
        ),
        (profile_table, "profile.json", {"total": "long"}, "field 'total' is 'long'"),
        (times, "times.json", {"01_data_prep": [1, "x"]}, "field '01_data_prep' is 'x'"),
    ],
)
def test_damage_is_one_line_that_names_file_and_field(tmp_path, make, name, change, words):
    (tmp_path / name).write_text(json.dumps(json.loads((RESULTS / name).read_text()) | change))
    with pytest.raises(ArtifactError) as caught:
        make(tmp_path)
    assert words in str(caught.value) and str(tmp_path / name) in str(caught.value), caught.value
    assert len(str(caught.value).splitlines()) == 1


def test_times_of_no_notebook_are_no_times(tmp_path):
    (tmp_path / "times.json").write_text("{}")
    with pytest.raises(ArtifactError, match="times.json: names no notebook"):
        times(tmp_path)


def test_a_planted_fault_is_caught_or_not(tmp_path):
    (tmp_path / "torture.json").write_text((RESULTS / "torture.json").read_text())
    (tmp_path / "planted_robustness.csv").write_text("fault,caught\nno sync,perhaps\n")
    with pytest.raises(ArtifactError, match="column 'caught' holds 'perhaps', not True or False"):
        torture_table(tmp_path)
