"""What notebooks leave behind: results and figures, each with a record of what made it."""

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import PathsConfig
from ptmrec.core.files import write_json, write_text
from ptmrec.core.text import csv_text
from ptmrec.pipeline.step import code_version
from ptmrec.plots.style import save_figure

RUN = "PTMREC_RUN"
"""Environment variable with the name of the run a kernel belongs to; a live session is a run of its own."""
LIVE = "live"


@dataclass(frozen=True)
class Origin:
    """What made a file.

    Attributes:
        notebook: the notebook, without its ending.
        run: name of the run's folder under ``artifacts/runs``; ``live`` in a live session.
        code_version: hash of the package's code.
        config: hash of the configuration, paths left out.
        alt: alternative text of a figure.
    """

    notebook: str
    run: str
    code_version: str
    config: str
    alt: str = ""

    def __str__(self) -> str:
        return (
            f"notebook {self.notebook}, run {self.run}, code version {self.code_version}, configuration {self.config}"
        )


class Outputs:
    """Saves what one notebook makes.

    Args:
        config: the configuration of the run.
        notebook: name of the notebook, without its ending.
    """

    def __init__(self, config: ConfigParser, notebook: str) -> None:
        self._config, self._paths = config, config.get(PathsConfig)
        self._origin = Origin(notebook, os.environ.get(RUN, LIVE), code_version(), config_version(config))

    @property
    def results(self) -> Path:
        """Folder of the results."""
        return self._paths.artifacts / "results"

    def figure(self, figure: Figure, name: str, alt: str) -> Figure:
        """Save a figure as PDF and PNG.

        Args:
            figure: the figure.
            name: file name without its ending.
            alt: what it shows, for who cannot see it.

        Returns:
            The figure, so that the last line of a cell shows it.
        """
        save_figure(figure, name, self._paths.figures, alt)
        self._record(f"figures/{name}", alt)
        return figure

    def show(self, figure: Figure, name: str, alt: str, sentence: str) -> None:
        """Save a figure and show it, with the sentence below that says what it shows; arguments as :meth:`figure`."""
        from IPython.display import Markdown, display  # the library runs without notebooks

        display(self.figure(figure, name, alt), Markdown(sentence))

    def table(self, frame: pd.DataFrame, name: str) -> pd.DataFrame:
        """Save a table of results as ``<name>.csv``; returns it."""
        write_text(self.results / f"{name}.csv", csv_text(frame))
        self._record(f"results/{name}.csv")
        return frame

    def facts(self, facts: dict[str, Any], name: str) -> Path:
        """Save single results as ``<name>.json``, with the configuration and code version that made them."""
        version = {"code_version": self._origin.code_version, "config": self._config.to_dict()}
        self._record(f"results/{name}.json")
        return write_json(self.results / f"{name}.json", {**_without_nan(facts), **version})

    def _record(self, what: str, alt: str = "") -> None:
        write_json(origin_path(self._paths, what), asdict(self._origin) | {"alt": alt})


def origin_path(paths: PathsConfig, what: str) -> Path:
    """Where the record of ``results/<file>`` or ``figures/<name>`` lies."""
    return paths.artifacts / "origins" / f"{what}.json"


def config_version(config: ConfigParser) -> str:
    """Short hash of the configuration; where its files lie does not count."""
    values = {section: keys for section, keys in config.to_dict().items() if section != PathsConfig.section}
    return hashlib.sha256(json.dumps(values, sort_keys=True, default=str).encode()).hexdigest()[:8]


def _without_nan(value: Any) -> Any:
    """JSON knows no NaN: a value that does not exist is null."""
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and np.isnan(value) else value
