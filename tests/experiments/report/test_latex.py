import re
import shutil
import subprocess
from pathlib import Path

import matplotlib as mpl
import pandas as pd
import pytest
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextPath

from experiments.report.latex import escape, export_table, results_table

ROOT = Path(__file__).resolve().parents[3]
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
        "results_known_data": (results_table(SUMMARY, "known data"), "regime"),
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
    frame, _ = tables()["results_blind_data"]
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
        assert line.removesuffix(r" \\").split(" & ") == [str(value) for value in row[1:]]


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
    others = {"ndcg5": 0.87, "regret1": 3.25, "hit5": 0.4, "tau_b": 0.1, "spearman": 0.2}
    row = {"group": "blind data", "regime": "low_data", "method": "LogME"} | metrics | others
    shown = results_table(pd.DataFrame([row, {**row, "method": "Cross-Select"}]), "blind data")
    theirs, ours = shown.to_dict("records")
    assert theirs["$\\tau_w$"] == "0.61 [0.50, 0.70]" and theirs["ours minus this"] == "+0.04 [-0.01, +0.09]"
    assert (theirs["NDCG@5"], theirs["regret"]) == ("0.87", "3.2") and ours["ours minus this"] == ""
