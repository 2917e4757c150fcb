"""The commands for a user's images: recommend, and doctor, which checks the installation."""

import shlex
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ptmrec.cli.context import FilePath, TimeLimit, ask_again, format_option, read_config, say, show, typed_path
from ptmrec.cli.examples import Grouped
from ptmrec.config.sections import MEASURES, PRESETS, PROBED, REGIMES, PathsConfig
from ptmrec.core.text import format_rows
from ptmrec.core.words import short_count, visible
from ptmrec.hardware.limits import LIMITS

if TYPE_CHECKING:
    import numpy as np

    from ptmrec.config.parser import ConfigParser
    from ptmrec.recommender.recommendation import Recommendation

SHOWING = ("output", "style", "why", "pareto", "model")
"""Options that show an answer, which the next command leaves out."""
NOT_TUNED = ("count", "regime", "preset", "verify", "time_limit", "measure", "measured", "yes")
"""Options that ``ptmrec tune`` has not, or not in this sense."""


def limit_options(command: Callable | click.Command) -> Callable | click.Command:
    """Give a command one option for each limit of the table."""
    for limit in reversed(LIMITS.values()):
        option = click.option(limit.option, limit.name, metavar=limit.typed, help=f"Hard limit on {limit.about}.")
        command = option(command)
    return command


@click.command(cls=Grouped)
@click.argument("dataset", type=FilePath(), required=False)
@click.option("--demo", is_flag=True, help="Answer for committed images instead of your own.")
@click.option("--labels", type=FilePath(), help="CSV of file names and labels for a folder of images.")
@click.option("-n", "count", type=click.IntRange(min=1), default=5, show_default=True, help="Models to show.")
@format_option(ids=True)
@click.option("-o", "output", type=FilePath(), help="Also write FILE: .json, .csv, .html, .png.")
@click.option(
    "--regime",
    type=click.Choice([*(name.replace("_", "-") for name in REGIMES), "zero-shot"]),
    help="What you plan to do; default: by the number of images.",
)
@click.option(
    "--zoo",
    type=FilePath(as_text=True),
    metavar="NAME",
    help="Folder of models to rank; real (installed ImageNet models); hf180, openclip121, vtab1k, mieb, timm "
    "(published records); a CSV of records.",
)
@click.option("--skip-unreadable", is_flag=True, help="Leave out images that do not decode.")
@click.option("--preset", type=click.Choice(PRESETS), help="Run 0, 3 or 8 of the first candidates on the images.")
@click.option("--verify", type=click.IntRange(min=1), help="Run this many of the first candidates on the images.")
@click.option("--time-limit", type=TimeLimit(), help="Run first candidates for so long, such as 60s or 2m.")
@click.option("--yes", is_flag=True, help="Download the models of a published zoo that --verify runs, unasked.")
@limit_options
@click.option("--device", metavar="NAME", help="Whose costs count, such as 'Raspberry Pi 5'; default: this machine.")
@click.option(
    "--measure",
    type=click.Choice(MEASURES),
    default="none",
    show_default=True,
    help="Measure the models shown, or all, on this machine before they are named.",
)
@click.option(
    "--measured",
    multiple=True,
    metavar="MODEL=0.83",
    help="An accuracy you measured, 0.83/400 with the number of test images, or a CSV of them; may be repeated.",
)
@click.option("--pareto", is_flag=True, help="Show the models of which none is as good at less latency.")
@click.option("--why", is_flag=True, help="Say why the first models rank where they do.")
@click.option("--explain", "model", metavar="MODEL", help="Say why this model ranks where it does.")
@click.pass_context
def recommend(
    ctx: click.Context,
    dataset: Path | None,
    demo: bool,
    labels: Path | None,
    count: int,
    style: str,
    output: Path | None,
    pareto: bool,
    why: bool,
    model: str | None,
    yes: bool,
    **options,
) -> None:
    """Rank models for DATASET: a folder with one sub-folder per class, a folder of images, or an NPZ image set.

    Of a folder split into train/, val/ and test/ the training part is used. An NPZ holds train_images and
    train_labels, or images and labels: images (n, height, width, 3) uint8, labels whole numbers or text; both may
    name their classes in class_names.

    Exit status: 0, 2 for a mistake in the call, 3 when no model is left, 4 for images or labels that cannot be used.
    """
    if (dataset is None) != demo:
        raise click.UsageError("give a folder of images, or --demo")
    if demo and labels is not None:
        raise click.UsageError("--demo has labels of its own; leave --labels away")
    from ptmrec.recommender.export import check_ending
    from ptmrec.recommender.request import recommend as run

    if output is not None:
        check_ending(output)
    config, images = read_config(ctx), dataset
    if demo:
        images, labels = demo_images(config)
    found = run(images, labels, n=count, config=config, download=yes or _asks(), **options)
    reasons = (*([found.explain(model)] if model else ()), *(found.reasons if why else ()))
    typed = ctx.get_parameter_source("count") is click.core.ParameterSource.COMMANDLINE
    shown = count if typed or not pareto else None  # all of the front, unless a number is asked for
    if output is not None:
        found.save(output, pareto, shown)
    _answer(found, style, shown, pareto)
    explained = (f"why {reason.sentence(found.class_names)}" for reason in reasons)
    say(*explained, *found.remarks(), *_next(ctx, found, output), err=True)


