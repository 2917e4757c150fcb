"""The command line. Everything heavy is imported inside the commands, so that help answers at once."""

from pathlib import Path

import click

from ptmrec.cli_context import FORMATS, CommandGroup, open_run, read_config, say, show
from ptmrec.cli_hardware import measure, plan
from ptmrec.cli_inspect import inspect, new
from ptmrec.cli_recommend import demo_text, doctor, recommend
from ptmrec.cli_shards import ShardRequest, shard_options
from ptmrec.cli_zoo import zoo
from ptmrec.errors import ConfigError
from ptmrec.processes import is_main


@click.group(cls=CommandGroup, context_settings={"help_option_names": ["-h", "--help"]})
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


for command in (recommend, measure, plan, inspect, new, doctor, zoo):
    main.add_command(command)


@main.command()
@click.option("--notebooks", type=click.Path(path_type=Path), help="Folder of the notebooks; default: notebooks/.")
@click.pass_context
def reproduce(ctx: click.Context, notebooks: Path | None) -> None:
    """Run notebooks 01 to 06: tokens, training, evaluation, figures and tables, published benchmarks."""
    from ptmrec.workflow.notebooks import reproduce as run

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


@main.command()
@click.option("--datasets", is_flag=True, help="Make the dataset tokens instead; needs the image sets.")
@click.option("--images", type=click.Path(path_type=Path), help="Folder of image sets (NPZ); default: [paths] images.")
@shard_options
@click.pass_context
def extract(ctx: click.Context, datasets: bool, images: Path | None, request: ShardRequest) -> None:
    """Extract the views of every model of the zoo, train the autoencoder and make the model tokens.

    With --shard only views of a part of the models are made, by any number of machines on one artifacts folder, in
    any order; --merge then goes on as if this machine had made them all. A shard that is done is not done again.
    """
    if datasets and request.given:
        raise ConfigError("--datasets is not done in shards; leave --shard, --shards, --status and --merge out")
    if request.any and not datasets:
        from ptmrec.workflow.view_shards import ViewShards

        project = open_run(ctx)
        work = ViewShards(project)
        request.handle(work)
        if request.merge:
            work.merge(request.shards)
            say(project.embed())
    elif datasets:
        from ptmrec.builder.publish import rebuild_dataset_tokens

        say(rebuild_dataset_tokens(read_config(ctx), images))
    else:
        say(open_run(ctx).embed())


@main.command()
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


@main.command()
@click.option("--format", "style", type=click.Choice(FORMATS[:3]), default="table", show_default=True)
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
    from ptmrec.config.sections import EvaluationConfig
    from ptmrec.evaluation.compare import summarise
    from ptmrec.workflow.comparison import OURS, compare_methods
    from ptmrec.workflow.crossed import CrossedEvaluation
    from ptmrec.workflow.quadrants import LINEAR, run_quadrants, seed_means

    project = open_run(ctx)
    if crossed:
        frame = seed_means(run_quadrants(CrossedEvaluation(project)))
    else:
        frame = compare_methods(project, project.recommender())
    settings = project.config.get(EvaluationConfig)
    summary = summarise(frame, LINEAR if crossed else OURS, settings.bootstrap_draws, settings.level).round(3)
    brief = ["method", "group", "regime", "tau_w", "tau_w_low", "tau_w_high", "gain", "gain_low", "gain_high"]
    show(summary[brief] if style == "table" else summary, style)


def _evaluate_published(ctx: click.Context, style: str, crossed: bool) -> None:
    from ptmrec.workflow.published import headlines, run_published, save_published, summarise_published

    if crossed:
        raise click.UsageError("--crossed is of our own zoo; leave it out with --suite published")
    config = read_config(ctx)
    frame = run_published(config)
    summary = summarise_published(config, frame)
    save_published(config, frame, summary)
    summary = summary.round(3)
    brief = ["method", "benchmark", "protocol", "metric", "value", "low", "high", "gain", "gain_low", "gain_high"]
    show(headlines(summary)[brief] if style == "table" else summary, style)


@main.command()
@click.option("--format", "style", type=click.Choice(FORMATS[:3]), default="table", show_default=True)
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


@main.command()
@click.pass_context
def thesis(ctx: click.Context) -> None:
    """Build the thesis's PDF from the last run's results; says what is missing or stale."""
    from ptmrec.thesis.build import build_thesis
    from ptmrec.workflow.committed import ProjectFiles

    files = ProjectFiles(read_config(ctx))
    say(build_thesis(files.config, [files.cards[name] for name in files.embedded]))


@main.command()
@click.option("--copy", is_flag=True, help="Copy the results of the last run to constants/results first.")
@click.pass_context
def readme(ctx: click.Context, copy: bool) -> None:
    """Write the numbers of README.md and docs/ and draw their figures anew, from constants/results."""
    from ptmrec.config.sections import PathsConfig
    from ptmrec.files import write_text
    from ptmrec.report.readme import copy_results, write_pages

    config = read_config(ctx)
    paths = config.get(PathsConfig)
    folder = config.root / "constants" / "results"
    if copy:
        answer = demo_text(config)  # first, as it may be refused
        copy_results(paths.artifacts, folder)
        write_text(folder / "demo.txt", answer + "\n")
    say(*write_pages(config.root, folder, paths.figures))
