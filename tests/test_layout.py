"""The package reads from the ground up: no import runs upward, and tests mirror its rooms."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "ptmrec"
FLOORS = (
    *("core", "config", "plots", "zoo", "benchmark", "images", "dataloader", "extractors", "relations", "model"),
    *("loss", "evaluation", "train", "hardware", "inspection", "recommender", "pipeline", "explorer", "cli"),
    *("__init__", "__main__"),
)
"""Rooms of the library; each may use those before it."""
RUNS = ROOT / "experiments"
"""What made the thesis: it may use all of the library, which never uses it."""
EVERY = sorted((*PACKAGE.rglob("*.py"), *RUNS.rglob("*.py")))


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(path: Path, package: str) -> set[str]:
    """Rooms of a package that a module imports."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return {name.split(".")[1] for name in names if name.startswith(f"{package}.")}


def test_every_room_has_its_floor():
    assert {room_of(path) for path in PACKAGE.rglob("*.py")} == set(FLOORS)


def test_no_import_runs_upward():
    upward = [
        f"{path.relative_to(ROOT)} imports ptmrec.{other}"
        for path in PACKAGE.rglob("*.py")
        for other in imported(path, "ptmrec")
        if FLOORS.index(other) > FLOORS.index(room_of(path))
    ]
    assert not upward
    assert not [path for path in PACKAGE.rglob("*.py") if imported(path, "experiments")]
    assert not [path for path in EVERY if imported(path, "torture") | imported(path, "benchmarks")]


def test_no_import_is_hidden_from_the_map():
    """``from ptmrec import x`` would not show which room it uses."""
    for path in EVERY:
        for node in ast.walk(ast.parse(path.read_text())):
            assert not (isinstance(node, ast.ImportFrom) and node.module in ("ptmrec", "experiments")), path


def test_files_and_functions_fit_a_screen():
    sizes = [len(path.read_text().splitlines()) for path in EVERY if path.name != "__init__.py"]
    assert max(sizes) <= 400
    assert sorted(sizes)[len(sizes) // 2] <= 150
    for path in EVERY:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef):
                assert node.end_lineno - node.lineno <= 60, f"{path}: {node.name}"


def test_tests_mirror_the_rooms():
    """A newcomer looks for tests of a room in the folder of its name; no file of them grows beyond reading."""
    rooms = {path.relative_to(PACKAGE if path.is_relative_to(PACKAGE) else ROOT).parent for path in EVERY}
    tests = [path.relative_to(ROOT / "tests") for path in (ROOT / "tests").rglob("test_*.py")]
    assert not [str(room) for room in rooms if not any(test.is_relative_to(room) for test in tests)]
    assert max(len((ROOT / "tests" / test).read_text().splitlines()) for test in tests) <= 600


def test_the_map_of_the_pages_names_every_room():
    text = (ROOT / "docs" / "engineering.md").read_text().partition("## What is where")[2]
    library, runs = re.findall(r"^(?:ptmrec|experiments)/ .*\n((?: .*\n)+)", text, re.MULTILINE)
    for package, named in ((PACKAGE, library), (RUNS, runs)):
        rooms = {path.parent.name for path in package.glob("*/__init__.py")}
        assert sorted(re.findall(r"(?:^|  )(\w+)/", named)) == sorted(rooms)
    assert all((ROOT / name).is_dir() for name in re.findall(r"(?:^|  )(\w+)/", text.partition("constants/")[2]))
