import errno

import click
import pytest
from cli_calls import call
from click.testing import CliRunner

from ptmrec.cli_context import CommandGroup, TimeLimit
from ptmrec.errors import ArtifactError


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
        with pytest.raises(click.BadParameter, match="is no time with its unit; write for example 60s or 2m"):
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
