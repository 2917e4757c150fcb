import json
import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import matplotlib as mpl
import nbformat
import pandas as pd
import pytest
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextPath
from nbformat import write
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
from experiments.report.latex import escape, export_table, results_table
from experiments.report.readme import REGIONS, copy_results, draw_figures, fill_page, list_pages, write_pages
from ptmrec.core.errors import ArtifactError

ROOT = Path(__file__).resolve().parents[3]

RESULTS = ROOT / "constants" / "results"


@pytest.mark.parametrize("path", list_pages(ROOT), ids=lambda path: path.stem)
def test_a_committed_page_is_what_the_command_makes(path):
    text = path.read_text(encoding="utf-8")
    assert fill_page(text, RESULTS) == text


def test_every_region_stands_on_one_page():
    texts = [path.read_text(encoding="utf-8") for path in list_pages(ROOT)]
    shown = Counter(name for text in texts for name in re.findall(r"<!-- numbers:(\w+) -->", text))
    assert shown == dict.fromkeys(REGIONS, 1)
    assert sum(text.count("<!-- /numbers -->") for text in texts) == len(REGIONS)


@pytest.fixture
def clone(tmp_path):
    """A folder with two pages and the committed results."""
    shutil.copytree(RESULTS, tmp_path / "constants" / "results")
    (tmp_path / "docs").mkdir()
    (tmp_path / "README.md").write_text("<!-- numbers:zoo -->old<!-- /numbers -->")
    (tmp_path / "docs" / "a.md").write_text("before <!-- numbers:times --><!-- /numbers --> after")
    return tmp_path


def test_numbers_of_all_pages_follow_the_files(clone, monkeypatch):
    drawn = []
    monkeypatch.setattr("experiments.report.readme.draw_figures", lambda *folders: drawn.append(folders))
    results = clone / "constants" / "results"
    facts = json.loads((results / "zoo.json").read_text())
    (results / "zoo.json").write_text(json.dumps(facts | {"models": 4321}))
    (results / "times.json").write_text(json.dumps({"01_a": [10, 20], "02_b": [50, 50]}))
    written = write_pages(clone, results, clone / "figures")
    assert written == [clone / "README.md", clone / "docs" / "a.md"]
    first, second = (path.read_text() for path in written)
    assert "4321 models" in first and "old" not in first
    assert "01 10 to 20 s, 02 50 s" in second and second.startswith("before") and second.endswith("after")
    assert write_pages(clone, results, clone / "figures") == written and written[0].read_text() == first
    assert drawn == [(results, clone / "figures")] * 2


def test_nothing_is_written_when_a_result_or_a_region_is_wrong(clone):
    results = clone / "constants" / "results"
    (results / "times.json").write_text('{"01_a": [10]}')
    for text, message in (
        ("<!-- numbers:times --><!-- /numbers -->", r"times.json: field '01_a' is no list of 2 numbers"),
        ("<!-- numbers:weather --><!-- /numbers -->", r"^docs/a.md: no numbers called 'weather'"),
    ):
        (clone / "docs" / "a.md").write_text(text)
        with pytest.raises(ArtifactError, match=message):
            write_pages(clone, results, clone / "figures")
    assert "old" in (clone / "README.md").read_text() and not (clone / "figures").exists()


@pytest.fixture
def run(tmp_path):
    """Artifacts of a run."""
    results = tmp_path / "artifacts" / "results"
    shutil.copytree(RESULTS, results)
    facts = json.loads((results / "zoo.json").read_text())
    (results / "zoo.json").write_text(json.dumps(facts | {"config": {"paths": str(tmp_path)}}))
    for name, seconds in (("1", 5.0), ("2", 7.0)):
        (tmp_path / "artifacts" / "runs" / name).mkdir(parents=True)
        notebook = new_notebook(metadata={"papermill": {"duration": seconds}})
        write(notebook, tmp_path / "artifacts" / "runs" / name / "01_a.ipynb")
    return tmp_path / "artifacts"


