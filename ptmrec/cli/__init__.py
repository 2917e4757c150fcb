"""The command line. Everything heavy is imported inside the commands, so that help answers at once."""

from importlib.metadata import entry_points
from pathlib import Path

import click

from ptmrec.cli.context import CommandGroup, format_option, read_config, say, show
from ptmrec.cli.examples import add_examples
from ptmrec.cli.hardware import measure, plan
from ptmrec.cli.inspect import inspect, new
from ptmrec.cli.recommend import doctor, recommend
from ptmrec.cli.tune import predict, tune
from ptmrec.cli.zoo import zoo


class JoinedGroup(CommandGroup):
    """Commands, and those that other packages add once one is asked for: at import theirs may be half imported."""

    joined = False

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of all commands."""
        self._join()
        return super().list_commands(ctx)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """The command of a name."""
        self._join()
        return super().get_command(ctx, name)

    def _join(self) -> None:
        if not self.joined:
            self.joined = True
            join_commands(self)


@click.group(cls=JoinedGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="ptmrec")
@click.option("--config", "path", type=click.Path(path_type=Path), help="Configuration file; default: config.ini.")
@click.option("--profile", default="default", show_default=True, help="Profile of the configuration (smoke: seconds).")
@click.option("--set", "settings", multiple=True, metavar="SECTION.KEY=VALUE", help="Override a value; repeatable.")
@click.pass_context
def main(ctx: click.Context, path: Path | None, profile: str, settings: tuple[str, ...]) -> None:
    """Cross-Select: rank pre-trained models for a dataset before any fine-tuning.

    The options below may stand before or after the command.
    """
    ctx.obj = {"path": path, "profile": profile, "settings": settings}


for command in (recommend, tune, predict, measure, plan, inspect, new, doctor, zoo):
    main.add_command(command)


@main.command()
@format_option()
@click.pass_context
def config(ctx: click.Context, style: str) -> None:
    """Print every configuration value and where it came from."""
    rows = read_config(ctx).rows()
    if style == "table":
        for section, key, value, source in rows:
            say(f"[{section}] {key} = {value}    ({source})")
        return
    columns = ("section", "key", "value", "source")
    show([dict(zip(columns, map(str, row), strict=True)) for row in rows], style)


add_examples(main)


def join_commands(group: click.Group) -> None:
    """Let other packages add their commands: those that made the thesis do so in a clone, a wheel has none of them."""
    for point in entry_points(group="ptmrec.commands"):
        try:
            point.load()(group)
        except ModuleNotFoundError as error:
            if error.name != point.module.partition(".")[0]:
                raise
