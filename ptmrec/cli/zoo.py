"""The commands about the zoo."""

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ptmrec.cli.context import FilePath, complain, format_option, read_config, say, show
from ptmrec.config.sections import PathsConfig
from ptmrec.core.errors import ConfigError, PtmrecError
from ptmrec.core.words import suggest

if TYPE_CHECKING:
    from ptmrec.zoo.feed import Asked


@click.group()
def zoo() -> None:
    """Build and look at the model zoo."""


@zoo.command("list")
@format_option(ids=True)
@click.option("--published", is_flag=True, help="List the published zoos instead, in any format.")
@click.pass_context
def zoo_list(ctx: click.Context, style: str, published: bool) -> None:
    """List the models with the facts of their cards, added ones last; zoo ls is the same.

    The table then lists published zoos, which have no weights.
    """
    paths = read_config(ctx).get(PathsConfig)
    if not published:
        _list_models(paths, style)
    if published or (style == "table" and paths.published.is_dir()):
        _list_published(paths.published, style)


zoo.add_command(zoo_list, "ls")


def _list_models(paths: PathsConfig, style: str) -> None:
    from ptmrec.recommender.added_models import all_models

    cards = [snapshot.card for snapshot in all_models(paths).values()]
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
            **({} if style == "table" else {"title": zoo.about.title, "licence": zoo.about.licence}),
        }
        for zoo in zoos
    ]
    if style == "table":
        say("", "Zoos without weights (cards and published accuracies only):")
    show(rows, style)


@zoo.command("add")
@click.argument("source")
@click.option("--random-weights", is_flag=True, help="Untrained weights, of timm:, open_clip: and torchvision: models.")
@click.option("--name", default="", help="Name of the model, without it that of its file.")
@click.option("--input-size", metavar="PIXELS", help="Height and width of its images, 224 or 256x128.")
@click.option("--features", default="", metavar="NAME", help="Output whose values are the features.")
@click.option("--mean", metavar="NUMBERS", help="Mean of its colours, one number or three, 0 to 1.")
@click.option("--std", metavar="NUMBERS", help="Their deviation.")
@click.option("--weights", default="", metavar="FILE", help="Weights of a torchvision: model, safetensors.")
@click.pass_context
def zoo_add(ctx: click.Context, source: str, random_weights: bool, **stated: str | None) -> None:
    """Make recommend rank the models of SOURCE, too; each is run once, never fine-tuned.

    SOURCE is a folder with config.json and safetensors (of timm, open_clip, transformers), a folder of such folders,
    an .onnx file, a .pt2 file (torch.export), a Hub id owner/name, timm:NAME, open_clip:NAME/TAG or torchvision:NAME.
    What a file or torchvision model does not say of itself is said by options. Of a Hub id only JSON and safetensors
    are taken; without network it is looked up in the local cache. Pickled weights are never read, and no code of a
    repository is run. A registration that was cut short goes on where it was. Exit status 1: some models of a folder
    could not be added.
    """
    from ptmrec.recommender.probing import ModelAdder
    from ptmrec.zoo.sources import list_sources

    asked = _asked(**stated) if any(stated.values()) else None
    parts, failed = list_sources(source), 0
    adder = ModelAdder(read_config(ctx), random_weights)
    for part in parts:
        try:
            say(adder.add(part, asked))
        except (PtmrecError, OSError) as error:
            if len(parts) == 1:
                raise
            failed += 1
            complain(error)
    if failed < len(parts):
        say("ranked from now on by: ptmrec recommend my_images/")
    if failed:
        say(f"{failed} of {len(parts)} models of {source} were not added, see above", err=True)
        raise SystemExit(1)


