"""What the help of commands ends with, and how that of the longest is arranged."""

import click

from ptmrec.hardware.limits import LIMITS

EXAMPLES = {
    "recommend": ("recommend my_images --max-latency 20ms", "recommend --demo -n 3 --why -o answer.html"),
    "tune": ("tune my_images -o my_model --time-limit 10m", "tune my_images -o my_model --max-params 1M --force"),
    "predict": ("predict my_model new_images", "predict my_model new_images -o predictions.csv"),
    "measure": ("measure vgg-small-mnist", "measure vgg-small-mnist --threads 2"),
    "plan": ("plan resnet50 --max-latency 50ms", "plan --devices"),
    "inspect data": ("inspect data my_images", "inspect data my_images --json"),
    "inspect model": ("inspect model vgg-small-mnist", "inspect model vgg-small-mnist --json"),
    "inspect trainer": ("inspect trainer autoencoder", "inspect trainer ranker --json"),
    "new trainer": ("new trainer my_trainer --pattern dict", "new trainer my_ranker --pattern similarity --into mine"),
    "doctor": ("doctor", "doctor --format json"),
    "config": ("config", "config --format csv"),
    "zoo list": ("zoo list", "zoo list --published"),
    "zoo show": ("zoo show vgg-small-mnist", "zoo show efficientnet-lite0"),
}
"""Command -> two examples; ``my_images`` holds one sub-folder per class, ``new_images`` images."""
GROUPS = {
    "Images": ("demo", "labels", "skip_unreadable", "regime"),
    "Models": ("zoo", "preset", "verify", "time_limit", "yes", "measured"),
    "Limits": (*LIMITS, "device", "measure"),
    "Output": ("count", "output", "style", "pareto", "why", "model", "force"),
}
"""Heading -> options of the commands for a user's images, by their names in Python."""


class Grouped(click.Command):
    """A command whose help has its options under headings."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write a section for each group of options."""
        options = {param.name: param.get_help_record(ctx) for param in self.get_params(ctx)}
        rest = [name for name in options if name not in {name for own in GROUPS.values() for name in own}]
        for heading, names in {**GROUPS, "Help": rest}.items():
            if rows := [options[name] for name in names if options.get(name)]:
                with formatter.section(heading):
                    formatter.write_dl(rows)


def add_examples(group: click.Group) -> None:
    """End the help of each command that is there with its examples."""
    for path, lines in EXAMPLES.items():
        command: click.Command | None = group
        for name in path.split():
            command = command.commands.get(name) if isinstance(command, click.Group) else None
        if command is not None:
            command.epilog = "\n".join(["\b", "Examples:", *(f"  ptmrec {line}" for line in lines)])
