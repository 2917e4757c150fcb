import inspect
import io
import json
import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from ptmrec.core import errors
from ptmrec.core.processes import broadcast, gather, is_main, is_single_process, main_only, rank, world_size
from ptmrec.core.progress import progress
from ptmrec.core.text import format_rows
from ptmrec.core.words import csv_cell, short_count, suggest, visible


@pytest.mark.parametrize(
    "kind", [k for _, k in inspect.getmembers(errors, inspect.isclass) if k.__module__ == errors.__name__]
)
def test_every_error_is_one_the_command_line_shows_as_a_line(kind):
    assert issubclass(kind, errors.PtmrecError)
    assert str(kind("what, where, what to do")) == "what, where, what to do"


def test_a_message_is_one_short_line_that_steers_no_terminal():
    noisy = "\x1b[31mred\x1b[0m\n\ttab \x1b]0;title\x07 \x00\x9b \u202e \udc80"
    assert errors.one_line(noisy) == "red tab \\udc80"
    long = errors.one_line("start " + "x" * 5000 + " end")
    assert len(long) <= errors.LONGEST <= 400
    assert long.startswith("start ")
    assert long.endswith(" end")


def test_an_error_of_the_system_names_file_and_cause():
    assert errors.describe_os_error(OSError(28, "No space left on device", "a/b")) == "a/b: No space left on device"
    assert errors.describe_os_error(OSError("odd")) == "odd"
    assert errors.describe_os_error(FileExistsError(17, "File exists", "a", None, "b")) == "a -> b: File exists"


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


@pytest.mark.parametrize("mode", ["bar", "plain", "off"])
def test_items_pass_through_and_stdout_stays_clean(mode, monkeypatch, capsys):
    monkeypatch.setenv("PTMREC_PROGRESS", mode)
    assert list(progress(range(25), "counting")) == list(range(25))
    assert list(progress(iter("abc"), "letters", total=3)) == ["a", "b", "c"]
    out, err = capsys.readouterr()
    assert out == ""
    assert bool(err) == (mode != "off")


def test_plain_lines_are_few_and_without_carriage_returns(monkeypatch, capsys):
    monkeypatch.setenv("PTMREC_PROGRESS", "plain")
    list(progress(range(1000), "counting"))
    err = capsys.readouterr().err
    assert "\r" not in err
    assert err.splitlines()[0] == "counting: 100/1000"
    assert len(err.splitlines()) == 10


def test_plain_lines_of_long_jobs_say_what_is_left(monkeypatch, capsys):
    monkeypatch.setenv("PTMREC_PROGRESS", "plain")
    clock = iter(range(0, 10**6, 60))
    monkeypatch.setattr("ptmrec.core.progress.time.monotonic", lambda: next(clock))
    list(progress(range(100), "measuring"))
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "measuring: 6/100, about 94 min left", "a minute each, and five minutes of silence are enough"
    assert lines[-1] == "measuring: 100/100"


ROWS = [
    {"name": "a, b", "count": 3, "score": 0.5, "tied": True},
    {"name": 'say "c"', "count": 10, "score": float("nan"), "tied": False},
]


def test_csv_is_read_back_by_pandas():
    frame = pd.DataFrame(ROWS)
    assert format_rows(ROWS, "csv") + "\n" == frame.to_csv(index=False)
    pd.testing.assert_frame_equal(pd.read_csv(io.StringIO(format_rows(ROWS, "csv"))), frame)


def test_json_has_null_for_unknown_values():
    assert json.loads(format_rows(ROWS, "json")) == json.loads(pd.DataFrame(ROWS).to_json(orient="records"))
    assert format_rows([], "json") == "[]"


def test_columns_of_a_table_are_as_wide_as_their_longest_cell():
    rows = [{"model": "long name", "score": 1.25}, {"model": "x", "score": 10.0}]
    assert format_rows(rows, "table").splitlines() == ["    model score", "long name  1.25", "        x 10.00"]
    assert format_rows([], "table") == ""


