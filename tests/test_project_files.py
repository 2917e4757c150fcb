import re
import subprocess
import tomllib
from pathlib import Path

import nbformat
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def requirements():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = project["dependencies"] + [line for extra in project["optional-dependencies"].values() for line in extra]
    return [Requirement(line) for line in lines]


def pins(lines):
    found = {}
    for requirement in map(Requirement, lines):
        (pin,) = requirement.specifier
        assert pin.operator == "==", requirement
        if requirement.marker is None or requirement.marker.evaluate({"python_full_version": "3.11.7"}):
            found[canonicalize_name(requirement.name)] = pin.version
    return found


def test_ranges_constraints_and_conda_environment_agree():
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    assert not [line for line in lines if "://" in line or line.startswith("-")]
    constraints = pins(lines)
    conda = (ROOT / "environment.yml").read_text()
    environment = pins(re.findall(r"^ +- ([\w.-]+==\S+)$", conda, re.MULTILINE))
    names = {canonicalize_name(requirement.name) for requirement in requirements()}
    assert names == set(environment)
    for requirement in requirements():
        name = canonicalize_name(requirement.name)
        assert requirement.specifier.contains(constraints[name]), name
        assert environment[name] == constraints[name], name


def test_readme_commands_are_the_ones_ci_runs():
    """The other commands of the pages are parsed and run in tests/test_pages.py."""
    readme = (ROOT / "README.md").read_text()
    for command in ("reproduce", "test"):
        assert f"make {command}" in readme
    assert "make test" in (ROOT / ".ci" / "run").read_text()


def test_pages_are_where_they_belong():
    files = subprocess.run(["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    top = {"README.md", "CONTRIBUTING.md", "CHANGELOG.md", "thesis/SECTION_1-2_SETUP_GUIDE.md"}
    assert [name for name in files.split() if name not in top and not re.fullmatch(r"docs/[a-z]+\.md", name)] == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_are_clean_and_tell_a_story(path):
    notebook = nbformat.read(path, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert notebook.cells[0].source.startswith("# ")
    for word in ("**Question:**", "**Inputs:**", "**Outputs:**"):
        assert word in notebook.cells[0].source
    assert code[0].metadata.get("tags") == ["parameters"]
    assert all(cell.outputs == [] and cell.execution_count is None for cell in code)
    assert max(len(cell.source.splitlines()) for cell in code) <= 20
    assert not any(re.search(r"^(def|class) ", cell.source, re.MULTILINE) for cell in code)


def test_one_place_for_logging_and_no_unpickling():
    for path in (*(ROOT / "ptmrec").rglob("*.py"), *(ROOT / "experiments").rglob("*.py")):
        text = path.read_text()
        if path.name != "log.py":
            assert "import beautilog" not in text and "from beautilog" not in text, path
        assert not re.search(r"pickle\.(load|Unpickler)|from pickle", text), path
        for call in re.findall(r"torch\.load\([^)]*\)", text):
            assert "weights_only=True" in call, path


def test_committed_files_stay_small():
    files = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    sizes = {name: (ROOT / name).stat().st_size for name in files if (ROOT / name).is_file()}
    assert max(sizes.values()) <= 10e6
    zoo = sum(size for name, size in sizes.items() if re.match("constants/(?!recommender/)", name))
    assert 0 < zoo <= 60 * 2**20
    assert sum(size for name, size in sizes.items() if name.startswith("constants/recommender/")) <= 15e6
