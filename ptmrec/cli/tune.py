"""From images to a fine-tuned model, and from that to predictions."""

import shlex
from pathlib import Path

import click

from ptmrec.cli.context import FilePath, TimeLimit, read_config, say, show
from ptmrec.cli.examples import Grouped
from ptmrec.cli.recommend import limit_options
from ptmrec.core.errors import ConfigError
from ptmrec.core.text import csv_text


@click.command(cls=Grouped)
@click.argument("dataset", type=FilePath())
@click.option("-o", "output", type=FilePath(), required=True, help="Folder to write the model to.")
@click.option("--time-limit", type=TimeLimit(), default="10m", show_default=True, help="Time for all of it.")
@click.option("--labels", type=FilePath(), help="CSV of file names and labels for a folder of images.")
@click.option(
    "--zoo",
    type=FilePath(as_text=True),
    metavar="NAME",
    help="Folder of models, or real, the installed ImageNet models; default: those, the embedded and the added ones.",
)
@click.option("--skip-unreadable", is_flag=True, help="Leave out images that do not decode.")
@click.option("--device", metavar="NAME", help="Whose costs the limits are about; default: this machine, measured.")
@limit_options
@click.option("--force", is_flag=True, help="Write over a model folder that is there.")
@click.pass_context
def tune(ctx: click.Context, dataset: Path, output: Path, time_limit: float, force: bool, **options) -> None:
    """Fine-tune the best model for DATASET within a time and write it to a folder.

    First candidates of the recommendation are run shortly; the best one is trained on all training images for the rest
    of the time. A fifth of each class, or the folder's test part, judges the result. Stopped, the same command goes on.
    """
    from ptmrec.recommender.request import recommend
    from ptmrec.recommender.tune import check_output

    check_output(output, force)
    answer = recommend(dataset, regime="fine_tuning", config=read_config(ctx), n=8, **options)
    made = answer.tune(output, time_limit, force)
    say(made)
    again = ["ptmrec", "predict", str(output), "new_images/", "-o", "predictions.csv"]
    say(f"next: {shlex.join(again)}", err=True)


@click.command()
@click.argument("model", type=FilePath())
@click.argument("images", type=FilePath())
@click.option("-o", "output", type=FilePath(), help="Write FILE.csv, with the probability of every class.")
@click.option("--skip-unreadable", is_flag=True, help="Leave out images that do not decode.")
def predict(model: Path, images: Path, output: Path | None, skip_unreadable: bool) -> None:
    """Classify IMAGES, a folder of them or one, with a MODEL that ptmrec tune wrote."""
    from ptmrec.core.files import write_text
    from ptmrec.recommender.predict import predict as run

    if output is not None and (output.suffix.lower() != ".csv" or output.is_dir()):
        raise ConfigError(f"{output}: predictions are written as .csv; give a file of this ending")
    found = run(model, images, skip_unreadable)
    if output is None:
        show(found[["image", "class", "probability"]].round(3))
        return
    write_text(output, csv_text(found.round(4)))
    say(f"written: {output}", err=True)
