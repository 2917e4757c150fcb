"""Run the benchmarks: one JSON and one printed table."""

import importlib
import os
from pathlib import Path

import click
import torch
from threadpoolctl import threadpool_limits

from benchmarks.growth import measure_growth
from ptmrec.cli.context import show
from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import PathsConfig
from ptmrec.core.files import write_json
from ptmrec.core.log import logger
from ptmrec.hardware.machine import describe_machine

WORKS = ("commands", "kmeans", "ranking_loss", "loading", "choosing", "trainer", "weights", "scale", "zoo_cell")


@click.command()
@click.argument("works", nargs=-1, type=click.Choice(WORKS))
@click.option("-o", "output", type=click.Path(path_type=Path), help="Default: bench.json among the results.")
def main(works: tuple[str, ...], output: Path | None) -> None:
    """Time WORKS (all without any) against peers and limits, in turns; one thread."""
    os.environ["PTMREC_PROGRESS"] = "off"
    torch.set_num_threads(1)
    rows = []
    with threadpool_limits(1):
        for name in works or WORKS:
            logger.info("benchmark %s", name)
            rows += importlib.import_module(f"benchmarks.{name}").run()
    target = output or ConfigParser().get(PathsConfig).artifacts / "results" / "bench.json"
    found = {"machine": describe_machine(), "rows": [row.to_dict() for row in rows]}
    if not works:
        logger.info("how cost grows")
        with threadpool_limits(1):
            found |= measure_growth(rows)
    write_json(target, found)
    shown = ("work", "peer", "ours", "theirs", "ratio", "low", "high", "reach", "met", "note")
    show([{name: _short(row[name]) for name in shown} for row in found["rows"]])


def _short(value: object) -> object:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return float(f"{value:.3g}") if isinstance(value, float) else value


if __name__ == "__main__":
    main()
