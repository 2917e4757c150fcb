"""The commands about the zoo."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ptmrec.cli.context import FORMATS, FilePath, complain, read_config, say, show
from ptmrec.core.errors import ConfigError, PtmrecError, describe_os_error
from ptmrec.core.words import suggest

if TYPE_CHECKING:
    from ptmrec.config.sections import PathsConfig


@click.group()
def zoo() -> None:
    """Build and look at the model zoo."""


@zoo.command("list")
@click.option("--format", "style", type=click.Choice(FORMATS), default="table", show_default=True)
@click.option("--published", is_flag=True, help="List the published zoos instead, in any format.")
@click.pass_context
def zoo_list(ctx: click.Context, style: str, published: bool) -> None:
    """List the models with the facts of their cards, added ones last; zoo ls is the same.

    The table then lists published zoos, which have no weights.
    """
    from ptmrec.config.sections import PathsConfig

    paths = read_config(ctx).get(PathsConfig)
    if not published:
        _list_models(paths, style)
    if published or (style == "table" and paths.published.is_dir()):
        _list_published(paths.published, style)


zoo.add_command(zoo_list, "ls")


def _list_models(paths: "PathsConfig", style: str) -> None:
    from ptmrec.recommender.added_models import ADDED, added_snapshots
    from ptmrec.zoo.real import read_models

    cards = {snapshot.name: snapshot.card for snapshot in read_models(paths)}
    for card in (snapshot.card for snapshot in added_snapshots(paths.artifacts / ADDED)):
        cards.pop(card.name, None)  # an added model takes the place of another of its name, as in recommend
        cards[card.name] = card
    cards = list(cards.values())
    if style == "ids":
        say(*(card.name for card in cards))
        return
    columns = ["name", "family", "num_params", "gmacs", "source_dataset", "source_accuracy"]
    columns += [] if style == "table" else ["licence"]
    show([{column: getattr(card, column) for column in columns} for card in cards], style)


def _list_published(folder: Path, style: str) -> None:
    from ptmrec.benchmark.published import list_published

    zoos = list_published(folder)
    if style == "ids":
        say(*(zoo.name for zoo in zoos))
        return
    rows = [
        {
            "name": zoo.name,
            "models": len(zoo.models),
            "data_sets" if style == "table" else "datasets": len(zoo.datasets),
            "regime": ", ".join(zoo.own_regimes),
            "measured": round(zoo.measured, 3),
            "source": zoo.about.origin,
        }
        for zoo in zoos
    ]
    if style == "table":
        say("", "Zoos without weights (cards and published accuracies only):")
    else:
        rows = [
            {**row, "title": zoo.about.title, "licence": zoo.about.licence} for row, zoo in zip(rows, zoos, strict=True)
        ]
    show(rows, style)


@zoo.command("add")
@click.argument("source")
@click.option("--random-weights", is_flag=True, help="Untrained weights, of timm: and open_clip: models; for tests.")
@click.pass_context
def zoo_add(ctx: click.Context, source: str, random_weights: bool) -> None:
    """Make recommend rank the models of SOURCE, too; each is run once, never fine-tuned.

    SOURCE is a folder with config.json and safetensors, a folder of such folders, a Hub id owner/name, timm:NAME or
    open_clip:NAME/TAG. Of a Hub id only JSON and safetensors are taken; without network it is looked up in the local
    cache. Pickled weights are never read. Exit status 1: some models of a folder could not be added.
    """
    from ptmrec.recommender.added_models import ModelAdder
    from ptmrec.zoo.sources import list_sources

    parts, failed = list_sources(source), 0
    adder = ModelAdder(read_config(ctx), random_weights)
    for part in parts:
        try:
            say(adder.add(part))
        except (PtmrecError, OSError) as error:
            if len(parts) == 1:
                raise
            failed += 1
            complain(PtmrecError(describe_os_error(error)) if isinstance(error, OSError) else error)
    if failed:
        say(f"{failed} of {len(parts)} models of {source} were not added, see above", err=True)
        raise SystemExit(1)


@zoo.command("records")
@click.argument("table", type=FilePath())
@click.option("--format", "style", type=click.Choice(FORMATS[:3]), default="table", show_default=True)
@click.pass_context
def zoo_records(ctx: click.Context, table: Path, style: str) -> None:
    """Check TABLE, a CSV of accuracies that somebody measured, and say what can be answered from it.

    Its columns are model, dataset, regime, metric and value: a line for each accuracy, from 0 to 1. The name of a
    regime holds probe or low_data, fine, or zero. Then: recommend my_images/ --zoo TABLE.
    """
    from ptmrec.benchmark.records import read_records
    from ptmrec.config.sections import PathsConfig
    from ptmrec.recommender.orders import describe_table

    found = read_records(table)
    folder = read_config(ctx).get(PathsConfig).published
    show([describe_table(found.select(regime), folder) for regime in found.own_regimes], style)
    for note in found.about.notes:
        say(note, err=True)
    say(f"next: ptmrec recommend my_images/ --zoo {table}", err=True)


@zoo.command("show")
@click.argument("name")
@click.pass_context
def zoo_show(ctx: click.Context, name: str) -> None:
    """Print the card of a model and its measured accuracies as JSON."""
    import json

    from ptmrec.benchmark.ground_truth import read_ground_truth
    from ptmrec.config.sections import PathsConfig
    from ptmrec.recommender.added_models import ADDED, added_snapshots
    from ptmrec.zoo.real import read_models

    paths = read_config(ctx).get(PathsConfig)
    cards = {snapshot.name: snapshot.card for snapshot in read_models(paths, installed_only=False)}
    measured = set(cards)
    cards |= {snapshot.name: snapshot.card for snapshot in added_snapshots(paths.artifacts / ADDED)}
    if name not in cards:
        raise ConfigError(f"no model {name!r} in the zoo{suggest(name, cards)}")
    accuracies = {}
    if name in measured:
        truth = read_ground_truth(paths.ground_truth, [card for card in cards if card in measured])
        column = truth.models.index(name)
        accuracies = {
            regime: {dataset: _number(row[column]) for dataset, row in zip(truth.datasets, matrix, strict=True)}
            for regime, matrix in truth.accuracy.items()
        }
    say(*json.dumps({**cards[name].to_dict(), "measured_accuracy": accuracies}, indent=1).split("\n"))


def _number(value: float) -> float | None:
    """A number as JSON has it: null in place of NaN."""
    return float(value) if value == value else None
