"""The command line. Everything heavy is imported inside the commands, so that help answers at once."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ptmrec.config.sections import REGIMES
from ptmrec.errors import ConfigError, PtmrecError

if TYPE_CHECKING:
    import pandas as pd

    from ptmrec.config.parser import ConfigParser
    from ptmrec.config.sections import PathsConfig

FORMATS = ("table", "json", "csv", "ids")
GLOBAL_OPTIONS = ("--config", "--profile", "--set")


class _Group(click.Group):
    """Shows an error a user can mend as one line, with exit status 2, and takes its options after the command too."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, _options_first(args))

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except PtmrecError as error:
            raise click.exceptions.Exit(_complain(error)) from None


def _options_first(arguments: list[str]) -> list[str]:
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


def _complain(error: PtmrecError) -> int:
    click.echo(f"Error: {' '.join(str(error).split())}", err=True)
    return 2


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
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


def _config(ctx: click.Context) -> "ConfigParser":
    from ptmrec.config.parser import ConfigParser

    pairs = [setting.partition("=") for setting in ctx.obj["settings"]]
    wrong = [name for name, equals, _ in pairs if not equals]
    if wrong:
        raise ConfigError(f"--set {wrong[0]}: write SECTION.KEY=VALUE, for example ranker.epochs=3")
    return ConfigParser(ctx.obj["path"], ctx.obj["profile"], {name: value for name, _, value in pairs})


def _project(ctx: click.Context):
    from ptmrec.workflow.project import Project, prepare_torch

    prepare_torch()
    return Project(_config(ctx))


def _show(data: "pd.DataFrame | list[dict[str, Any]]", style: str = "table") -> None:
    """Print a frame or rows to stdout: a rich table on a terminal, plain text in a pipe, or data.

    A table has spaces for the underscores of the column names.
    """
    from ptmrec.report.text import format_cells, format_rows

    rows = data if isinstance(data, list) else data.to_dict("records")
    if style == "table":
        rows = [{name.replace("_", " "): value for name, value in row.items()} for row in rows]
    if style != "table" or not rows or not sys.stdout.isatty():
        click.echo(format_rows(rows, style))
        return
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    cells = format_cells(rows)
    for index, column in enumerate(cells):  # names come first and must never be cut short
        table.add_column(column, no_wrap=index < 2, overflow="fold")
    for row in zip(*cells.values(), strict=True):
        table.add_row(*row)
    Console().print(table)


@main.command()
@click.option("--notebooks", type=click.Path(path_type=Path), help="Folder of the notebooks; default: notebooks/.")
@click.pass_context
def reproduce(ctx: click.Context, notebooks: Path | None) -> None:
    """Run notebooks 01 to 05: tokens, training, evaluation, figures and tables."""
    from ptmrec.workflow.notebooks import reproduce as run

    config = _config(ctx)
    overrides = {name: value for name, _, value in (setting.partition("=") for setting in ctx.obj["settings"])}
    path = ctx.obj["path"]
    parameters = {
        "profile": ctx.obj["profile"],
        "config": str(path.absolute()) if path else "",
        "overrides": overrides,
    }
    for line in run(config, notebooks or config.root / "notebooks", parameters):
        click.echo(line)


@main.group()
def zoo() -> None:
    """Build and look at the model zoo."""


@zoo.command("build")
@click.option("--images", type=click.Path(path_type=Path), help="Folder of image sets (NPZ); default: [paths] images.")
@click.pass_context
def zoo_build(ctx: click.Context, images: Path | None) -> None:
    """Train the models, measure them on every data set, make encoder and dataset tokens. Resumable; hours."""
    from ptmrec.builder.publish import build_everything

    build_everything(_config(ctx), images)


@zoo.command("real")
@click.option("--images", type=click.Path(path_type=Path), help="Folder of image sets (NPZ); default: [paths] images.")
@click.pass_context
def zoo_real(ctx: click.Context, images: Path | None) -> None:
    """Measure the real models on every data set: ten-shot probes, estimates, costs. Resumable; an hour."""
    from ptmrec.builder.real import build_real

    build_real(_config(ctx), images)


