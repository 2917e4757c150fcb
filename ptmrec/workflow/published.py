"""The suite of published benchmarks: models others trained, records others measured."""

import pandas as pd

from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import EvaluationConfig, PathsConfig
from ptmrec.evaluation.published.benchmarks import HEADLINES
from ptmrec.evaluation.published.results import BENCHMARKS, published_results, summarise_results
from ptmrec.files import write_text

RESULT = "published"
"""Name of the table of results."""


def run_published(config: ConfigParser) -> pd.DataFrame:
    """Results of every published benchmark; of the smallest alone where the profile judges on a part only.

    Returns:
        Long frame, see :func:`~ptmrec.evaluation.published.results.published_results`.
    """
    names = BENCHMARKS if config.get(EvaluationConfig).every == 1 else BENCHMARKS[:1]
    return published_results(config.get(PathsConfig).published, names)


def save_published(config: ConfigParser, frame: pd.DataFrame) -> None:
    """Write the results to ``artifacts/results/published.csv``."""
    write_text(config.get(PathsConfig).artifacts / "results" / f"{RESULT}.csv", frame.to_csv(index=False))


def summarise_published(config: ConfigParser, frame: pd.DataFrame) -> pd.DataFrame:
    """Means and paired intervals, with the configuration's draws and level."""
    settings = config.get(EvaluationConfig)
    return summarise_results(frame, settings.bootstrap_draws, settings.level)


def headlines(summary: pd.DataFrame) -> pd.DataFrame:
    """The rows of a summary whose metric is the one its benchmark ranks by, and predicted accuracies."""
    chosen = summary["benchmark"].map(HEADLINES) == summary["metric"]
    return summary[chosen | (summary["metric"] == "mae")].reset_index(drop=True)
