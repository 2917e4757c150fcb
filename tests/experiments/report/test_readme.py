import json
import re
import shutil
from collections import Counter
from pathlib import Path

import pytest
from nbformat import write
from nbformat.v4 import new_notebook

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
    shares = json.loads((results / "coverage.json").read_text())
    (results / "evaluation.json").write_text(json.dumps({"coverage": shares}))
    (results / "passes.csv").write_text(
        "regime,method,k,regret1\nlow_data,Cross-Select,3,2.0\nlow_data,Cross-Select,9,1"
    )
    for name, seconds in (("1", 5.0), ("2", 7.0)):
        (tmp_path / "artifacts" / "runs" / name).mkdir(parents=True)
        notebook = new_notebook(metadata={"papermill": {"duration": seconds}})
        write(notebook, tmp_path / "artifacts" / "runs" / name / "01_a.ipynb")
    return tmp_path / "artifacts"


def test_copied_results_hold_no_paths_and_the_range_of_times(run, tmp_path):
    copy_results(run, tmp_path / "kept")
    kept = {name: json.loads((tmp_path / "kept" / name).read_text()) for name in ("times.json", "passes.json")}
    assert kept == {"times.json": {"01_a": [5.0, 7.0]}, "passes.json": {"low_data, Cross-Select, 3": 2.0}}
    for name in ("zoo.json", "coverage.json", "summary.csv", "bench.json"):
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
        *[("results/evaluation.json", "{}"), ("results/passes.csv", "regime,method\na,b"), ("runs/1/01_a.ipynb", "{")],
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