def _asks() -> bool | Callable[[str], bool]:
    """A function that asks a person on a terminal; False elsewhere."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    return lambda question: click.confirm(visible(question), default=True, err=True)


def _answer(found: "Recommendation", style: str, count: int | None, pareto: bool) -> None:
    if style == "ids":
        say(*found.leaderboard(all_models=True, only_pareto=pareto)["model"].iloc[:count])
    elif style == "json":
        say(*found.to_json(count, pareto).split("\n"))
    elif style == "csv":
        show(found.leaderboard(count=count, only_pareto=pareto).round(3), style)
    else:
        show(found.readable(count, only_pareto=pareto))


def _next(ctx: click.Context, found: "Recommendation", output: Path | None) -> list[str]:
    """Lines about the file that was written and the next command: the same question, one step further."""
    lines = [f"written: {output}"] if output is not None else []
    smallest = found.request.images.smallest_class  # a probe learns from some images of a class and judges on others
    able, run = found.num_classes > 1 and smallest > 1, found.verification
    if not found.runnable and able and (run is None or not run.passes):
        further = ask_again(ctx, SHOWING, verify=found.request.verify or 3, yes=True)
        return [*lines, f"next: {further}   # downloads these models and runs them on the images"]
    if not found.runnable:
        first = found.ranking.following.get("models", [found.best])[0] if run is None else found.best
        source = str(found.frame.set_index("model").loc[first, "source"])
        return [*lines, f"next: {shlex.join(['ptmrec', 'zoo', 'add', source])}   # needs a network"]
    lines += _elsewhere(ctx, found) if found.trusted else _doubted(ctx)
    if able and found.regime != PROBED and run is not None and not ctx.params["demo"]:
        further = ask_again(ctx, (*SHOWING, *NOT_TUNED), "tune", output="my_model")
        return [*lines, f"next: {further}   # fine-tunes the best"]
    if able and run is None:
        further = ask_again(ctx, SHOWING, preset="balanced")
        which = "the first three" if len(found) > 3 else "all" if len(found) > 1 else "it"
        how = f"runs {which} on the images" if found.regime == PROBED else f"fine-tunes {which} shortly"
        return [*lines, f"next: {further}   # {how}"]
    return [*lines, f"next: {ask_again(ctx, SHOWING, model=found.best)}"]


def _elsewhere(ctx: click.Context, found: "Recommendation") -> list[str]:
    """Published models that are worth a download, for an answer on those that are here."""
    if found.request.zoo is not None or ctx.params["demo"] or found.num_classes < 2:
        return []
    from ptmrec.recommender.published import WIELDY, worth_fetching

    zoo, names = worth_fetching(found.request)
    bound = {} if "max_params" in found.request.limits else {"max_params": short_count(WIELDY)}
    command = ask_again(ctx, (*SHOWING, "preset", "measured"), zoo=zoo, **bound, verify=3)
    return [f"published, worth a download: {', '.join(names)}; {command}   # asks before it downloads"] if names else []


def _doubted(ctx: click.Context) -> list[str]:
    """The command that looks for what is wrong with a folder of images, for an answer not to be relied on."""
    folder, labels = ctx.params["dataset"], ctx.params["labels"]
    if folder is None or not Path(folder).is_dir():
        return []
    words = ["ptmrec", "inspect", "data", typed_path(folder), *(["--labels", str(labels)] if labels else [])]
    return [f"check: {shlex.join(words)}   # looks for what is wrong with images and labels"]


def demo_images(config: "ConfigParser") -> "tuple[np.ndarray, list[str]]":
    """The committed images the demo asks about, and their classes."""
    from ptmrec.benchmark.battery import DEMO, read_battery

    part = read_battery(config.get(PathsConfig).battery)[DEMO]
    return part.images, [part.class_names[label] for label in part.labels]


def demo_text(config: "ConfigParser") -> str:
    """Answer of ``ptmrec recommend --demo --zoo real`` for the README, without seconds."""
    from ptmrec.recommender.request import recommend as run

    found = run(*demo_images(config), zoo="real", config=config)
    here = str(found.ranked_by)
    lines = (*found.remarks()[:-1], replace(found, seconds=0.0).describe().replace(here, "constants/recommender"))
    return "\n".join([format_rows(found.readable(5).to_dict("records"), "table"), *lines])


@click.command()
@format_option()
@click.pass_context
def doctor(ctx: click.Context, style: str) -> None:
    """Say what is installed, what is missing, and what works without network."""
    from ptmrec.recommender.doctor import examine

    rows = examine(read_config(ctx))
    show([row.to_dict() for row in rows], style)
    if any(row.needed and not row.works for row in rows):
        raise SystemExit(1)
