"""The commands that ask a colleague before a long run: about data, a model or a trainer."""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ptmrec.cli.context import FilePath, read_config, say
from ptmrec.config.sections import PathsConfig
from ptmrec.core.errors import ConfigError, DataError

if TYPE_CHECKING:
    from ptmrec.config.parser import ConfigParser
    from ptmrec.inspection.findings import Report

as_json = click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")


@click.group()
def inspect() -> None:
    """Look for what would spoil a run; exit status 1: there is a fault."""


@inspect.command("data")
@click.argument("source", type=FilePath(as_text=True), metavar="DIR|FILE.py[:FUNCTION]")
@click.option("--labels", type=FilePath(), help="CSV of file names and labels, for a flat folder.")
@as_json
@click.pass_context
def inspect_data(ctx: click.Context, source: str, labels: Path | None, as_json: bool) -> None:
    """Duplicates, balance, unreadable files, shuffled labels and loading speed of the images in DIR.

    DIR holds one sub-folder per class, images only, or train/ beside test/ or val/. Of a Python file, WHICH IS RUN,
    the function example() (or FUNCTION) gives a data set or DataLoader, whose speed is measured.
    """
    from ptmrec.inspection.data import inspect_data as run
    from ptmrec.inspection.data import inspect_loader
    from ptmrec.inspection.subjects import EXAMPLE, call_function, is_file, run_file, split_subject

    if is_file(source):
        path, name = split_subject(source)
        if labels is not None:
            raise ConfigError("--labels goes with a folder of images, not with a Python file")
        _answer(inspect_loader(call_function(run_file(path), path, name or EXAMPLE), source), as_json)
        return
    folder = Path(source).expanduser()
    if labels is not None and not folder.is_dir():
        raise DataError(f"{folder}: no such folder; --labels names images within a folder")
    _answer(run(folder, labels, _encoder(read_config(ctx))), as_json)


@inspect.command("model")
@click.argument("subject", metavar="NAME|FILE.py[:NAME]")
@as_json
@click.pass_context
def inspect_model(ctx: click.Context, subject: str, as_json: bool) -> None:
    """Forward contract, gradient flow, dead units, memory and a learning rate of a model of the zoo or of FILE.

    A Python file IS RUN: its function example() gives (model, batches), where batches are tensors, (inputs, targets)
    or dicts with inputs and targets. FILE.py:NAME calls NAME() instead, or makes a model of class NAME.
    """
    from ptmrec.inspection.examples import read_example
    from ptmrec.inspection.model import inspect_model as run

    _answer(run(read_example(subject, read_config(ctx).get(PathsConfig))), as_json)


@inspect.command("trainer")
@click.argument("subject", metavar="NAME|FILE.py[:CLASS]")
@as_json
def inspect_trainer(subject: str, as_json: bool) -> None:
    """Check that a trainer (autoencoder, ranker, or one of FILE) keeps the contract of BaseTrainer.

    A Python file IS RUN: it holds a subclass of BaseTrainer, and its function example() gives (model, batches) or
    (model, batches, options). ptmrec new trainer writes such a file.
    """
    from ptmrec.inspection.trainer import inspect_trainer as run
    from ptmrec.inspection.trainers import read_trainer

    _answer(run(read_trainer(subject)), as_json)


@click.group()
def new() -> None:
    """Write a part to start from."""


@new.command("trainer")
@click.argument("name")
@click.option("--pattern", metavar="PATTERN", help="tensor, dict, multi or similarity; asked for on a terminal.")
@click.option("--into", type=FilePath(), default=Path("."), help="Folder of the files; default: here.")
def new_trainer(name: str, pattern: str | None, into: Path) -> None:
    """Write the trainer NAME, its section of a configuration and a test that passes; nothing is overwritten.

    Patterns: tensor (batches are tensors), dict (a classifier on dicts), multi (several losses and metrics),
    similarity (a ranker on lists of models).
    """
    from ptmrec.inspection.patterns import PATTERNS, check_name, write_trainer

    check_name(name)
    if pattern is None:
        if not sys.stdin.isatty():
            raise ConfigError(f"say --pattern, one of {', '.join(PATTERNS)}; it is asked for on a terminal only")
        for known, about in PATTERNS.items():
            say(f"{known:12}{about}", err=True)
        pattern = click.prompt("pattern", type=click.Choice(list(PATTERNS)), err=True)
    paths = write_trainer(name, pattern, into)
    tests = ["python", "-m", "pytest", str(paths[2])]
    for path in paths:
        say(path)
    say(f"next: {shlex.join(['ptmrec', 'inspect', 'trainer', str(paths[0])])}; {shlex.join(tests)}", err=True)


def _encoder(config: "ConfigParser"):
    """A function from image files to the encoder's features; it is loaded only when asked, which takes seconds."""

    def encode(paths: list[Path]):
        from ptmrec.images.files import open_image
        from ptmrec.model.clip_encoder import load_encoder

        return load_encoder(config).encode([open_image(path) for path in paths])

    return encode


def _answer(report: "Report", as_json: bool) -> None:
    """Print a report and end with its status."""
    say(*(report.to_json().split("\n") if as_json else report.lines()))
    if report.status:
        raise SystemExit(report.status)
