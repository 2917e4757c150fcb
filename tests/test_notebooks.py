"""The notebooks run top to bottom in the smoke profile, live (nbval) and headless (papermill)."""

import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pandas as pd
import papermill
import pytest

from experiments.notebooks import reproduce, run_notebook
from experiments.thesis.build import compile_pdf
from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import PathsConfig

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[1]
GOLDEN = Path(__file__).with_name("goldens") / "smoke_summary.csv"
"""Of the smoke profile; a change that moves numbers copies ``results/summary.csv`` here and says why."""


@pytest.fixture(scope="module")
def overrides(tmp_path_factory):
    folder = tmp_path_factory.mktemp("smoke")
    places = {"artifacts": "artifacts", "figures": "figures", "thesis_output": "thesis"}
    return {f"paths.{key}": str(folder / name) for key, name in places.items()}


def test_the_asking_notebook_needs_no_run_before_it(overrides, tmp_path, monkeypatch):
    """With the committed recommender; its executed copy shows table, figure and explanation without widgets."""
    monkeypatch.setenv("PTMREC_PROGRESS", "off")
    fresh = overrides | {"paths.artifacts": str(tmp_path / "artifacts")}
    parameters = {"profile": "smoke", "config": str(ROOT / "config.ini"), "overrides": fresh, "images": "demo:mnist"}
    parameters |= {"tune_minutes": 0.5, "model_folder": str(tmp_path / "model")}
    run_notebook(ROOT / "notebooks" / "00_recommend.ipynb", tmp_path / "00.ipynb", parameters)
    outputs = [output for cell in nbformat.read(tmp_path / "00.ipynb", 4).cells for output in cell.get("outputs", [])]
    kinds = [kind for output in outputs for kind in output.get("data", {})]
    assert {"application/vnd.jupyter.widget-view+json", "text/html", "image/png", "text/markdown"} <= set(kinds)
    said = [output.text for output in outputs if output.output_type == "stream"]
    assert all(" INFO " in text for text in said), said
    assert "look like mnist, which is known" in str(outputs)
    assert not list((tmp_path / "artifacts").rglob("*.npz")), "it makes nothing"
    assert (tmp_path / "model" / "model.safetensors").is_file()


def test_a_student_trains_a_ranker_with_nothing_run_before(overrides, tmp_path, monkeypatch):
    monkeypatch.setenv("PTMREC_PROGRESS", "off")
    parameters = {"profile": "smoke", "config": str(ROOT / "config.ini"), "overrides": overrides}
    parameters |= {"epochs": 3, "folder": str(tmp_path / "run")}
    run_notebook(ROOT / "notebooks" / "07_own_ranker.ipynb", tmp_path / "07.ipynb", parameters)
    outputs = [output for cell in nbformat.read(tmp_path / "07.ipynb", 4).cells for output in cell.get("outputs", [])]
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 1
    assert not [output for output in outputs if output.output_type == "stream"]
    names = {path.name for path in (tmp_path / "run").iterdir()}
    assert {"my_ranker_history.json", "my_ranker_curves.png", "my_ranker_curves.pdf", "my_ranker_last.pt"} <= names


def test_papermill_runs_them_and_everything_promised_is_there(overrides, monkeypatch):
    monkeypatch.setenv("PTMREC_PROGRESS", "off")
    config = ConfigParser(ROOT / "config.ini", "smoke", overrides)
    parameters = {"profile": "smoke", "config": str(ROOT / "config.ini"), "overrides": overrides}
    lines = reproduce(config, ROOT / "notebooks", parameters)
    folder = Path(overrides["paths.artifacts"])
    assert len(list((folder / "runs").glob("*/*.ipynb"))) == 8
    assert {path.suffix for path in Path(overrides["paths.figures"]).iterdir()} == {".pdf", ".png"}
    tables = {path.name for path in (Path(overrides["paths.thesis_output"]) / "generated").iterdir()}
    assert {"numbers.tex", "alternatives.tex", "headline.tex", "split_blind_data.tex"} <= tables
    assert any(line.startswith("executed notebooks") for line in lines)
    summary, golden = pd.read_csv(folder / "results" / "summary.csv"), pd.read_csv(GOLDEN)
    assert {"parameter count", "mean rank", "LogME", "Cross-Select"} <= set(golden["method"])
    pd.testing.assert_frame_equal(summary, golden, rtol=0, atol=1e-9)
    assert compile_pdf(config.get(PathsConfig)).stat().st_size > 100_000, "the thesis, with its figures"


def test_nbval_runs_one_live(overrides, tmp_path):
    """A copy of the shortest: papermill has run all above, and a live kernel runs no cell of the others differently."""
    notebook = ROOT / "notebooks" / "06_published_benchmarks.ipynb"
    parameters = {"profile": "smoke", "config": str(ROOT / "config.ini"), "overrides": overrides}
    papermill.execute_notebook(str(notebook), str(tmp_path / notebook.name), parameters, prepare_only=True)
    command = [sys.executable, "-m", "pytest", "--nbval-lax", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    environment = os.environ | {"PTMREC_PROGRESS": "off", "JUPYTER_PLATFORM_DIRS": "1"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-4000:]
