import os
from pathlib import Path

import pytest

from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import PathsConfig
from ptmrec.core import places

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def installed(tmp_path, monkeypatch, user_environment):
    """The package as if it were installed, and a home folder to write to."""
    monkeypatch.setattr(places, "find_clone", lambda: None)
    monkeypatch.setattr("ptmrec.config.parser.find_clone", lambda: None)
    for name in ("XDG_DATA_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


def test_a_clone_is_known_by_its_project_file(tmp_path):
    assert places.find_clone() == ROOT
    assert places.find_clone(tmp_path / "ptmrec") is None
    (tmp_path / "pyproject.toml").touch()
    assert places.find_clone(tmp_path / "ptmrec") == tmp_path


def test_within_a_clone_all_lies_in_it(user_environment):
    paths = ConfigParser().get(PathsConfig)
    assert paths.zoo == ROOT / "constants" / "zoo" and paths.artifacts == ROOT / "artifacts"


@pytest.mark.parametrize("named", [False, True], ids=["no file", "a file of the user's"])
def test_an_installed_package_reads_what_it_carries_and_writes_to_the_users_folder(installed, named, monkeypatch):
    if named:  # its folder is not where the committed files are
        installed.mkdir()
        (installed / "own.ini").write_text("[ranker]\nepochs = 3\n")
        monkeypatch.setenv("PTMREC_CONFIG", str(installed / "own.ini"))
    for config in (ConfigParser(), ConfigParser(installed / "own.ini") if named else ConfigParser()):
        paths = config.get(PathsConfig)
        assert paths.battery == places.PACKAGE / "constants" / "battery.npz"
        assert all(getattr(paths, name).is_relative_to(installed) for name in ("artifacts", "figures", "thesis_output"))


def test_in_a_clone_an_installed_package_works_on_the_clone(installed, monkeypatch):
    clone = installed / "clone"
    (clone / "constants").mkdir(parents=True)
    (clone / "config.ini").touch()
    monkeypatch.chdir(clone)
    paths = ConfigParser().get(PathsConfig)
    assert paths.zoo == clone / "constants" / "zoo" and paths.artifacts == clone / "artifacts"


def test_the_users_log_folder_is_open_to_nobody_else(installed):
    folder = places.make_log_folder()
    assert folder.is_relative_to(installed) and folder.stat().st_mode & 0o777 == 0o700
    folder.chmod(0o755)
    assert places.make_log_folder().stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("fault", ["a file in its place", "somebody else's"])
def test_no_log_folder_is_no_error(installed, monkeypatch, fault):
    if fault == "somebody else's":

        def refuse(*_):
            raise PermissionError

        monkeypatch.setattr(Path, "chmod", refuse)
    else:
        installed.write_text("a file")
    assert places.make_log_folder() is None


def test_a_clone_of_somebody_else_keeps_no_log(installed, monkeypatch):
    monkeypatch.setattr(places, "find_clone", lambda: ROOT)
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != ROOT)
    assert places.make_log_folder().is_relative_to(installed)
