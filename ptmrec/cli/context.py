"""The context of all commands: errors as one line, the configuration, and tables."""

import errno
import os
import re
import shlex
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ptmrec.core.errors import ConfigError, PtmrecError, describe_os_error, one_line
from ptmrec.core.text import format_cells, format_rows
from ptmrec.core.words import visible

if TYPE_CHECKING:
    import pandas as pd

    from ptmrec.config.parser import ConfigParser
    from ptmrec.pipeline.project import Project

STOPS = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}
"""Signals that end a command; its exit status is then 128 and their number, as a shell has it."""
GLOBAL_OPTIONS = ("--config", "--profile", "--set")


class CommandGroup(click.Group):
    """Shows an error a user can mend as one line, with its exit status, and takes its options after the command too.

    Ctrl-C ends a command with 130 and SIGTERM, which batch systems send before they kill, with 143.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the group's options first, wherever they stand."""
        with _readable():
            return super().parse_args(ctx, options_first(args))

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; an error a user can mend becomes one line on stderr."""
        with _stoppable() as asked:
            try:
                with _readable():
                    return super().invoke(ctx)
            except (PtmrecError, OSError, MemoryError, KeyboardInterrupt) as error:
                if isinstance(error, OSError) and error.errno == errno.EPIPE:
                    raise  # whoever reads the output has seen enough; click ends quietly
                raise click.exceptions.Exit(_end(error, asked)) from None


@contextmanager
def _readable() -> Iterator[None]:
    """Let what click says of a command line, which repeats it, be one line that steers no terminal."""
    try:
        yield
    except click.ClickException as error:
        error.message = one_line(visible(error.message))
        raise


def _end(error: BaseException, asked: list[int]) -> int:
    """Print the reason a command ended and return its exit status; errors after a signal are consequences of it."""
    if asked or isinstance(error, KeyboardInterrupt):
        number = asked[0] if asked else signal.SIGINT
        say(f"Error: {STOPS[number]}; what was finished is kept", err=True)
        return 128 + number
    if isinstance(error, MemoryError):
        return complain(PtmrecError("not enough memory; ask for less at a time"))
    return complain(error)


class Stopped(KeyboardInterrupt):
    """A signal that a command ends of, with the status that :func:`_end` gives.

    Of a plain KeyboardInterrupt in code that C code runs, as within imports, Python makes a note when it is raised,
    and ends itself by the signal later, whoever has caught it meanwhile.
    """


@contextmanager
def _stoppable() -> Iterator[list[int]]:
    """Let SIGTERM raise as Ctrl-C does and collect the signals that came; forked processes die of them silently."""
    asked: list[int] = []
    if threading.current_thread() is not threading.main_thread():  # only the main thread may say what signals do
        yield asked
        return
    owner = os.getpid()

    def stop(number: int, _: Any) -> None:
        if os.getpid() != owner:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        asked.append(number)
        raise Stopped

    before = {number: signal.getsignal(number) for number in STOPS}
    usual = (signal.SIG_DFL, signal.default_int_handler)  # who calls this from Python may have handlers of its own
    for number in (number for number, handler in before.items() if handler in usual):
        signal.signal(number, stop)
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def format_option(ids: bool = False) -> Callable:
    """The option ``--format`` of a table, which ``ids`` may cut down to names."""
    formats = ("table", "json", "csv", *["ids"] * ids)
    return click.option("--format", "style", type=click.Choice(formats), default="table", show_default=True)


class TimeLimit(click.ParamType):
    """A time such as ``60s``, ``1.5m`` or ``500ms``, as seconds; a bare number could mean any of them."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Seconds, more than none."""
        found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(ms|s|m|min)", str(value).strip())
        seconds = float(found[1]) * {"ms": 0.001, "s": 1}.get(found[2], 60) if found else 0.0
        if not seconds:
            self.fail(f"{value!r}: write a positive time with its unit, such as 60s or 2m", param, ctx)
        return seconds


