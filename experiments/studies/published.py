"""The suite of published benchmarks: models others trained, records others measured."""

import pandas as pd

from experiments.evaluation.published.measuring import (
    STATIC,
    choice_results,
    interval_results,
    read_parts,
    summarise_measuring,
)
from experiments.evaluation.published.results import BENCHMARKS, published_results, summarise_results
from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import EvaluationConfig, PathsConfig
from ptmrec.core.files import write_text
from ptmrec.core.text import csv_text
from ptmrec.evaluation.published.benchmarks import HEADLINES
from ptmrec.pipeline.committed import watch_committed
from ptmrec.relations.records import HEAD

RESULT = "published"
SUMMARY = "published_summary"
"""Names of the tables of results."""
OTHERS = ("r5", "kendall", "regret1", "tau5", "l1", "mae")


def run_published(config: ConfigParser) -> pd.DataFrame:
    """Results of every published benchmark; of the smallest alone where the profile judges on a part only.

    Returns:
        Long frame, see :func:`~experiments.evaluation.published.results.published_results`.
    """
    watch_committed(config.get(PathsConfig))
    names = BENCHMARKS if config.get(EvaluationConfig).every == 1 else BENCHMARKS[:1]
    return published_results(config.get(PathsConfig).published, names)


def run_measuring(config: ConfigParser) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What measured models are worth on published tables: intervals after some, and which to measure.

    Returns:
        Summaries of :func:`~experiments.evaluation.published.measuring.interval_results` and
        :func:`~experiments.evaluation.published.measuring.choice_results` with the paired difference from the list as
        it stands, without measurements and as its head; of the smallest table alone where the profile judges on a part.
    """
    watch_committed(config.get(PathsConfig))
    settings, parts = config.get(EvaluationConfig), read_parts(config.get(PathsConfig).published)
    if settings.every > 1:
        parts = [min(parts, key=lambda part: part.accuracy.size)]
    rows = ((interval_results(parts), STATIC), (choice_results(parts), HEAD))
    return tuple(
        summarise_measuring(frame, static, settings.bootstrap_draws, settings.level).round(4) for frame, static in rows
    )


def save_published(config: ConfigParser, frame: pd.DataFrame, summary: pd.DataFrame) -> None:
    """Write results and their compact summary to ``artifacts/results``."""
    folder = config.get(PathsConfig).artifacts / "results"
    write_text(folder / f"{RESULT}.csv", csv_text(frame))
    write_text(folder / f"{SUMMARY}.csv", csv_text(compact(summary)))


def summarise_published(config: ConfigParser, frame: pd.DataFrame) -> pd.DataFrame:
    """Means and paired intervals, with the configuration's draws and level."""
    settings = config.get(EvaluationConfig)
    return summarise_results(frame, settings.bootstrap_draws, settings.level)


def compact(summary: pd.DataFrame) -> pd.DataFrame:
    """Keep what is committed of a summary: headline and cap metrics, to four decimals."""
    chosen = (summary["benchmark"].map(HEADLINES) == summary["metric"]) | summary["metric"].isin(OTHERS)
    chosen |= summary["metric"].str.startswith("regret1_")
    return summary[chosen].round(4).reset_index(drop=True)


def headlines(summary: pd.DataFrame) -> pd.DataFrame:
    """The rows of a summary whose metric is the one its benchmark ranks by, and predicted accuracies."""
    chosen = summary["benchmark"].map(HEADLINES) == summary["metric"]
    return summary[chosen | (summary["metric"] == "mae")].reset_index(drop=True)
