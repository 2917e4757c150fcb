import subprocess
import sys

import pytest

from ptmrec.config.section import SECTIONS
from ptmrec.core.errors import ConfigError
from ptmrec.inspection.patterns import PATTERNS, check_name, write_trainer
from ptmrec.inspection.subjects import run_file


@pytest.mark.parametrize("pattern", PATTERNS)
def test_each_pattern_writes_a_trainer_whose_test_passes(tmp_path, monkeypatch, user_environment, pattern):
    name = f"own_{pattern}"
    paths = write_trainer(name, pattern, tmp_path / "new")
    assert [path.name for path in paths] == [f"{name}.py", f"{name}.ini", f"test_{name}.py"]
    monkeypatch.setattr(sys, "path", list(sys.path))
    written = run_file(paths[2])
    SECTIONS.pop(name, None)
    tests = [value for key, value in vars(written).items() if key.startswith("test_")]
    for test in tests:
        test(*([tmp_path] if test.__code__.co_argcount else []))
    assert len(tests) == 3
    ruff = [sys.executable, "-m", "ruff", "format", "--check", "--line-length", "120", "."]
    assert subprocess.run(ruff, capture_output=True, cwd=tmp_path / "new").returncode == 0


@pytest.mark.parametrize("there", ["own.py", "own.ini", "test_own.py"])
def test_nothing_is_overwritten_and_nothing_half_written(tmp_path, there):
    (tmp_path / there).write_text("mine")
    with pytest.raises(ConfigError, match=f"{there}: is there already"):
        write_trainer("own", "dict", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [there] and (tmp_path / there).read_text() == "mine"


def test_a_write_that_fails_half_way_leaves_nothing(tmp_path, monkeypatch):
    import os

    link, done = os.link, []

    def failing(source, target):
        if done:
            raise OSError(28, "No space left on device")
        done.append(target)
        link(source, target)

    monkeypatch.setattr(os, "link", failing)
    with pytest.raises(ConfigError, match="cannot be written to"):
        write_trainer("own", "dict", tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "name", ["", "my-trainer", "2nd", "class", "Upper", "_x", "ranker", "torch", "json", "a/b", "ä"]
)
def test_names_that_cannot_be_used(name):
    with pytest.raises(ConfigError, match="trainer name"):
        check_name(name)


def test_unknown_patterns_and_places(tmp_path):
    with pytest.raises(ConfigError, match="choose from tensor, dict, multi, similarity"):
        write_trainer("own", "triple", tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="a file, where a folder is wanted"):
        write_trainer("own", "dict", tmp_path / "file")
