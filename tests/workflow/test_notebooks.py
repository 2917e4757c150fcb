import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from ptmrec.config.parser import ConfigParser
from ptmrec.errors import ConfigError
from ptmrec.workflow.notebooks import NotebookError, find_notebooks, reproduce, run_notebook

pytestmark = pytest.mark.slow


def write_notebook(path, *cells):
    parameters = new_code_cell("value = 1")
    parameters.metadata["tags"] = ["parameters"]
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(new_notebook(cells=[parameters, *map(new_code_cell, cells)], metadata=metadata), path)
    return path


def test_parameters_are_injected_and_unknown_ones_refused(tmp_path):
    notebook = write_notebook(tmp_path / "01_a.ipynb", "assert value == 2")
    run_notebook(notebook, tmp_path / "run" / "01_a.ipynb", {"value": 2})
    with pytest.raises(ConfigError, match="unknown parameter 'valeu'; known: value"):
        run_notebook(notebook, tmp_path / "run" / "b.ipynb", {"valeu": 2})
    assert not (tmp_path / "run" / "b.ipynb").exists()


def test_a_failing_cell_is_named_and_the_executed_copy_kept(tmp_path):
    notebook = write_notebook(tmp_path / "01_a.ipynb", "1 / 0", "print('never')")
    with pytest.raises(NotebookError, match=r"01_a\.ipynb: cell .* ZeroDivisionError"):
        run_notebook(notebook, tmp_path / "run.ipynb", {})
    assert "ZeroDivisionError" in (tmp_path / "run.ipynb").read_text()


def test_leaving_early_is_no_success(tmp_path):
    notebook = write_notebook(tmp_path / "01_a.ipynb", "import sys\nsys.exit(0)", "print('never')")
    with pytest.raises(NotebookError, match=r"stopped before code cell|SystemExit"):
        run_notebook(notebook, tmp_path / "run.ipynb", {})


def test_notebooks_run_in_order_and_stop_at_the_first_failure(tmp_path):
    out = tmp_path / "order.txt"
    note = f"with open({str(out)!r}, 'a') as file:\n    file.write('%s')"
    write_notebook(tmp_path / "02_b.ipynb", note % "b", "raise ValueError('stop here')")
    write_notebook(tmp_path / "01_a.ipynb", note % "a")
    write_notebook(tmp_path / "03_c.ipynb", note % "c")
    assert [path.name for path in find_notebooks(tmp_path)] == ["01_a.ipynb", "02_b.ipynb", "03_c.ipynb"]
    config = ConfigParser(overrides={"paths.artifacts": tmp_path / "artifacts"})
    with pytest.raises(NotebookError, match="stop here"):
        reproduce(config, tmp_path, {})
    assert out.read_text() == "ab"
    (run,) = (tmp_path / "artifacts" / "runs").iterdir()
    assert sorted(path.name for path in run.iterdir()) == ["01_a.ipynb", "02_b.ipynb", "config.json"]


def test_no_notebooks(tmp_path):
    with pytest.raises(ConfigError, match="no notebooks"):
        find_notebooks(tmp_path)
