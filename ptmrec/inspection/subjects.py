"""What a user points at: a Python file that is run, with a class or function in it."""

import importlib.util
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from ptmrec.config.section import SECTIONS
from ptmrec.core.errors import DataError
from ptmrec.core.log import logger

EXAMPLE = "example"
"""Function of a file that gives what to inspect with."""


def is_file(subject: str) -> bool:
    """Whether a subject names a Python file, with or without ``:Name`` behind it."""
    return split_subject(subject)[0].suffix == ".py"


def split_subject(subject: str) -> tuple[Path, str]:
    """Path and name of ``FILE`` or ``FILE:Name``; the name is empty where none is given."""
    path, colon, name = subject.rpartition(":")
    return (Path(path).expanduser(), name) if colon and path.endswith(".py") else (Path(subject).expanduser(), "")


def run_file(path: Path) -> ModuleType:
    """Run a Python file as a module, and say so before; whatever stands in it happens.

    Raises:
        DataError: no such file, or it fails; the message names the line.
    """
    if not path.is_file():
        raise DataError(f"{path}: {'a folder' if path.is_dir() else 'no such file'}; give a Python file")
    name = f"ptmrec_inspected_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickle look a class's module up here
    sections = dict(SECTIONS)
    logger.warning("running %s, with all that stands in it", path)
    try:
        guarded(lambda: spec.loader.exec_module(module), path, "does not run")
    finally:  # sections of the file register themselves; the configuration of this run is not to know them
        SECTIONS.clear()
        SECTIONS.update(sections)
    return module


def guarded(call: Callable[[], Any], path: Path, what: str) -> Any:
    """What a call of the user's code gives.

    Raises:
        DataError: it fails; one line with the place in ``path``.
    """
    try:
        return call()
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a file runs whatever its author wrote, sys.exit included
        raise DataError(f"{path}: {what}: {describe(error, path)}; mend the file") from None


def describe(error: BaseException, path: Path | None = None) -> str:
    """Write an error of a user's code in one line, with the last line of ``path`` it passed through."""
    said = " ".join(str(error).split())[:200]
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if path and Path(frame.filename) == path]
    place = f" in line {frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{place}{f': {said}' if said else ''}"


def call_function(module: ModuleType, path: Path, name: str) -> Any:
    """What a function of a file gives, called without arguments.

    Raises:
        DataError: there is no such function, or it fails.
    """
    function = getattr(module, name, None)
    if not callable(function):
        raise DataError(f"{path}: no function {name}(); write one that gives what to inspect, see --help")
    return guarded(function, path, f"{name}() fails")