class FilePath(click.Path):
    """A path; an empty one is refused, which would be the current folder."""

    def __init__(self, as_text: bool = False) -> None:
        super().__init__(path_type=str if as_text else Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path, as text for options that take names as well."""
        if not str(value).strip():
            self.fail("an empty path; name a folder or file, or . for the current folder", param, ctx)
        return super().convert(value, param, ctx)


def options_first(arguments: list[str]) -> list[str]:
    """The options of the group, wherever they stand, in front of the command; nothing after ``--`` is touched."""
    front, rest = [], []
    left = iter(arguments)
    for argument in left:
        if argument == "--":
            rest += [argument, *left]
        elif argument in GLOBAL_OPTIONS:
            value = next(left, None)
            if value is None:
                raise click.UsageError(f"Option '{argument}' requires an argument.")
            front += [argument, value]
        elif argument.startswith(tuple(f"{option}=" for option in GLOBAL_OPTIONS)):
            front.append(argument)
        else:
            rest.append(argument)
    return front + rest


def ask_again(ctx: click.Context, without: Sequence[str] = (), command: str = "", **changes: str) -> str:
    """The command that was given, quoted for a shell, with some of its options changed.

    Args:
        ctx: of the command.
        without: names of parameters that are left out.
        command: another one, that takes all that is left.
        changes: name of a parameter -> its value, after all others.
    """
    words = []
    for source, skipped in ((ctx.parent, ()), (ctx, {*without, *changes})):
        words.append("ptmrec" if source is ctx.parent else command or str(source.info_name))
        for param in source.command.params if source else ():
            given = source.get_parameter_source(param.name) is click.core.ParameterSource.COMMANDLINE
            if given and param.name not in skipped:
                words += _written(param, source.params[param.name])
    for name, value in changes.items():
        words += _written(next(param for param in ctx.command.params if param.name == name), value)
    return shlex.join(words)


def typed_path(path: object) -> str:
    """A path as it is typed: a dash at its beginning would make an option of it."""
    return f"./{path}" if str(path).startswith("-") else str(path)


def _written(param: click.Parameter, value: Any) -> list[str]:
    """A parameter as it is typed."""
    if isinstance(param, click.Argument):
        return [typed_path(value)]
    name = max(param.opts, key=len)
    if param.is_flag:
        return [name] * bool(value)
    values = value if param.multiple else [value]
    return [word for one in values for word in (name, f"{one:g}s" if isinstance(param.type, TimeLimit) else str(one))]


def say(*lines: object, err: bool = False) -> None:
    """Write lines to stdout, or stderr; whatever stands in one, it stays one line and steers no terminal."""
    if lines:
        click.echo("\n".join(map(visible, lines)), err=err)


def complain(error: PtmrecError | OSError) -> int:
    """Write an error to stderr as one line and give the exit status."""
    error = PtmrecError(describe_os_error(error)) if isinstance(error, OSError) else error
    say(f"Error: {one_line(error)}", err=True)
    return error.status


def read_config(ctx: click.Context) -> "ConfigParser":
    """The configuration that ``--config``, ``--profile`` and ``--set`` ask for.

    Raises:
        ConfigError: a setting without a value, or one the configuration refuses.
    """
    from ptmrec.config.parser import ConfigParser

    pairs = [setting.partition("=") for setting in ctx.obj["settings"]]
    wrong = [name for name, equals, _ in pairs if not equals]
    if wrong:
        raise ConfigError(f"--set {wrong[0]}: write SECTION.KEY=VALUE, for example ranker.epochs=3")
    return ConfigParser(ctx.obj["path"], ctx.obj["profile"], {name: value for name, _, value in pairs})


def open_run(ctx: click.Context) -> "Project":
    """The project of that configuration, ready to run."""
    from ptmrec.pipeline.project import Project, prepare_torch

    prepare_torch()
    return Project(read_config(ctx))


def show(data: "pd.DataFrame | list[dict[str, Any]]", style: str = "table") -> None:
    """Print a frame or rows to stdout: a rich table on a terminal, plain text in a pipe, or data.

    A table has spaces for the underscores of the column names.
    """
    rows = data if isinstance(data, list) else data.to_dict("records")
    if style == "table":
        rows = [{name.replace("_", " "): value for name, value in row.items()} for row in rows]
    if style != "table" or not rows or not sys.stdout.isatty():
        say(*format_rows(rows, style).split("\n"))
        return
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    cells = format_cells(rows)
    for index, column in enumerate(cells):  # names come first and must never be cut short
        table.add_column(Text(visible(column)), no_wrap=index < 2, overflow="fold")
    for row in zip(*cells.values(), strict=True):
        table.add_row(*map(Text, row))  # as it is: in brackets of a licence rich would see its own markup
    Console().print(table)
