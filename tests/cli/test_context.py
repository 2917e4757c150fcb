import errno
import io
import json
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import click
import pytest
from cli_calls import call
from click.testing import CliRunner

from ptmrec.cli import context, main
from ptmrec.cli.context import CommandGroup, TimeLimit, say, show
from ptmrec.core.errors import ArtifactError
from ptmrec.core.words import STEERING


def test_options_of_the_group_may_stand_after_the_command(tmp_path):
    (tmp_path / "c.ini").write_text("[ranker]\nepochs = 9\n")
    options = ["--config", tmp_path / "c.ini", "--profile=smoke", "--set", "ranker.width=32"]
    before, after = call(*options, "config"), call("config", *options)
    assert after.exit_code == 0
    assert after.stdout == before.stdout
    assert "[ranker] width = 32    (override)" in after.stdout
    assert "requires an argument" in call("config", "--set").stderr
    assert call("zoo", "list", "--format", "ids", "--profile", "fast").exit_code == 2


def test_times_have_a_unit():
    limit = TimeLimit()
    for written, seconds in (("60s", 60), ("1.5m", 90), ("2 min", 120), ("500ms", 0.5)):
        assert limit.convert(written, None, None) == seconds
    for written in ("0s", "soon", "-5s", "3h", "", "90", 30):
        with pytest.raises(click.BadParameter, match="write a positive time with its unit, such as 60s or 2m"):
            limit.convert(written, None, None)


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "out/a.npz"), "Error: out/a.npz: No space left on device"),
        (FileExistsError(errno.EEXIST, "File exists", "artifacts"), "Error: artifacts: File exists"),
        (MemoryError(), "Error: not enough memory; ask for less at a time"),
        (ArtifactError("a\x1b[1mb\n" + "x" * 9000), None),
    ],
)
def test_what_the_system_refuses_is_one_line(error, line):
    @click.command()
    def fail():
        raise error

    result = CliRunner().invoke(CommandGroup("ptmrec", commands={"fail": fail}), ["fail"])
    assert result.exit_code == 2
    assert line is None or result.stderr == f"{line}\n"
    assert len(result.stderr.splitlines()) == 1
    assert len(result.stderr) <= 420
    assert "\x1b" not in result.stderr
    assert "Traceback" not in result.output


def test_a_reader_that_has_seen_enough_is_no_error():
    @click.command()
    def fail():
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    result = CliRunner().invoke(CommandGroup("ptmrec", commands={"fail": fail}), ["fail"])
    assert "Error" not in result.output


@pytest.fixture
def interruptible():
    """Ctrl-C counts, also where the tests run in a shell's background, which ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_is_one_line_and_its_own_exit_status(number, status):
    @click.command()
    def wait():
        os.kill(os.getpid(), number)
        threading.Event().wait(20)

    before = signal.getsignal(signal.SIGTERM)
    result = CliRunner().invoke(CommandGroup("ptmrec", commands={"wait": wait}), ["wait"])
    assert result.exit_code == status
    assert result.stderr.splitlines()[0].startswith("Error: ")
    assert len(result.stderr.splitlines()) == 1
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_child_forked_by_a_command_dies_of_a_signal_without_a_word(number, capfd):
    @click.command()
    def fork():
        child = os.fork()
        if child == 0:
            try:
                os.kill(os.getpid(), number)
            finally:
                os._exit(7)
        assert os.WTERMSIG(os.waitpid(child, 0)[1]) == number

    assert CliRunner().invoke(CommandGroup("ptmrec", commands={"fork": fork}), ["fork"]).exit_code == 0
    assert not capfd.readouterr().err


def test_what_goes_wrong_after_a_signal_is_its_consequence():
    @click.command()
    def wait():
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        except KeyboardInterrupt:
            raise ArtifactError("a worker is gone") from None

    result = CliRunner().invoke(CommandGroup("ptmrec", commands={"wait": wait}), ["wait"])
    assert (result.exit_code, result.stderr) == (143, "Error: terminated; what was finished is kept\n")


ROWS = [
    {"model": "a", "licence": text} for text in ("[/x]", "[link=https://a.b]c[/link]", "\x1b[31mred", "a\nError: b")
]


class Terminal(io.StringIO):
    """Standard output as a terminal."""

    def isatty(self) -> bool:
        return True


def test_text_from_outside_is_shown_as_it_is_on_a_terminal(monkeypatch):
    """Rich would take brackets for markup; escapes and line ends would steer the terminal."""
    screen = Terminal()
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setenv("COLUMNS", "120")
    show(ROWS)
    shown = re.sub(r"\x1b\[[0-9;]*m", "", screen.getvalue())  # rich's own colours
    assert "[/x]" in shown and "[link=https://a.b]c[/link]" in shown
    assert "\\u001b[31mred" in shown and "a\\u000aError: b" in shown and "\x1b" not in shown


@pytest.mark.parametrize("style", ["table", "csv", "json"])
def test_text_from_outside_steers_no_pipe(capsys, style):
    show(ROWS, style)
    shown = capsys.readouterr().out
    assert "\x1b" not in shown and "\nError" not in shown
    if style == "json":
        assert json.loads(shown) == ROWS


def test_a_line_stays_one(capsys):
    say("a\nError: b", "\x1b]0;c\x07", err=True)
    say()
    assert capsys.readouterr() == ("", "a\\u000aError: b\n\\u001b]0;c\\u0007\n")


def test_every_command_writes_through_one_function():
    for path in Path(say.__code__.co_filename).parent.glob("*.py"):
        assert path.read_text().count("click.echo(") == (path.name == "context.py"), path


STARTED = """
import ctypes, os, click
from ptmrec.cli.context import CommandGroup

@click.command()
def load():
    run = ctypes.pythonapi.PyRun_String
    run.restype, run.argtypes = ctypes.py_object, [ctypes.c_char_p, ctypes.c_int, ctypes.py_object, ctypes.py_object]
    run(b"import os, time; os.kill(os.getpid(), NUMBER); time.sleep(20)", 257, {}, {})

CommandGroup("ptmrec", commands={"load": load}).main(["load"])
"""
"""A command that is signalled while C code runs Python code, as libraries do within their imports."""


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_within_an_import_has_its_status_too(tmp_path, number, status):
    (tmp_path / "started.py").write_text(STARTED.replace("NUMBER", str(int(number))))
    path = os.pathsep.join((str(tmp_path), str(Path(context.__file__).parents[2])))
    hearing = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.default_int_handler)}
    command = [sys.executable, "-m", "started"]  # of a module Python remembers the interrupt, of a script it does not
    done = subprocess.run(command, env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True, **hearing)
    assert done.returncode == status and len(done.stderr.splitlines()) == 1, done.stderr


@pytest.mark.parametrize("words", [["config", "a\nb"], ["config", "\x1b[2J"], ["a\nb"], ["config", "--\u202ex"]])
def test_a_command_line_that_is_refused_is_shown_in_one_line(words):
    done = CliRunner().invoke(main, words)
    told = done.stderr.splitlines()
    assert done.exit_code == 2 and told[-1].startswith("Error: ") and not STEERING.search("".join(told))