def test_copied_results_hold_no_paths_and_the_range_of_times(run, tmp_path):
    copy_results(run, tmp_path / "kept")
    kept = {name: json.loads((tmp_path / "kept" / name).read_text()) for name in ("times.json",)}
    assert kept == {"times.json": {"01_a": [5.0, 7.0]}}
    for name in ("zoo.json", "coverage_summary.csv", "summary.csv", "bench.json"):
        assert (tmp_path / "kept" / name).read_text() == (RESULTS / name).read_text(), name


def test_what_was_not_run_stays_as_it_is(run, tmp_path):
    shutil.rmtree(run / "runs")
    (run / "results" / "bench.json").unlink()
    copy_results(run, tmp_path / "kept")
    assert not {"times.json", "profile.json", "bench.json"} & {path.name for path in (tmp_path / "kept").iterdir()}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *[
            ("results/zoo.json", "\\decoy"),
            ("results/summary.csv", "\\decoy"),
            ("results/published_summary.csv", "a,b\n1,2"),
        ],
        *[
            ("results/coverage_summary.csv", "{}"),
            ("results/passes_summary.csv", "regime\na"),
            ("runs/1/01_a.ipynb", "{"),
        ],
        *[("results/bench.json", "[]"), ("results/quadrants_summary.csv", None)],
    ],
)
def test_a_damaged_run_is_one_line_and_nothing_is_copied(run, tmp_path, name, text):
    (run / name).unlink() if text is None else (run / name).write_text(text)
    with pytest.raises(ArtifactError) as caught:
        copy_results(run, tmp_path / "kept")
    assert str(run / name) in str(caught.value) and len(str(caught.value).splitlines()) == 1
    assert not (tmp_path / "kept").exists()


def test_the_figures_are_drawn_from_the_committed_results(tmp_path):
    kinds = {path.suffix for path in draw_figures(RESULTS, tmp_path)}
    assert kinds == {".pdf", ".png"}
    assert (tmp_path / "readme_methods.png").stat().st_size > 10_000


RESULTS_ENGINEERING = Path(__file__).resolve().parents[3] / "constants" / "results"

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
    (tmp_path / name).write_text(json.dumps(json.loads((RESULTS_ENGINEERING / name).read_text()) | change))
    with pytest.raises(ArtifactError) as caught:
        make(tmp_path)
    assert words in str(caught.value) and str(tmp_path / name) in str(caught.value), caught.value
    assert len(str(caught.value).splitlines()) == 1


def test_times_of_no_notebook_are_no_times(tmp_path):
    (tmp_path / "times.json").write_text("{}")
    with pytest.raises(ArtifactError, match="times.json: names no notebook"):
        times(tmp_path)


def test_a_planted_fault_is_caught_or_not(tmp_path):
    (tmp_path / "torture.json").write_text((RESULTS_ENGINEERING / "torture.json").read_text())
    (tmp_path / "planted_robustness.csv").write_text("fault,caught\nno sync,perhaps\n")
    with pytest.raises(ArtifactError, match="column 'caught' holds 'perhaps', not True or False"):
        torture_table(tmp_path)


SUMMARY = pd.read_csv(ROOT / "constants" / "results" / "summary.csv")

TEXT_WIDTH = 426.0

PAGE = r"""\documentclass[11pt,a4paper]{article}
\usepackage[textwidth=5.9in]{geometry}
\usepackage{booktabs}
\begin{document}
%s
\end{document}
"""


def tables():
    families = pd.DataFrame({"family": ["poolformer"], "models": [23], "smallest": [6993], "largest": [148554]})
    return {
        "results_blind_data": (results_table(SUMMARY, "blind data"), "regime"),
        "results_known_data": (results_table(SUMMARY, "known data, left out"), "regime"),
        "zoo_families": (families, ""),
    }


def estimated_width(text):
    """Width in points of the widest row at \\footnotesize (9 pt), set in the Computer Modern that matplotlib ships."""
    font = FontProperties(fname=Path(mpl.get_data_path()) / "fonts" / "ttf" / "cmr10.ttf")
    rows = [line.removesuffix(r" \\").split(" & ") for line in text.splitlines() if " & " in line]
    cells = [[re.sub(r"[$\\\\{}]", "", cell).replace("tau_w", "tw") for cell in row] for row in rows]
    widths = [[TextPath((0, 0), c, 9, prop=font).get_extents().width if c else 0 for c in row] for row in cells]
    return sum(map(max, zip(*widths, strict=True))) + 2 * 3.5 * (len(rows[0]) - 1)


