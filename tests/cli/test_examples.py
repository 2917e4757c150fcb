"""The examples that the help of each command ends with, run as they stand there."""

import shlex

import click
import numpy as np
import pytest
from click.testing import CliRunner
from conftest import write_images

from ptmrec.cli import main
from ptmrec.cli.examples import EXAMPLES, GROUPS
from ptmrec.config.parser import ConfigParser

LONG = ("tune", "predict", "measure")


def commands(group, path=()):
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield " ".join((*path, name)), command


def call(line, *more):
    return CliRunner().invoke(main, [*shlex.split(line), *more], catch_exceptions=False)


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("PTMREC_CONFIG", str(ConfigParser().root / "config.ini"))
    monkeypatch.chdir(tmp_path)
    write_images(tmp_path / "my_images", {"hills": 12, "seas": 12})
    write_images(tmp_path / "new_images", {"": 3})
    return tmp_path


@pytest.mark.parametrize("path", EXAMPLES)
def test_each_help_ends_with_two_examples_that_parse(path):
    command = dict(commands(main))[path]
    text = call(f"{path} --help").output
    for line in EXAMPLES[path]:
        assert f"ptmrec {line}\n" in text and line.startswith(path)
        command.make_context(path, shlex.split(line.removeprefix(path)), resilient_parsing=False)


@pytest.mark.parametrize("line", [line for path, own in EXAMPLES.items() if path not in LONG for line in own])
def test_the_examples_run(line, place):
    result = call(line, "--set", f"paths.artifacts={place / 'artifacts'}")
    assert result.exit_code in ((0, 1) if line.startswith("inspect") else (0,)), result.output


@pytest.mark.slow
def test_the_long_examples_run_after_one_another(place):
    quick = ("hardware.wait=0", "hardware.seconds=0.1", "hardware.batch_seconds=0.05")
    settings = [word for one in (f"paths.artifacts={place / 'artifacts'}", *quick) for word in ("--set", one)]
    for path in LONG:
        for line in EXAMPLES[path]:
            result = call(line.replace("10m", "10s"), *settings)
            assert result.exit_code == 0, result.output
    assert (place / "predictions.csv").is_file()


@pytest.mark.parametrize("name", ["recommend", "tune"])
def test_the_options_for_images_stand_under_headings(name):
    command = dict(commands(main))[name]
    options = [param.name for param in command.get_params(click.Context(command)) if isinstance(param, click.Option)]
    known = {option for own in GROUPS.values() for option in own}
    assert len(set(options) - known) == 1, "--help alone stands under none of them"
    text = call(f"{name} -h").output
    assert all(f"{heading}:\n" in text for heading in GROUPS) and "-h, --help" in text


def test_the_first_help_fits_a_screen():
    assert len(call("--help").output.splitlines()) <= 40
    assert np.max([len(line) for line in call("--help").output.splitlines()]) <= 100


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_shell_completes_commands_by_the_documented_line(shell):
    page = (ConfigParser().root / "docs" / "recommend.md").read_text()
    assert 'eval "$(_PTMREC_COMPLETE=bash_source ptmrec)"' in page
    result = CliRunner().invoke(main, [], prog_name="ptmrec", env={"_PTMREC_COMPLETE": f"{shell}_source"})
    assert "_ptmrec_completion" in result.output
