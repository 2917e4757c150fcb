"""The commands of the runs behind the thesis: they join ptmrec's own where this package is installed.

Everything heavy is imported inside the commands, so that help answers at once.
"""

from pathlib import Path
from typing import Any

import click

from experiments.cli_zoo import COMMANDS as ZOO_COMMANDS
from experiments.shards import ShardRequest, shard_options
from ptmrec.cli.context import FilePath, format_option, open_run, read_config, say, show
from ptmrec.cli.recommend import demo_text
from ptmrec.core.errors import ConfigError
from ptmrec.core.processes import is_main


@click.command()
@click.option("--notebooks", type=FilePath(), help="Folder of the notebooks; default: notebooks/.")
@click.pass_context
def reproduce(ctx: click.Context, notebooks: Path | None) -> None:
    """Run notebooks 01 to 06: tokens, training, evaluation, figures and tables, published benchmarks."""
    from experiments.notebooks import reproduce as run

    config = read_config(ctx)
    overrides = {name: value for name, _, value in (setting.partition("=") for setting in ctx.obj["settings"])}
    path = ctx.obj["path"]
    parameters = {
        "profile": ctx.obj["profile"],
        "config": str(path.absolute()) if path else "",
        "overrides": overrides,
    }
    for line in run(config, notebooks or config.root / "notebooks", parameters):
        say(line)


@click.command()
@click.option("--datasets", is_flag=True, help="Make the dataset tokens instead; needs the image sets.")
@click.option("--images", type=FilePath(), help="Folder of image sets (NPZ); default: [paths] images.")
@shard_options
@click.pass_context
def extract(ctx: click.Context, datasets: bool, images: Path | None, **shards: Any) -> None:
    """Extract the views of every model of the zoo, train the autoencoder and make the model tokens.

    With --shard only views of a part of the models are made, by any number of machines on one artifacts folder, in
    any order; --merge then goes on as if this machine had made them all. A shard that is done is not done again.
    """
    request = ShardRequest(**shards)
    if datasets and request.given:
        raise ConfigError("--datasets is not done in shards; leave --shard, --shards, --status and --merge out")
    if request.any and not datasets:
        from experiments.sharded import merge_views, view_shards

        project = open_run(ctx)
        work = view_shards(project)
        request.handle(work)
        if request.merge:
            merge_views(project, work)
            say(project.embed())
    elif datasets:
        from experiments.zoo_build.publish import rebuild_dataset_tokens

        say(rebuild_dataset_tokens(read_config(ctx), images))
    else:
        say(open_run(ctx).embed())


@click.command()
@click.argument("name", type=click.Choice(("autoencoder", "ranker"), case_sensitive=False))
@click.pass_context
def train(ctx: click.Context, name: str) -> None:
    """Train the autoencoder or the rankers; goes on where it was stopped.

    Started by accelerate launch --multi_gpu --num_processes N -m ptmrec, on GPUs or CPUs, each process takes its
    part of every batch. (accelerate's own --cpu starts one process, whatever N is, where there is no MPI.)
    """
    project = open_run(ctx)
    if name == "autoencoder":
        answer = project.train_autoencoder()
    else:
        project.recommender()
        answer = project.recommender_folder
    if is_main():
        say(answer)


@click.command()
@format_option()
@click.option("--crossed", is_flag=True, help="Leave data sets and families out in turn instead of the fixed split.")
@click.option(
    *("--suite", "suite"),
    type=click.Choice(("own", "published")),
    default="own",
    show_default=True,
    help="published: real models by the records of others, without weights and images (minutes).",
)
@click.pass_context
def evaluate(ctx: click.Context, style: str, crossed: bool, suite: str) -> None:
    """Compare the ranker with static lists and estimators on known and blind data sets."""
    if suite == "published":
        _evaluate_published(ctx, style, crossed)
        return
    from experiments.evaluation.compare import summarise
    from experiments.studies.comparison import OURS, compare_methods
    from experiments.studies.crossed import CrossedEvaluation
    from experiments.studies.quadrants import SHIPPED, run_quadrants, seed_means
    from ptmrec.config.sections import EvaluationConfig

    project = open_run(ctx)
    if crossed:
        frame = seed_means(run_quadrants(CrossedEvaluation(project)))
    else:
        frame = compare_methods(project, project.recommender())
    settings = project.config.get(EvaluationConfig)
    summary = summarise(frame, SHIPPED if crossed else OURS, settings.bootstrap_draws, settings.level).round(3)
    brief = ["method", "group", "regime", "tau_w", "tau_w_low", "tau_w_high", "gain", "gain_low", "gain_high"]
    show(summary[brief] if style == "table" else summary, style)


def _evaluate_published(ctx: click.Context, style: str, crossed: bool) -> None:
    from experiments.studies.published import headlines, run_published, save_published, summarise_published

    if crossed:
        raise click.UsageError("--crossed is of our own zoo; leave it out with --suite published")
    config = read_config(ctx)
    frame = run_published(config)
    summary = summarise_published(config, frame)
    save_published(config, frame, summary)
    summary = summary.round(3)
    brief = ["method", "benchmark", "protocol", "metric", "value", "low", "high", "gain", "gain_low", "gain_high"]
    show(headlines(summary)[brief] if style == "table" else summary, style)


@click.command()
@click.pass_context
def thesis(ctx: click.Context) -> None:
    """Build the thesis's PDF from the last run's results; says what is missing or stale."""
    from experiments.thesis.build import build_thesis
    from ptmrec.pipeline.committed import ProjectFiles

    files = ProjectFiles(read_config(ctx))
    say(build_thesis(files.config, [files.cards[name] for name in files.embedded]))


@click.command()
@click.option("--copy", is_flag=True, help="Copy the results of the last run to constants/results first.")
@click.pass_context
def readme(ctx: click.Context, copy: bool) -> None:
    """Write the numbers of README.md and docs/ and draw their figures anew, from constants/results."""
    from experiments.report.readme import copy_results, write_pages
    from ptmrec.config.sections import PathsConfig
    from ptmrec.core.files import write_text

    config = read_config(ctx)
    paths = config.get(PathsConfig)
    folder = config.root / "constants" / "results"
    if copy:
        answer = demo_text(config)  # first, as it may be refused
        copy_results(paths.artifacts, folder)
        write_text(folder / "demo.txt", answer + "\n")
    say(*write_pages(config.root, folder, paths.figures))


def join(main: click.Group) -> None:
    """Add the commands to those of ptmrec; named in pyproject.toml as an entry point."""
    for command in (reproduce, extract, train, evaluate, thesis, readme):
        main.add_command(command)
    for command in ZOO_COMMANDS:
        main.commands["zoo"].add_command(command)
