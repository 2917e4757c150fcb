import click
from cli_calls import call

from experiments.cli import join
from ptmrec import cli


def test_the_runs_commands_join_those_of_the_library():
    group = click.Group(commands={"zoo": click.Group("zoo")})
    join(group)
    assert {*group.commands} == {"reproduce", "extract", "train", "evaluate", "thesis", "readme", "zoo"}
    assert {*group.commands["zoo"].commands} == {"build", "real", "verify", "repeat", "reference"}
    assert {*group.commands} <= {*cli.main.commands}


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
