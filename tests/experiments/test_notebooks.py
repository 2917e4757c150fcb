import io

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from experiments.notebooks import NotebookError, find_notebooks, reproduce, run_notebook
from ptmrec.config.parser import ConfigParser
from ptmrec.core.errors import ConfigError

pytestmark = pytest.mark.slow


def write_notebook(path, *cells):
    parameters = new_code_cell("value = 1")
    parameters.metadata["tags"] = ["parameters"]
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(new_notebook(cells=[parameters, *map(new_code_cell, cells)], metadata=metadata), path)
    return path


def test_of_lines_of_progress_the_last_one_stays(tmp_path, monkeypatch):
    monkeypatch.setenv("PTMREC_PROGRESS", "plain")
    cell = "from ptmrec.core.progress import progress\nfor _ in progress(range(40), 'cases'): pass"
    run_notebook(write_notebook(tmp_path / "01_a.ipynb", cell), tmp_path / "run.ipynb", {})
    outputs = nbformat.read(tmp_path / "run.ipynb", 4).cells[1].outputs
    assert [output.text.strip() for output in outputs] == ["cases: 40/40"]


def test_unknown_parameters_are_refused(tmp_path):
    notebook = write_notebook(tmp_path / "01_a.ipynb", "assert value == 2")
    with pytest.raises(ConfigError, match="unknown parameter 'valeu'; known: value"):
        run_notebook(notebook, tmp_path / "run" / "b.ipynb", {"valeu": 2})
    assert not (tmp_path / "run" / "b.ipynb").exists()


def test_the_executed_copy_has_one_parameters_cell_with_the_values_used(tmp_path):
    notebook = write_notebook(tmp_path / "01_a.ipynb", "assert (value, other) == (2, 'b')")
    story = nbformat.read(notebook, 4)
    story.cells[0].source = "value = 1\nother = 'b'"
    nbformat.write(story, notebook)
    run_notebook(notebook, tmp_path / "run.ipynb", {"value": 2})
    executed = nbformat.read(tmp_path / "run.ipynb", 4)
    assert len(executed.cells) == 2
    assert executed.cells[0].source.splitlines() == ["# Parameters", "value = 2", "other = 'b'"]
    assert executed.cells[0].metadata["tags"] == ["parameters"]
    assert nbformat.read(notebook, 4) == story


def test_kernels_are_quiet_about_widgets_and_their_end(tmp_path, capfd):
    notebook = write_notebook(tmp_path / "01_a.ipynb", "import ptmrec\nimport tqdm.auto")
    run_notebook(notebook, tmp_path / "run.ipynb", {})
    assert nbformat.read(tmp_path / "run.ipynb", 4).cells[1].outputs == []
    assert capfd.readouterr().err == ""


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_no_text_of_a_notebook_stays_behind_the_bar(tmp_path, monkeypatch):
    write_notebook(tmp_path / "01_a.ipynb", "import sys\nsys.stderr.write('a long line of the first\\n')")
    write_notebook(tmp_path / "02_b.ipynb", "pass")
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    reproduce(ConfigParser(overrides={"paths.artifacts": tmp_path / "artifacts"}), tmp_path, {})
    assert "01_a:   0%" in terminal.getvalue() and "a long line of the first" in terminal.getvalue()
    second = terminal.getvalue().split("02_b: ", 1)[1]
    assert "long line" not in second
    shown = [line for line in terminal.getvalue().splitlines() if "100%" in line]
    assert shown and "long" not in shown[-1] and "notebooks: 100%" in shown[-1]


def test_a_pipe_gets_plain_lines(tmp_path, monkeypatch):
    write_notebook(tmp_path / "01_a.ipynb", "import sys\nsys.stderr.write('half way\\n')")
    pipe = io.StringIO()
    monkeypatch.setattr("sys.stderr", pipe)
    reproduce(ConfigParser(overrides={"paths.artifacts": tmp_path / "artifacts"}), tmp_path, {})
    assert pipe.getvalue().startswith("01_a\n  half way\n")
    assert "\r" not in pipe.getvalue()


def test_a_failing_cell_is_named_and_the_executed_copy_kept(tmp_path):
    notebook = write_notebook(tmp_path / "01_a.ipynb", "1 / 0", "print('never')")
    with pytest.raises(NotebookError, match=r"01_a\.ipynb: cell .* ZeroDivisionError"):
        run_notebook(notebook, tmp_path / "run.ipynb", {})
    assert "ZeroDivisionError" in (tmp_path / "run.ipynb").read_text()


def test_leaving_early_is_no_success(tmp_path):
    notebook = write_notebook(tmp_path / "01_a.ipynb", "import sys\nsys.exit(0)", "print('never')")
    with pytest.raises(NotebookError, match=r"stopped before code cell|SystemExit"):
        run_notebook(notebook, tmp_path / "run.ipynb", {})


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("import sys\nsys.exit(0)", "code cell 2 of 2 ended with SystemExit"),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", "not done, its kernel ended"),
        ("import os\nos._exit(0)", "not done, its kernel ended"),
    ],
)
def test_a_last_cell_that_ends_the_kernel_is_no_success(tmp_path, cell, words):
    notebook = write_notebook(tmp_path / "01_a.ipynb", cell)
    with pytest.raises(NotebookError, match=words) as error:
        run_notebook(notebook, tmp_path / "run.ipynb", {})
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("text", ["", "{", "{}", "[]", '{"nbformat": 4, "cells": 3}', "\x00"])
def test_an_invalid_notebook_is_one_line(tmp_path, text):
    (tmp_path / "01_a.ipynb").write_text(text)
    with pytest.raises(NotebookError, match="not a usable notebook") as error:
        run_notebook(tmp_path / "01_a.ipynb", tmp_path / "run.ipynb", {})
    assert "\n" not in str(error.value)
    assert not (tmp_path / "run.ipynb").exists()


def test_notebooks_run_in_order_and_stop_at_the_first_failure(tmp_path):
    out = tmp_path / "order.txt"
    note = f"with open({str(out)!r}, 'a') as file:\n    file.write('%s')"
    write_notebook(tmp_path / "02_b.ipynb", note % "b", "raise ValueError('stop here')")
    write_notebook(tmp_path / "01_a.ipynb", note % "a")
    write_notebook(tmp_path / "03_c.ipynb", note % "c")
    write_notebook(tmp_path / "00_asking.ipynb", note % "never")
    assert [path.name for path in find_notebooks(tmp_path)] == ["01_a.ipynb", "02_b.ipynb", "03_c.ipynb"]
    (tmp_path / "02_thesis.ipynb").write_bytes((tmp_path / "01_a.ipynb").read_bytes())
    assert find_notebooks(tmp_path)[-1].name == "02_thesis.ipynb", "it reads what all others have made"
    (tmp_path / "02_thesis.ipynb").unlink()
    config = ConfigParser(overrides={"paths.artifacts": tmp_path / "artifacts"})
    with pytest.raises(NotebookError, match="stop here"):
        reproduce(config, tmp_path, {})
    assert out.read_text() == "ab"
    (run,) = (tmp_path / "artifacts" / "runs").iterdir()
    assert sorted(path.name for path in run.iterdir()) == ["01_a.ipynb", "02_b.ipynb", "config.json"]


def test_no_notebooks(tmp_path):
    with pytest.raises(ConfigError, match="no notebooks"):
        find_notebooks(tmp_path)
