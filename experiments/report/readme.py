"""The pages README.md and docs/*.md: numbers are copied from a run once, then written into marked regions."""

import re
from collections.abc import Callable
from pathlib import Path

from experiments.figures.cost_growth import plot_cost_growth
from experiments.figures.figures import plot_method_bars
from experiments.report import engineering, measuring, results
from experiments.report.records import MEND, Table, read_lines, read_record
from ptmrec.core.errors import ArtifactError, reading
from ptmrec.core.files import write_json, write_text
from ptmrec.plots.style import save_figure

COPIED = {
    **dict.fromkeys(
        ("summary.csv", "passes_summary.csv", results.QUADRANTS, "hardware_choice_summary.csv", results.PUBLISHED),
        ("method",),
    ),
    "coverage_summary.csv": ("group", "regime", "dataset"),
    **dict.fromkeys((measuring.INTERVALS, measuring.CHOICES), ("table", "method")),
}
"""Tables that are copied as they are."""
REGIONS: dict[str, Callable[[Path], str]] = {
    "networks": results.networks,
    "demo": results.demo,
    "headline": results.headline,
    "quadrants": results.quadrants,
    "strongest": results.strongest,
    "results": results.split,
    "passes": results.passes,
    "tuning": results.tuning,
    "tuned": results.tuned,
    "coverage": results.coverage,
    "published": results.published,
    "measured_records": measuring.measured_records,
    "hardware": results.hardware,
    "zoo": results.zoo,
    "times": engineering.times,
    "bench": engineering.bench_table,
    "missed": engineering.missed,
    "torture": engineering.torture_table,
    "mutations": engineering.mutations_table,
    "profile": engineering.profile_table,
}
"""What stands between ``<!-- numbers:NAME -->`` and ``<!-- /numbers -->``, from the folder of committed results."""
REGION = re.compile(r"(<!-- numbers:(\w+) -->).*?(<!-- /numbers -->)", re.DOTALL)


def copy_results(artifacts: Path, folder: Path) -> None:
    """Copy the small result files of a run, and the range of times its notebooks took, to where they are committed.

    Of benchmarks that were not run, and of times where no notebook was, what is committed stays.

    Raises:
        ArtifactError: one of them is missing or damaged; then nothing is copied.
    """
    made, runs = artifacts / "results", sorted((artifacts / "runs").glob("*/*.ipynb"))
    tables = {Table(made / name, COPIED[name]).path: read_lines(made / name) + "\n" for name in COPIED}
    zoo = read_record(made / "zoo.json").to_dict()
    zoo.pop("config", None)  # it holds the paths of the machine
    facts = {"zoo.json": zoo}
    if spans := engineering.notebook_times(runs):
        facts |= {engineering.TIMES: spans, engineering.PROFILE: engineering.profile_notebooks(runs)}
    if (made / engineering.BENCH).is_file():
        facts[engineering.BENCH] = read_record(made / engineering.BENCH).to_dict()
    for path, text in tables.items():
        write_text(folder / path.name, text)
    for name, values in facts.items():
        write_json(folder / name, values)


def list_pages(root: Path) -> list[Path]:
    """The pages with numbers: README.md and those of docs/."""
    return [root / "README.md", *sorted((root / "docs").glob("*.md"))]


def fill_page(text: str, folder: Path, name: str = "README.md") -> str:
    """A page with every marked region written anew from the committed results.

    Args:
        text: the page.
        folder: the committed results.
        name: the page, as an error names it.

    Raises:
        ArtifactError: a region asks for numbers nobody makes, or a result is missing or damaged.
    """

    def fill(match: re.Match) -> str:
        if match[2] not in REGIONS:
            raise ArtifactError(f"{name}: no numbers called {match[2]!r}; there are {', '.join(REGIONS)}")
        with reading(f"{folder}, numbers:{match[2]}", MEND):
            return f"{match[1]}\n{REGIONS[match[2]](folder)}\n{match[3]}"

    return REGION.sub(fill, text)


def write_pages(root: Path, folder: Path, figures: Path) -> list[Path]:
    """Write the numbers of every page and draw the figures anew; nothing is written when a result is damaged.

    Args:
        root: the folder of README.md and docs/.
        folder: the committed results.
        figures: where figures go.

    Returns:
        The pages.
    """
    pages = {path: path.read_text(encoding="utf-8") for path in list_pages(root)}
    filled = {path: fill_page(text, folder, path.relative_to(root).as_posix()) for path, text in pages.items()}
    draw_figures(folder, figures)
    return [write_text(path, text) for path, text in filled.items()]


def draw_figures(folder: Path, figures: Path) -> list[Path]:
    """Draw the pages' figures from the committed results: methods on data sets left out, and how cost grows."""
    summary, points = results.read_quadrants(folder).frame, engineering.growth(folder)
    summary = summary[summary["method"].isin([*results.SHOWN, results.OURS])]
    alt = "Bars: how well each method ranks models for data sets left out, and what Cross-Select gains."
    with reading(folder / results.QUADRANTS, MEND):
        figure = plot_method_bars(summary, [results.BLIND_DATA], results.OURS)
    written = save_figure(figure, "readme_methods", figures, alt)
    alt = "Two log-log plots: seconds against the number of models to choose among, and of known data sets."
    with reading(folder / engineering.BENCH, MEND):
        figure = plot_cost_growth(points)
    return [*written, *save_figure(figure, "readme_growth", figures, alt)]