@zoo.command("records")
@click.argument("table", type=FilePath())
@format_option()
@click.pass_context
def zoo_records(ctx: click.Context, table: Path, style: str) -> None:
    """Check TABLE, a CSV of accuracies that somebody measured, and say what can be answered from it.

    Its columns are model, dataset, regime, metric and value: a line for each accuracy, from 0 to 1. The name of a
    regime holds probe or low_data, fine, or zero. Then: recommend my_images/ --zoo TABLE.
    """
    from ptmrec.benchmark.records import read_records
    from ptmrec.recommender.orders import describe_table

    found = read_records(table)
    folder = read_config(ctx).get(PathsConfig).published
    show([describe_table(found.select(regime), folder) for regime in found.own_regimes], style)
    words = ["ptmrec", "recommend", "my_images/", "--zoo", str(table)]
    say(*found.about.notes, f"next: {shlex.join(words)}", err=True)


@zoo.command("export")
@click.argument("file", type=FilePath())
@click.option("--model", "models", multiple=True, metavar="NAME", help="An added model; repeat it for several.")
@click.pass_context
def zoo_export(ctx: click.Context, file: Path, models: tuple[str, ...]) -> None:
    """Write what registration found of added models to FILE, without their weights; all of them without --model.

    Somebody else takes it over with zoo import and ranks the models without ever loading them.
    """
    from ptmrec.recommender.sharing import export_registrations

    names = export_registrations(file, models, read_config(ctx).get(PathsConfig))
    size = file.stat().st_size / 2**10
    say(f"{_count(names)} written to {file}, {size / len(names):,.0f} KiB each")


@zoo.command("import")
@click.argument("source")
@click.pass_context
def zoo_import(ctx: click.Context, source: str) -> None:
    """Make recommend rank the models of SOURCE without weights.

    SOURCE is a file of zoo export, a folder of such files, the address of one (https://...), or the Hub id owner/name
    of a repository of them; what a server states of a file, size and SHA-256, is checked before it is read.

    A registration of other weights than those of a model of its name here, of another version, or damaged is refused.
    """
    from ptmrec.recommender.sharing import import_registrations

    names = import_registrations(source, read_config(ctx).get(PathsConfig))
    say(f"{_count(names)} imported from {source}")


@zoo.command("remove")
@click.argument("name")
@click.pass_context
def zoo_remove(ctx: click.Context, name: str) -> None:
    """Take NAME, a model of zoo add or zoo import, out again.

    The files that it was added from stay where they are.
    """
    from ptmrec.recommender.added_models import ADDED, remove_added

    say(f"removed: {remove_added(read_config(ctx).get(PathsConfig).artifacts / ADDED, name)}")


def _count(names: list[str]) -> str:
    """How many registrations, or whose the only one is."""
    return f"{len(names)} registrations" if len(names) != 1 else f"the registration of {names[0]}"


def _asked(input_size: str | None, mean: str | None, std: str | None, **words: str) -> "Asked":
    """What the options say of a model."""
    from ptmrec.zoo.feed import Asked, parse_colours, parse_size

    colours = {key: parse_colours(key, text) for key, text in (("mean", mean), ("std", std)) if text}
    return Asked(input_size=parse_size(input_size) if input_size else None, **colours, **words)


@zoo.command("show")
@click.argument("name")
@click.pass_context
def zoo_show(ctx: click.Context, name: str) -> None:
    """Print the card of a model and its measured accuracies as JSON."""
    from ptmrec.benchmark.ground_truth import read_ground_truth
    from ptmrec.recommender.added_models import all_models
    from ptmrec.zoo.real import read_models

    paths = read_config(ctx).get(PathsConfig)
    models = all_models(paths, installed_only=False)
    if name not in models:
        raise ConfigError(f"no model {name!r} in the zoo{suggest(name, models)}")
    accuracies, measured = {}, [snapshot.name for snapshot in read_models(paths, installed_only=False)]
    if name in measured:
        truth = read_ground_truth(paths.ground_truth, measured)
        column = truth.models.index(name)
        accuracies = {
            regime: {dataset: _number(row[column]) for dataset, row in zip(truth.datasets, matrix, strict=True)}
            for regime, matrix in truth.accuracy.items()
        }
    say(*json.dumps({**models[name].card.to_dict(), "measured_accuracy": accuracies}, indent=1).split("\n"))


def _number(value: float) -> float | None:
    """A number as JSON has it: null in place of NaN."""
    return float(value) if value == value else None
