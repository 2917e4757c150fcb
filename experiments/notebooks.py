"""The main job: run the notebooks in order with papermill and say what they made."""

import os
import sys
import time
from pathlib import Path
from typing import Any

import nbformat
import papermill
from jupyter_client.kernelspec import NoSuchKernel
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from papermill.exceptions import PapermillExecutionError
from tqdm import tqdm

from experiments.outputs import RUN
from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import PathsConfig
from ptmrec.core.errors import ConfigError, PtmrecError, one_line
from ptmrec.core.log import logger


class NotebookError(PtmrecError):
    """A notebook failed or did not reach its end."""


THESIS = "thesis"
"""Part of the name of the notebook that turns results into the thesis."""
APART = ("00_", "07_")
"""Starts of the names of the notebooks that ask about the user's images, and train a ranker of the user's."""


def find_notebooks(folder: Path) -> list[Path]:
    """The notebooks of the main job, in order; that of the thesis, which reads the results of all others, is last.

    Those of :data:`APART` are none of them: what they make is nobody's result, and they need no run before them.

    Raises:
        ConfigError: there is none.
    """
    found = (path for path in folder.glob("[0-9][0-9]_*.ipynb") if not path.name.startswith(APART))
    notebooks = sorted(found, key=lambda path: (THESIS in path.name, path.name))
    if not notebooks:
        raise ConfigError(f"{folder}: no notebooks 01_*.ipynb there; run from a clone of the project")
    return notebooks


def check_parameters(notebook: Path, parameters: dict[str, Any]) -> None:
    """Refuse a parameter the notebook does not declare (papermill only warns).

    Raises:
        ConfigError: naming the parameter and those that exist.
        NotebookError: this is no notebook.
    """
    try:
        nbformat.validate(nbformat.read(notebook, as_version=4))
        known = papermill.inspect_notebook(str(notebook))
    except Exception as error:  # readers of notebooks raise whatever the JSON brings about
        raise NotebookError(f"{notebook}: not a usable notebook ({one_line(error) or type(error).__name__})") from None
    for name in parameters:
        if name not in known:
            raise ConfigError(f"{notebook.name}: unknown parameter {name!r}; known: {', '.join(sorted(known))}")


def prepare_notebook(notebook: Path, output: Path, parameters: dict[str, Any]) -> None:
    """Write a copy whose one parameters cell holds the values of this run.

    Papermill adds a second cell behind the defaults; a reader of the copy would see two sets of values.
    """
    papermill.execute_notebook(str(notebook), str(output), parameters, prepare_only=True, progress_bar=False)
    copy = nbformat.read(output, as_version=4)
    tagged = {tag: cell for cell in copy.cells for tag in cell.metadata.get("tags", [])}
    if "injected-parameters" in tagged:
        injected = tagged["injected-parameters"]
        known = papermill.inspect_notebook(str(notebook))
        kept = [f"{name} = {known[name]['default']}" for name in known if name not in parameters]
        tagged["parameters"].source = "\n".join([injected.source.strip(), *kept])
        copy.cells.remove(injected)
    nbformat.write(copy, output)


def run_notebook(notebook: Path, output: Path, parameters: dict[str, Any], stream: Any = None) -> None:
    """Execute one notebook; the executed copy is written also when it fails.

    Args:
        notebook: the notebook.
        output: the executed copy.
        parameters: values for its parameters cell.
        stream: gets what cells write to stderr, as it comes.

    Raises:
        ConfigError: unknown parameter.
        NotebookError: a cell failed, or the last cell was not reached.
    """
    check_parameters(notebook, parameters)
    output.parent.mkdir(parents=True, exist_ok=True)
    prepare_notebook(notebook, output, parameters)
    try:
        papermill.execute_notebook(
            str(output),
            str(output),
            cwd=str(notebook.parent),
            progress_bar=False,
            stderr_file=stream,
            kernel_name="python3",
            coalesce_streams=True,  # of lines of progress the last one stays
            # A kernel warns of its local TCP port, and calls the interrupt that ends it an error.
            extra_arguments=["--IPKernelApp.log_level=50"],
        )
    except PapermillExecutionError as error:
        reason = str(error.evalue).strip().splitlines()
        raise NotebookError(
            f"{notebook.name}: cell {error.cell_index} failed with {error.ename}: {reason[0] if reason else ''}; "
            f"the executed copy is {output}"
        ) from None
    except (DeadKernelError, CellTimeoutError, NoSuchKernel) as error:
        raise NotebookError(
            f"{notebook.name}: not done, its kernel ended ({one_line(error)}); too little memory, or killed? "
            f"the executed copy is {output}"
        ) from None
    check_complete(output)


