"""The suite of published benchmarks: models others trained, records others measured."""

import pandas as pd

from experiments.evaluation.published.results import BENCHMARKS, published_results, summarise_results
from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import EvaluationConfig, PathsConfig
from ptmrec.core.files import write_text
from ptmrec.evaluation.published.benchmarks import HEADLINES
from ptmrec.pipeline.committed import watch_committed

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


def save_published(config: ConfigParser, frame: pd.DataFrame, summary: pd.DataFrame) -> None:
    """Write results and their compact summary to ``artifacts/results``."""
    folder = config.get(PathsConfig).artifacts / "results"
    write_text(folder / f"{RESULT}.csv", frame.to_csv(index=False))
    write_text(folder / f"{SUMMARY}.csv", compact(summary).to_csv(index=False))


def summarise_published(config: ConfigParser, frame: pd.DataFrame) -> pd.DataFrame:
    """Means and paired intervals, with the configuration's draws and level."""
    settings = config.get(EvaluationConfig)
    return summarise_results(frame, settings.bootstrap_draws, settings.level)


def compact(summary: pd.DataFrame) -> pd.DataFrame:
    """A summary to be committed: metrics that are tables of somebody, four decimals."""
    chosen = (summary["benchmark"].map(HEADLINES) == summary["metric"]) | summary["metric"].isin(OTHERS)
    chosen |= summary["metric"].str.startswith("regret1_")
    return summary[chosen].round(4).reset_index(drop=True)


def headlines(summary: pd.DataFrame) -> pd.DataFrame:
    """The rows of a summary whose metric is the one its benchmark ranks by, and predicted accuracies."""
    chosen = summary["benchmark"].map(HEADLINES) == summary["metric"]
    return summary[chosen | (summary["metric"] == "mae")].reset_index(drop=True)
