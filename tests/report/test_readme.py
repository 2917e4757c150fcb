import json
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest
from nbformat import write
from nbformat.v4 import new_notebook

from ptmrec.errors import ArtifactError
from ptmrec.report.readme import copy_results, draw_figures, fill_readme

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "constants" / "results"


def test_the_committed_readme_is_what_the_command_makes():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert fill_readme(text, RESULTS) == text
    assert set(re.findall(r"<!-- numbers:(\w+) -->", text)) == {
        *("results", "quadrants", "passes", "coverage", "zoo", "times", "demo", "hardware", "published"),
        *("bench", "torture", "profile"),
    }


def test_numbers_follow_the_files(tmp_path):
    shutil.copytree(RESULTS, tmp_path, dirs_exist_ok=True)
    facts = json.loads((tmp_path / "zoo.json").read_text())
    (tmp_path / "zoo.json").write_text(json.dumps(facts | {"models": 4321}))
    (tmp_path / "times.json").write_text(json.dumps({"01_a": [10, 20], "02_b": [50, 50]}))
    text = fill_readme("<!-- numbers:zoo -->old<!-- /numbers --> <!-- numbers:times --><!-- /numbers -->", tmp_path)
    assert "4321 models" in text and "old" not in text
    assert "01 10 to 20 s, 02 50 s" in text
    choices = pd.read_csv(tmp_path / "hardware_choice_summary.csv")
    choices.assign(committed=choices["method"] == "Fusion").to_csv(tmp_path / "hardware_choice_summary.csv")
    text = fill_readme("<!-- numbers:hardware --><!-- /numbers -->", tmp_path)
    assert re.findall(r"(.+) \(committed\)", text) == ["| Fusion"]
    with pytest.raises(ArtifactError, match="'weather'"):
        fill_readme("<!-- numbers:weather --><!-- /numbers -->", tmp_path)


def test_copied_results_hold_no_paths_and_the_range_of_times(tmp_path):
    results = tmp_path / "artifacts" / "results"
    shutil.copytree(RESULTS, results)
    facts = json.loads((results / "zoo.json").read_text())
    (results / "zoo.json").write_text(json.dumps(facts | {"config": {"paths": str(tmp_path)}}))
    shares = json.loads((results / "coverage.json").read_text())
    (results / "evaluation.json").write_text(json.dumps({"coverage": shares}))
    (results / "passes.csv").write_text(
        "regime,method,k,regret1\nlow_data,Cross-Select,3,2.0\nlow_data,Cross-Select,9,1"
    )
    for run, seconds in (("1", 5.0), ("2", 7.0)):
        (tmp_path / "artifacts" / "runs" / run).mkdir(parents=True)
        notebook = new_notebook(metadata={"papermill": {"duration": seconds}})
        write(notebook, tmp_path / "artifacts" / "runs" / run / "01_a.ipynb")
    copy_results(tmp_path / "artifacts", tmp_path / "kept")
    assert json.loads((tmp_path / "kept" / "times.json").read_text()) == {"01_a": [5.0, 7.0]}
    assert json.loads((tmp_path / "kept" / "zoo.json").read_text()) == facts
    assert json.loads((tmp_path / "kept" / "coverage.json").read_text()) == shares
    assert json.loads((tmp_path / "kept" / "passes.json").read_text()) == {"low_data, Cross-Select, 3": 2.0}
    assert (tmp_path / "kept" / "summary.csv").read_text() == (RESULTS / "summary.csv").read_text()


def test_the_figure_is_drawn_from_the_committed_results(tmp_path):
    kinds = {path.suffix for path in draw_figures(RESULTS, tmp_path)}
    assert kinds == {".pdf", ".png"}
    assert (tmp_path / "readme_methods.png").stat().st_size > 10_000
