"""Saving a notebook in an editor leaves git clean once `make install` has set the filter up."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_output

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[1]
SAVED_BY_JUPYTERLAB = {
    "codemirror_mode": {"name": "ipython", "version": 3},
    "file_extension": ".py",
    "mimetype": "text/x-python",
    "name": "python",
    "nbconvert_exporter": "python",
    "pygments_lexer": "ipython3",
    "version": "3.11.7",
}


def git(folder, *words):
    done = subprocess.run(
        ["git", "-c", "user.name=a", "-c", "user.email=a@b", *words], cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def install_only(folder):
    """`make install` where everything but the filter is there already (pip and uv would take minutes)."""
    scripts = folder / ".venv" / "bin"
    scripts.mkdir(parents=True)
    (scripts / "python").write_text("#!/bin/sh\nexit 0\n")
    (scripts / "uv").write_text("#!/bin/sh\nexit 0\n")
    (scripts / "nbstripout").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m nbstripout "$@"\n')
    for script in scripts.iterdir():
        script.chmod(0o755)
    environment = os.environ | {"MAKEFLAGS": ""}
    done = subprocess.run(["make", "install"], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def copy_project(folder):
    (folder / "notebooks").mkdir(parents=True)
    for name in ("Makefile", "pyproject.toml", "constraints.txt", ".gitattributes", ".gitignore"):
        shutil.copy(ROOT / name, folder)
    for notebook in (ROOT / "notebooks").glob("*.ipynb"):
        shutil.copy(notebook, folder / "notebooks")


def test_run_and_saved_notebooks_leave_git_clean(tmp_path):
    copy_project(tmp_path)
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "start")
    install_only(tmp_path)
    for path in (tmp_path / "notebooks").glob("*.ipynb"):
        notebook = nbformat.read(path, 4)
        notebook.metadata["language_info"] = SAVED_BY_JUPYTERLAB
        notebook.metadata["kernelspec"]["display_name"] = "Python 3 (ipykernel)"
        code = [cell for cell in notebook.cells if cell.cell_type == "code"]
        code[0].execution_count, code[0].outputs = 3, [new_output("stream", text="hello")]
        nbformat.write(notebook, path)
    # `git status` names a file whose size changed until `git add` has looked inside; there is nothing to commit.
    assert git(tmp_path, "diff") == ""
    git(tmp_path, "add", "-A")
    assert git(tmp_path, "status", "--porcelain") == ""
    shutil.rmtree(tmp_path / ".venv")  # the filter must not stand in the way without it
    (tmp_path / "notebooks" / "01_data_prep.ipynb").write_text("{}")
    assert "01_data_prep.ipynb" in git(tmp_path, "diff")


def test_install_works_outside_a_checkout_and_no_absolute_path_is_committed(tmp_path):
    copy_project(tmp_path)
    install_only(tmp_path)
    for name in ("Makefile", ".gitattributes"):
        assert not re.search(r"[\s\"'=]/(home|work|tmp|usr|opt)/", (ROOT / name).read_text())