@zoo.command("verify")
@click.option("--accept", is_flag=True, help="Write the hashes of the files as they are now.")
@click.pass_context
def zoo_verify(ctx: click.Context, accept: bool) -> None:
    """Check every hash, shape, card field and name of the committed zoo."""
    from ptmrec.builder.manifest import write_manifest
    from ptmrec.builder.verify import verify_zoo
    from ptmrec.config.sections import PathsConfig

    paths = _config(ctx).get(PathsConfig)
    if accept:
        write_manifest(paths)
    checks = verify_zoo(paths)
    for check in checks:
        click.echo(f"{'FAILED' if check.problems else 'ok':8}{check.name}: {check.found}")
        for problem in check.problems:
            click.echo(f"        {problem}")
    if any(check.problems for check in checks):
        raise SystemExit(1)


@zoo.command("repeat")
@click.option("--images", type=click.Path(path_type=Path), help="Folder of image sets (NPZ); default: [paths] images.")
@click.option("--models", type=click.IntRange(min=1), default=5, show_default=True, help="Models to train again.")
@click.option("--targets", type=click.IntRange(min=1), default=4, show_default=True, help="Data sets for each.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the choice.")
@click.option("--format", "style", type=click.Choice(FORMATS[:3]), default="table", show_default=True)
@click.pass_context
def zoo_repeat(ctx: click.Context, images: Path | None, models: int, targets: int, seed: int, style: str) -> None:
    """Train and measure a few random models again and compare with what is committed."""
    from ptmrec.builder.repeat import repeat_build

    frame = repeat_build(_config(ctx), images, models, targets, seed).round(4)
    _show(frame, style)


@zoo.command("list")
@click.option("--format", "style", type=click.Choice(FORMATS), default="table", show_default=True)
@click.option("--published", is_flag=True, help="List the published zoos instead, in any format.")
@click.pass_context
def zoo_list(ctx: click.Context, style: str, published: bool) -> None:
    """List the models with what their cards say; the table then lists published zoos, which have no weights."""
    from ptmrec.config.sections import PathsConfig

    paths = _config(ctx).get(PathsConfig)
    if not published:
        _list_models(paths, style)
    if published or (style == "table" and paths.published.is_dir()):
        _list_published(paths.published, style)


def _list_models(paths: "PathsConfig", style: str) -> None:
    from ptmrec.zoo.real import read_models

    cards = [snapshot.card for snapshot in read_models(paths)]
    if style == "ids":
        click.echo("\n".join(card.name for card in cards))
        return
    columns = ["name", "family", "num_params", "gmacs", "source_dataset", "source_accuracy"]
    columns += [] if style == "table" else ["licence"]
    _show([{column: getattr(card, column) for column in columns} for card in cards], style)


def _list_published(folder: Path, style: str) -> None:
    from ptmrec.benchmark.published import list_published

    zoos = list_published(folder)
    if style == "ids":
        click.echo("\n".join(zoo.name for zoo in zoos))
        return
    rows = [
        {
            "name": zoo.name,
            "models": len(zoo.models),
            "data_sets" if style == "table" else "datasets": len(zoo.datasets),
            "regime": zoo.about.regime,
            "measured": round(zoo.measured, 3),
            "source": zoo.about.origin,
        }
        for zoo in zoos
    ]
    if style == "table":
        click.echo("\nZoos without weights (cards and published accuracies only):")
    else:
        rows = [
            {**row, "title": zoo.about.title, "licence": zoo.about.licence} for row, zoo in zip(rows, zoos, strict=True)
        ]
    _show(rows, style)


@zoo.command("transcribe")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.pass_context
def zoo_transcribe(ctx: click.Context, folder: Path) -> None:
    """Write the published zoos again from the CSV tables in DIR."""
    from ptmrec.builder.transcribe import transcribe
    from ptmrec.config.sections import PathsConfig

    for path in transcribe(folder, _config(ctx).get(PathsConfig).published):
        click.echo(path)


@zoo.command("show")
@click.argument("name")
@click.pass_context
def zoo_show(ctx: click.Context, name: str) -> None:
    """Print the card of a model and its measured accuracies as JSON."""
    import difflib
    import json

    from ptmrec.benchmark.ground_truth import read_ground_truth
    from ptmrec.config.sections import PathsConfig
    from ptmrec.zoo.real import read_models

    paths = _config(ctx).get(PathsConfig)
    cards = {snapshot.name: snapshot.card for snapshot in read_models(paths, installed_only=False)}
    if name not in cards:
        near = difflib.get_close_matches(name, cards, n=1)
        raise ConfigError(f"no model {name!r} in the zoo" + (f"; did you mean {near[0]}?" if near else ""))
    truth = read_ground_truth(paths.ground_truth, list(cards))
    column = truth.models.index(name)
    measured = {
        regime: {dataset: _number(row[column]) for dataset, row in zip(truth.datasets, matrix, strict=True)}
        for regime, matrix in truth.accuracy.items()
    }
    click.echo(json.dumps({**cards[name].to_dict(), "measured_accuracy": measured}, indent=1))


