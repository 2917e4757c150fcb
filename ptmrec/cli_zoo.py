"""The commands about the zoo."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ptmrec.cli_context import FORMATS, complain, read_config, say, show
from ptmrec.cli_shards import ShardRequest, shard_options
from ptmrec.errors import ConfigError, PtmrecError, describe_os_error
from ptmrec.words import suggest

if TYPE_CHECKING:
    from ptmrec.config.sections import PathsConfig


@click.group()
def zoo() -> None:
    """Build and look at the model zoo."""


@zoo.command("build")
@click.option("--images", type=click.Path(path_type=Path), help="Folder of image sets (NPZ); default: [paths] images.")
@shard_options
@click.pass_context
def zoo_build(ctx: click.Context, images: Path | None, request: ShardRequest) -> None:
    """Train the models, measure them on every data set, make encoder and dataset tokens. Resumable; hours.

    With --shard a part of the models is trained and measured, by any number of machines on one artifacts folder;
    --merge makes the rest.
    """
    if request.any:
        from ptmrec.builder.zoo_shards import ZooShards

        work = ZooShards(read_config(ctx), images)
        request.handle(work)
        if request.merge:
            work.merge(request.shards)
        return
    from ptmrec.builder.publish import build_everything

    build_everything(read_config(ctx), images)


@zoo.command("real")
@click.option("--images", type=click.Path(path_type=Path), help="Folder of image sets (NPZ); default: [paths] images.")
@click.pass_context
def zoo_real(ctx: click.Context, images: Path | None) -> None:
    """Measure the real models on every data set: ten-shot probes, estimates, costs. Resumable; an hour."""
    from ptmrec.builder.real import build_real

    build_real(read_config(ctx), images)


@zoo.command("verify")
@click.option("--accept", is_flag=True, help="Write the hashes of the files as they are now.")
@click.pass_context
def zoo_verify(ctx: click.Context, accept: bool) -> None:
    """Check every hash, shape, card field and name of the committed zoo."""
    from ptmrec.builder.manifest import write_manifest
    from ptmrec.builder.verify import verify_zoo
    from ptmrec.config.sections import PathsConfig

    paths = read_config(ctx).get(PathsConfig)
    if accept:
        write_manifest(paths)
    checks = verify_zoo(paths)
    for check in checks:
        say(f"{'FAILED' if check.problems else 'ok':8}{check.name}: {check.found}")
        for problem in check.problems:
            say(f"        {problem}")
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

    frame = repeat_build(read_config(ctx), images, models, targets, seed).round(4)
    show(frame, style)


@zoo.command("list")
@click.option("--format", "style", type=click.Choice(FORMATS), default="table", show_default=True)
@click.option("--published", is_flag=True, help="List the published zoos instead, in any format.")
@click.pass_context
def zoo_list(ctx: click.Context, style: str, published: bool) -> None:
    """List the models with what their cards say, those that were added last; zoo ls is the same.

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
    from ptmrec.recommender.registered import REGISTERED, read_registered_cards
    from ptmrec.zoo.real import read_models

    cards = {snapshot.name: snapshot.card for snapshot in read_models(paths)}
    for card in read_registered_cards(paths.artifacts / REGISTERED):
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
            "regime": zoo.about.regime,
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


@zoo.command("reference")
@click.option("--images", type=click.Path(path_type=Path), help="Folder of image sets (NPZ); default: [paths] images.")
@click.pass_context
def zoo_reference(ctx: click.Context, images: Path | None) -> None:
    """Make the reference space and the sample of every data set in it."""
    from ptmrec.builder.reference import build_reference

    say(build_reference(read_config(ctx), images))


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
    from ptmrec.recommender.adding import Adder
    from ptmrec.zoo.sources import list_sources

    parts, failed = list_sources(source), 0
    adder = Adder(read_config(ctx), random_weights)
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


@zoo.command("show")
@click.argument("name")
@click.pass_context
def zoo_show(ctx: click.Context, name: str) -> None:
    """Print the card of a model and its measured accuracies as JSON."""
    import json

    from ptmrec.benchmark.ground_truth import read_ground_truth
    from ptmrec.config.sections import PathsConfig
    from ptmrec.recommender.registered import REGISTERED, read_registered_cards
    from ptmrec.zoo.real import read_models

    paths = read_config(ctx).get(PathsConfig)
    cards = {snapshot.name: snapshot.card for snapshot in read_models(paths, installed_only=False)}
    measured = set(cards)
    cards |= {card.name: card for card in read_registered_cards(paths.artifacts / REGISTERED)}
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
    """JSON knows no NaN: what was not measured is null."""
    return float(value) if value == value else None
