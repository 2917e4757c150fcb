import os
import subprocess
import sys

import pytest


def run(code, cwd, **changed):
    environment = {name: value for name, value in os.environ.items() if name != "BEAUTILOG_CONFIG_PATH"} | changed
    command = [sys.executable, "-c", code]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=True)


def test_lines_go_to_stderr_and_nothing_into_the_working_directory(tmp_path):
    done = run("from ptmrec.core.log import logger; logger.info('hello %d', 3); print('answer')", tmp_path)
    assert done.stdout == "answer\n"
    assert "INFO hello 3" in done.stderr
    assert "\x1b" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_libraries_may_warn_but_not_chat(tmp_path):
    code = """
import logging
from ptmrec.core.log import logger
logging.getLogger('library').setLevel(logging.INFO)
logging.getLogger('library').info('progress of a library')
logging.getLogger('library').warning('careful')
"""
    lines = run(code, tmp_path).stderr
    assert "careful" in lines
    assert "progress of a library" not in lines


def test_a_message_is_one_line_and_steers_no_terminal(tmp_path):
    lines = run("from ptmrec.core.log import logger; logger.warning('%s is bad', 'a\\nb\\x1b[2J')", tmp_path).stderr
    assert lines.count("\n") == 1 and "a b\\u001b[2J is bad" in lines


INSTALLED = """
from pathlib import Path
from ptmrec.core import places
places.find_clone = lambda: None
from ptmrec.core.log import logger
logger.info("hello")
print(*[path.stat().st_mode & 0o777 for path in Path.home().rglob("log")])
"""
"""A package apart from its clone."""


def test_the_log_of_an_installed_package_lies_in_a_folder_of_the_users_own(tmp_path):
    done = run(INSTALLED, tmp_path, HOME=str(tmp_path), XDG_STATE_HOME="")
    (log,) = tmp_path.rglob("*.log")
    assert "ptmrec : hello" in log.read_text() and "hello" in done.stderr
    assert done.stdout == f"{0o700}\n"
    assert not list(tmp_path.rglob("*.ini")), "nothing that steers a later process"


@pytest.mark.parametrize("place", ["home", "folder", "file"])
def test_without_a_place_for_a_log_there_is_none_and_nothing_fails(tmp_path, place):
    """The second user of a machine was answered with a PermissionError."""
    log = tmp_path / ".local" / "state" / "ptmrec" / "log"
    if place == "file":
        (log / "beauti-run.log").mkdir(parents=True)
    if place == "folder":
        log.parent.mkdir(parents=True)
        log.touch()
    home = "/proc/nobody" if place == "home" else str(tmp_path)
    assert "INFO hello" in run(INSTALLED, tmp_path, HOME=home, XDG_STATE_HOME="").stderr


def test_settings_a_user_names_are_followed(tmp_path):
    (tmp_path / "own.ini").write_text("[logger]\nsave_to_file = True\n[file_logger]\nlog_file_path = own.log\n")
    run(
        "from ptmrec.core.log import logger; logger.info('hello')", "/", BEAUTILOG_CONFIG_PATH=str(tmp_path / "own.ini")
    )
    assert "hello" in (tmp_path / "own.log").read_text()
