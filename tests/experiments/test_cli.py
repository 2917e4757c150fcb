import json
import subprocess
import sys

import click
import numpy as np
import pandas as pd
import pytest
from cli_calls import call
from matplotlib.figure import Figure

from experiments.cli import join
from experiments.outputs import LIVE, RUN, Outputs, config_version, origin_path
from ptmrec import cli
from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import PathsConfig


def test_the_runs_commands_join_those_of_the_library():
    group = click.Group(commands={"zoo": click.Group("zoo")})
    join(group)
    assert {*group.commands} == {"reproduce", "extract", "train", "evaluate", "thesis", "readme", "zoo"}
    assert {*group.commands["zoo"].commands} == {"build", "real", "verify", "repeat", "reference", "runs", "tuning"}
    assert {*group.commands} <= {*cli.main.list_commands(click.Context(cli.main))}


def test_without_the_runs_the_library_has_its_own_commands(monkeypatch):
    class Gone:
        module = "nowhere.cli"

        def load(self):
            raise ModuleNotFoundError("No module named 'nowhere'", name="nowhere")

    monkeypatch.setattr(cli, "entry_points", lambda group: [Gone()])
    group = click.Group()
    cli.join_commands(group)
    assert not group.commands
    assert call("train", "-h").exit_code == 0


@pytest.mark.slow
def test_the_committed_zoo_is_whole():
    done = call("zoo", "verify")
    assert done.exit_code == 0 and "ok" in done.stdout and "FAILED" not in done.stdout


@pytest.mark.parametrize("name", ["build", "real", "repeat", "reference"])
def test_what_makes_the_zoo_says_what_it_does(name):
    done = call("zoo", name, "--help")
    assert done.exit_code == 0 and "--images" in done.stdout


@pytest.fixture
def config(tmp_path):
    overrides = {f"paths.{name}": str(tmp_path / name) for name in ("artifacts", "figures")}
    return ConfigParser(None, "smoke", overrides)


def test_results_name_their_configuration_and_code_and_hold_no_nan(config):
    facts = {"value": float("nan"), "list": [1.0, float("nan")], "table": {"a": np.nan}}
    saved = json.loads(Outputs(config, "04_evaluation").facts(facts, "toy").read_text())
    assert (saved["value"], saved["list"], saved["table"]) == (None, [1.0, None], {"a": None})
    assert saved["config"]["zoo"]["every"] > 1
    assert len(saved["code_version"]) == 12


def test_every_output_has_a_record_of_what_made_it(config, tmp_path, monkeypatch):
    monkeypatch.setenv(RUN, "20260101_000000")
    outputs, frame, figure = Outputs(config, "04_evaluation"), pd.DataFrame({"a": [1.5]}), Figure()
    assert outputs.table(frame, "toy") is frame
    assert outputs.figure(figure, "line", "A line.") is figure
    assert (outputs.results / "toy.csv").read_text() == "a\n1.5\n"
    assert sorted(path.name for path in (tmp_path / "figures").iterdir()) == ["line.pdf", "line.png"]
    for what, alt in (("results/toy.csv", ""), ("figures/line", "A line.")):
        record = json.loads(origin_path(config.get(PathsConfig), what).read_text())
        assert record["notebook"] == "04_evaluation"
        assert record["run"] == "20260101_000000"
        assert record["config"] == config_version(config)
        assert record["alt"] == alt


def test_a_live_session_says_so(config, monkeypatch):
    monkeypatch.delenv(RUN, raising=False)
    Outputs(config, "04_evaluation").facts({}, "toy")
    assert json.loads(origin_path(config.get(PathsConfig), "results/toy.json").read_text())["run"] == LIVE


def test_the_place_of_files_does_not_count_as_configuration(config):
    assert config_version(config) == config_version(ConfigParser(None, "smoke"))
    assert config_version(config) != config_version(ConfigParser(None, "smoke", {"ranker.epochs": 7}))


@pytest.mark.parametrize("module", ["experiments.shards", "experiments.cli_zoo", "experiments.cli"])
def test_a_module_of_commands_can_be_imported_first(module):
    """The entry point leads back to it."""
    done = subprocess.run([sys.executable, "-c", f"import {module}"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