def _number(value: float) -> float | None:
    """JSON knows no NaN: what was not measured is null."""
    return float(value) if value == value else None


@main.command()
@click.option("--datasets", is_flag=True, help="Make the dataset tokens instead; needs the image sets.")
@click.option("--images", type=click.Path(path_type=Path), help="Folder of image sets (NPZ); default: [paths] images.")
@click.pass_context
def extract(ctx: click.Context, datasets: bool, images: Path | None) -> None:
    """Extract the views of every model of the zoo."""
    if datasets:
        from ptmrec.builder.publish import rebuild_dataset_tokens

        click.echo(rebuild_dataset_tokens(_config(ctx), images))
    else:
        click.echo(_project(ctx).embed())


@main.command()
@click.argument("name", type=click.Choice(("autoencoder", "ranker"), case_sensitive=False))
@click.pass_context
def train(ctx: click.Context, name: str) -> None:
    """Train the autoencoder or the rankers; goes on where it was stopped."""
    project = _project(ctx)
    if name == "autoencoder":
        click.echo(project.train_autoencoder())
    else:
        project.recommender()
        click.echo(project.recommender_folder)


@main.command()
@click.option("--format", "style", type=click.Choice(FORMATS[:3]), default="table", show_default=True)
@click.pass_context
def evaluate(ctx: click.Context, style: str) -> None:
    """Compare the ranker with static lists and estimators on known and blind data sets."""
    from ptmrec.config.sections import EvaluationConfig
    from ptmrec.evaluation.compare import summarise
    from ptmrec.workflow.comparison import OURS, compare_methods

    project = _project(ctx)
    frame, settings = compare_methods(project, project.recommender()), project.config.get(EvaluationConfig)
    summary = summarise(frame, OURS, settings.bootstrap_draws, settings.level).round(3)
    brief = ["method", "group", "regime", "tau_w", "tau_w_low", "tau_w_high", "gain", "gain_low", "gain_high"]
    _show(summary[brief] if style == "table" else summary, style)


@main.command()
@click.argument("dataset", type=click.Path(path_type=Path))
@click.option("-n", "count", type=click.IntRange(min=1), default=10, show_default=True, help="Models to show.")
@click.option("--format", "style", type=click.Choice(FORMATS), default="table", show_default=True)
@click.option(
    "--regime",
    type=click.Choice([name.replace("_", "-") for name in REGIMES]),
    help="What you plan to do; default: by the number of images.",
)
@click.option("--zoo", "zoo_folder", type=click.Path(path_type=Path), help="Folder of model snapshots to rank.")
@click.option("--skip-unreadable", is_flag=True, help="Leave out images that do not decode.")
@click.pass_context
def recommend(
    ctx: click.Context,
    dataset: Path,
    count: int,
    style: str,
    regime: str | None,
    zoo_folder: Path | None,
    skip_unreadable: bool,
) -> None:
    """Rank models for DATASET: a folder with one sub-folder per class, a folder of images, or an NPZ image set.

    Of a folder split into train/, val/ and test/ the training part is used. An NPZ holds train_images and
    train_labels, or images and labels: images (n, height, width, 3) uint8, labels whole numbers or text; both may
    name their classes in class_names.
    """
    from ptmrec.recommender.ranking import recommend as run

    found = run(
        dataset,
        regime=regime and regime.replace("-", "_"),
        zoo=zoo_folder,
        config=_config(ctx),
        skip_unreadable=skip_unreadable,
    )
    if style == "ids":
        click.echo("\n".join(found.frame["model"].head(count)))
    elif style == "table":
        _show(found.readable(count))
    else:
        _show(found.frame.head(count).round({"score": 3, "expected_accuracy": 3, "accuracy_std": 3}), style)
    for line in filter(None, (found.describe_tie(), found.describe())):
        click.echo(line, err=True)


@main.command()
@click.option("--format", "style", type=click.Choice(FORMATS[:3]), default="table", show_default=True)
@click.pass_context
def config(ctx: click.Context, style: str) -> None:
    """Print every configuration value and where it came from."""
    rows = _config(ctx).rows()
    if style == "table":
        for section, key, value, source in rows:
            click.echo(f"[{section}] {key} = {value}    ({source})")
        return
    columns = ("section", "key", "value", "source")
    _show([dict(zip(columns, map(str, row), strict=True)) for row in rows], style)
