"""The commands that make the zoo and check it."""

from pathlib import Path
from typing import Any

import click

from experiments.shards import ShardRequest, shard_options
from ptmrec.cli.context import FilePath, TimeLimit, format_option, open_run, read_config, say, show


@click.command("build")
@click.option("--images", type=FilePath(), help="Folder of image sets (NPZ); default: [paths] images.")
@shard_options
@click.pass_context
def zoo_build(ctx: click.Context, images: Path | None, **shards: Any) -> None:
    """Train the models, measure them on every data set, make encoder and dataset tokens. Resumable; hours.

    With --shard a part of the models is trained and measured, by any number of machines on one artifacts folder;
    --merge makes the rest.
    """
    request = ShardRequest(**shards)
    if request.any:
        from experiments.sharded import zoo_shards

        request.handle(zoo_shards(read_config(ctx), images))
        if not request.merge:
            return
    from experiments.zoo_build.publish import build_everything

    build_everything(read_config(ctx), images)


@click.command("real")
@click.option("--images", type=FilePath(), help="Folder of image sets (NPZ); default: [paths] images.")
@click.pass_context
def zoo_real(ctx: click.Context, images: Path | None) -> None:
    """Measure the real models on every data set: ten-shot probes, estimates, costs. Resumable; an hour."""
    from experiments.zoo_build.real import build_real

    build_real(read_config(ctx), images)


@click.command("verify")
@click.option("--accept", is_flag=True, help="Write the hashes of the files as they are now.")
@click.pass_context
def zoo_verify(ctx: click.Context, accept: bool) -> None:
    """Check every hash, shape, card field and name of the committed zoo."""
    from experiments.zoo_build.manifest import write_manifest
    from experiments.zoo_build.verify import verify_zoo
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


@click.command("repeat")
@click.option("--images", type=FilePath(), help="Folder of image sets (NPZ); default: [paths] images.")
@click.option("--models", type=click.IntRange(min=1), default=5, show_default=True, help="Models to train again.")
@click.option("--targets", type=click.IntRange(min=1), default=4, show_default=True, help="Data sets for each.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the choice.")
@format_option()
@click.pass_context
def zoo_repeat(ctx: click.Context, images: Path | None, models: int, targets: int, seed: int, style: str) -> None:
    """Train and measure a few random models again and compare with what is committed."""
    from experiments.zoo_build.repeat import repeat_build

    frame = repeat_build(read_config(ctx), images, models, targets, seed).round(4)
    show(frame, style)


@click.command("reference")
@click.option("--images", type=FilePath(), help="Folder of image sets (NPZ); default: [paths] images.")
@click.pass_context
def zoo_reference(ctx: click.Context, images: Path | None) -> None:
    """Make the reference space and the sample of every data set in it."""
    from experiments.zoo_build.reference import build_reference

    say(build_reference(read_config(ctx), images))


@click.command("runs")
@click.option("--images", type=FilePath(), help="Folder of image sets (NPZ); default: [paths] images.")
@click.pass_context
def zoo_runs(ctx: click.Context, images: Path | None) -> None:
    """Fine-tune first candidates shortly on every data set. Resumable; a quarter of an hour."""
    from experiments.zoo_build.short_runs import build_short_runs

    say(build_short_runs(open_run(ctx), images))


@click.command("tuning")
@click.option("--images", type=FilePath(), help="Folder of image sets (NPZ); default: [paths] images.")
@click.option("--budget", type=TimeLimit(), multiple=True, help="Time of a search; repeatable; default: 1, 3, 10 min.")
@click.option("--seeds", type=click.IntRange(min=1), default=3, show_default=True, help="Repetitions.")
@click.pass_context
def zoo_tuning(ctx: click.Context, images: Path | None, budget: tuple[float, ...], seeds: int) -> None:
    """Compare fine-tuning within a time with simpler choices, each data set left out. Resumable; hours."""
    from experiments.studies.tune import build_tuning

    say(build_tuning(open_run(ctx), images, budget, seeds))


COMMANDS = (zoo_build, zoo_real, zoo_verify, zoo_repeat, zoo_reference, zoo_runs, zoo_tuning)
