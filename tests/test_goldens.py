"""What must stay as it is while the package changes: the answer of the demo and the commands with their options."""

import json
from pathlib import Path

import click
import pandas as pd
import pytest
from cli_calls import call

from ptmrec.cli import main

GOLDENS = Path(__file__).parent / "goldens"
MACHINE = ("latency", "throughput", "memory", "energy", "on_pareto", "cost_basis")


def of_every_machine(text: str) -> dict:
    """The answer without seconds and without what is looked up for the machine's processor."""
    data = json.loads(text)
    rows = [{key: value for key, value in row.items() if not key.startswith(MACHINE)} for row in data["results"]]
    return {key: value for key, value in data.items() if key not in ("device", "seconds")} | {"results": rows}


def commands(command: click.Command, name: str = "ptmrec") -> list[str]:
    lines = [" ".join([f"{name}:", *sorted(word for part in command.params for word in part.opts)])]
    for below, part in sorted(getattr(command, "commands", {}).items()):
        lines += commands(part, f"{name} {below}")
    return lines


@pytest.mark.slow
def test_the_demo_answers_as_before():
    done = call("recommend", "--demo", "--format", "json")
    answer, golden = of_every_machine(done.stdout), json.loads((GOLDENS / "demo.json").read_text())
    for table in ("results", "nearest"):
        rows, expected = pd.DataFrame(answer.pop(table)), pd.DataFrame(golden.pop(table))
        pd.testing.assert_frame_equal(rows, expected, rtol=0, atol=5e-4)
    assert answer == golden


def test_commands_and_options_are_as_before():
    main.list_commands(click.Context(main))  # other packages join
    assert commands(main) == (GOLDENS / "commands.txt").read_text().splitlines()