def test_values_of_numpy_are_numbers_too():
    frame = pd.DataFrame({"a": np.arange(2, dtype=np.int64), "b": np.array([0.5, np.inf])})
    assert json.loads(format_rows(frame.to_dict("records"), "json")) == [{"a": 0, "b": 0.5}, {"a": 1, "b": None}]


def test_no_cell_is_a_formula_or_steers_a_terminal():
    rows = [{"licence": "=1+1", "score": -0.5}, {"licence": "\x1b[2J", "score": 0.25}]
    assert format_rows(rows, "csv").splitlines() == ["licence,score", "'=1+1,-0.5", "\\u001b[2J,0.25"]
    assert "\x1b" not in format_rows(rows, "table") and "=1+1 -0.50" in format_rows(rows, "table")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "\\u001b[31mred\\u001b[0m"),
        ("a\nError: b\r\t", "a\\u000aError: b\\u000d\\u0009"),
        ("\x9b2J\u202e\u2066\u200f\udc80", "\\u009b2J\\u202e\\u2066\\u200f\\udc80"),
        ("[/x] [link=y] \u00fc \u4e2d \U0001f600", "[/x] [link=y] \u00fc \u4e2d \U0001f600"),
        (3, "3"),
    ],
)
def test_what_would_steer_a_terminal_is_written_out(text, shown):
    assert visible(text) == shown


def test_json_stays_json():
    value = {"a": "\x9b\u202e"}
    assert json.loads(visible(json.dumps(value, ensure_ascii=False))) == value


@pytest.mark.parametrize("text", ["=1+1", "+cmd", "-x", "@SUM(1)", "  =1", "\uff1d1", "=HYPERLINK('x')"])
def test_no_cell_is_a_formula(text):
    assert csv_cell(text) == f"'{text}"


@pytest.mark.parametrize(
    "value", [-3, -0.5, np.float64(-1.5), np.int64(-2), None, True, "-0.5", "+1e3", "-inf", "a-b=c", ""]
)
def test_numbers_and_plain_text_stay_as_they_are(value):
    assert csv_cell(value) is value or csv_cell(value) == value


def test_cells_are_one_line():
    assert csv_cell("a\n=b\x1b") == "a\\u000a=b\\u001b"
    assert csv_cell("\t=b") == "\\u0009=b"


def test_the_likest_known_name_is_suggested_or_other_words():
    assert suggest("resnt", ["vgg", "resnet"]) == "; did you mean resnet?"
    assert (suggest("zzz", ["vgg"]), suggest("zzz", ["vgg"], "known: vgg")) == ("", "; known: vgg")


@pytest.mark.parametrize(
    ("environment", "numbers"),
    [({}, (0, 1)), ({"WORLD_SIZE": "4"}, (0, 1)), ({"RANK": "1", "WORLD_SIZE": "2"}, (1, 2)), ({"RANK": "0"}, (0, 1))],
)
def test_numbers_come_from_the_launcher(monkeypatch, environment, numbers):
    for name in ("RANK", "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert (rank(), world_size()) == numbers
    assert is_main() == (numbers[0] == 0)
    assert is_single_process() == (numbers[1] == 1)


def test_one_process_shares_with_itself():
    assert (broadcast("x"), gather("x")) == ("x", ["x"])


def test_within_alone_nobody_is_waited_for(monkeypatch):
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    with main_only():
        assert broadcast(1) == 1
    assert not is_single_process()


@pytest.mark.parametrize("text", ["a\x0cb", "a\x1eb", "a\u2028b", "a\x85b", "\x1b[2Ja", "a\nb"])
def test_every_error_is_one_line_whatever_stands_in_it(text):
    line = str(errors.PtmrecError(text))
    assert len(line.splitlines()) == 1 and "\x1b" not in line


def test_numbers_of_parameters_as_people_say_them():
    numbers = (999, 35_400, 4_652_008, 2.5e9)
    assert [short_count(value) for value in numbers] == ["999", "35.4k", "4.65M", "2.5B"]
    assert short_count(35_400, " ") == "35.4 k"