@pytest.mark.parametrize("name", tables())
def test_tables_fit_the_page(name, tmp_path):
    frame, group = tables()[name]
    path = export_table(frame, name, tmp_path, "A caption.", "made by a test", group)
    assert 0 < estimated_width(path.read_text()) <= TEXT_WIDTH
    if shutil.which("pdflatex"):
        (tmp_path / "page.tex").write_text(PAGE % rf"\input{{{name}}}")
        command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "page.tex"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout[-2000:]
        assert not re.search(r"Overfull .hbox", (tmp_path / "page.log").read_text())


def test_the_estimate_sees_a_table_that_is_too_wide(tmp_path):
    frame = tables()["results_blind_data"][0].head(3)
    wide = pd.concat([frame, frame.add_suffix(" again")], axis=1)
    assert estimated_width(export_table(wide, "wide", tmp_path, "", "").read_text()) > TEXT_WIDTH


def test_groups_become_headings_and_nothing_is_lost(tmp_path):
    frame, group = tables()["results_blind_data"]
    text = export_table(frame, "t", tmp_path, "Caption", "made by a test", group).read_text()
    assert text.startswith("% made by a test\n\\begin{table}")
    assert text.count(r"\emph{") == 2 and r"\emph{low data}" in text and r"\emph{fine-tuning}" in text
    assert r"\label{tab:t}" in text and r"\caption{Caption}" in text
    body = [line for line in text.splitlines() if " & " in line]
    assert len(body) == 1 + len(frame)
    for row, line in zip(frame.itertuples(index=False), body[1:], strict=True):
        assert line.removesuffix(r" \\").replace("$-$", "-").split(" & ") == [str(value) for value in row[1:]]
    assert " -" not in text and "[-" not in text, "a sign is set as a minus, not as a hyphen"


def test_results_table_says_what_the_summary_says():
    frame = results_table(SUMMARY, "blind data").set_index(["regime", "method"])
    row = SUMMARY.set_index(["group", "regime", "method"]).loc[("blind data", "fine_tuning", "mean rank")]
    shown = frame.loc[("fine-tuning", "mean rank")]
    assert shown["$\\tau_w$"] == f"{row.tau_w:.2f} [{row.tau_w_low:.2f}, {row.tau_w_high:.2f}]"
    assert shown["ours minus this"] == f"{row.gain:+.2f} [{row.gain_low:+.2f}, {row.gain_high:+.2f}]"
    assert (frame.xs("Cross-Select", level="method")["ours minus this"] == "").all()


def test_a_group_without_rows_is_a_table_without_rows(tmp_path):
    frame = results_table(SUMMARY, "nobody")
    assert list(frame) == list(results_table(SUMMARY, "blind data")) and frame.empty
    assert r"\label{tab:t}" in export_table(frame, "t", tmp_path, "", "", "regime").read_text()


def test_escapes():
    assert escape("a_b & 5 % $x_1$ #{}") == r"a\_b \& 5 \% $x_1$ \#\{\}"


def test_every_column_shows_its_own_metric():
    metrics = {"tau_w": 0.61, "tau_w_low": 0.5, "tau_w_high": 0.7, "gain": 0.04, "gain_low": -0.01, "gain_high": 0.09}
    others = {"ndcg5": 0.87, "regret1": 3.25, "regret1_low": 2.0, "regret1_high": 4.5, "hit5": 0.4, "spearman": 0.2}
    row = {"group": "blind data", "regime": "low_data", "method": "LogME"} | metrics | others
    shown = results_table(pd.DataFrame([row, {**row, "method": "Cross-Select"}]), "blind data")
    theirs, ours = shown.to_dict("records")
    assert theirs["$\\tau_w$"] == "0.61 [0.50, 0.70]" and theirs["ours minus this"] == "+0.04 [-0.01, +0.09]"
    assert (theirs["NDCG@5"], theirs["regret"]) == ("0.87", "3.2 [2.0, 4.5]") and ours["ours minus this"] == ""
