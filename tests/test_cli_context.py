import click
import pytest
from cli_calls import call

from ptmrec.cli_context import TimeLimit


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