def check_complete(executed: Path) -> None:
    """A run counts only if every code cell ran to its end: to papermill ``sys.exit(0)`` in a cell is a success.

    Raises:
        NotebookError: a code cell has not run, or not to its end.
    """
    cells = [cell for cell in nbformat.read(executed, as_version=4).cells if cell.cell_type == "code" and cell.source]
    skipped = [index for index, cell in enumerate(cells, start=1) if cell.execution_count is None]
    if skipped:
        raise NotebookError(f"{executed}: stopped before code cell {skipped[0]} of {len(cells)}")
    for index, cell in enumerate(cells, start=1):
        errors = [output for output in cell.outputs if output.output_type == "error"]
        if errors:
            raise NotebookError(f"{executed}: code cell {index} of {len(cells)} ended with {errors[0].ename}")


class _Progress:
    """A bar over the notebooks with the last line of the running one behind it; plain lines without a terminal."""

    def __init__(self, count: int) -> None:
        self.live, self.count = sys.stderr.isatty(), count
        self.bar = tqdm(total=count, file=sys.stderr, dynamic_ncols=True, disable=not self.live)

    def start(self, name: str) -> None:
        self.bar.set_description(name)
        if not self.live:
            sys.stderr.write(f"{name}\n")

    def write(self, text: str) -> None:
        for line in filter(str.strip, text.splitlines()):
            if self.live:
                self.bar.set_postfix_str(line.strip()[:60])
            else:
                sys.stderr.write(f"  {line}\n")

    def flush(self) -> None:
        sys.stderr.flush()

    def done(self) -> None:
        """A notebook is through: what it wrote last says nothing about the next one."""
        self.bar.set_postfix_str("", refresh=False)
        if self.bar.n + 1 == self.count:
            self.bar.set_description("notebooks", refresh=False)
        self.bar.update()
        self.bar.refresh()


def reproduce(config: ConfigParser, notebooks: Path, parameters: dict[str, Any]) -> list[str]:
    """Run all notebooks.

    Args:
        config: the configuration of the run; saved beside the executed copies.
        notebooks: their folder.
        parameters: given to each of them.

    Returns:
        Lines that say what was made and where.

    Raises:
        NotebookError: a notebook failed; the ones after it were not run.
    """
    paths, started = config.get(PathsConfig), time.time()
    runs = paths.artifacts / "runs" / time.strftime("%Y%m%d_%H%M%S")
    config.save(runs / "config.json")
    os.environ[RUN] = runs.name  # kernels inherit it too, for the records of what they make
    for library in ("OMP", "OPENBLAS", "MKL"):  # the matrices are small: threads would wait for each other
        os.environ.setdefault(f"{library}_NUM_THREADS", "1")
    os.environ["PTMREC_PROGRESS"] = "plain"  # kernels inherit it: their bars would be widgets nobody sees
    found = find_notebooks(notebooks)
    progress = _Progress(len(found))
    with progress.bar:
        for notebook in found:
            progress.start(notebook.stem)
            run_notebook(notebook, runs / notebook.name, parameters, progress)
            progress.done()
    logger.info("all notebooks done in %.0f s", time.time() - started)
    return [
        f"executed notebooks  {runs}",
        *_made("figures", paths.figures, "*.pdf", started),
        *_made("tables and numbers", paths.thesis_output / "generated", "*.tex", started),
        *_made("results", paths.artifacts / "results", "*", started),
    ]


def _made(label: str, folder: Path, pattern: str, since: float) -> list[str]:
    files = [path for path in folder.glob(pattern) if path.stat().st_mtime >= since - 1]
    return [f"{len(files):3d} {label:15s} {folder}"]
