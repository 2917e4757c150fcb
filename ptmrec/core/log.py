"""The one place where beautilog is set up.

beautilog writes its ini and its log into the working directory on import unless
``BEAUTILOG_CONFIG_PATH`` says otherwise, and logs to stdout, which belongs to the answers of the
command line. Import ``logger`` from here and from nowhere else.
"""

import logging
import os
import sys
from logging.handlers import RotatingFileHandler

from tqdm import tqdm

from ptmrec.core.places import PACKAGE, make_log_folder
from ptmrec.core.processes import is_main
from ptmrec.core.words import visible

LOG_NAME, LARGEST, KEPT = "beauti-run.log", 100 * 2**20, 5
_SETTINGS = str(PACKAGE / "beautilog.ini")
"""A file of the package: one that is written when it is missing may be found half written, or be somebody else's."""

os.environ.setdefault("BEAUTILOG_CONFIG_PATH", _SETTINGS)

from beautilog import ColoredConsoleHandler  # noqa: E402
from beautilog import logger as _root  # noqa: E402


class _StderrStream:
    """Stream that looks ``sys.stderr`` up at each write and keeps progress bars intact."""

    def write(self, text: str) -> None:
        if text.strip():
            tqdm.write(text.rstrip("\n"), file=sys.stderr)

    def flush(self) -> None:
        sys.stderr.flush()


def _is_ours_or_serious(record: logging.LogRecord) -> bool:
    """Libraries may warn; their progress reports would drown ours."""
    return record.name.split(".")[0] == "ptmrec" or record.levelno >= logging.WARNING


def _calm(record: logging.LogRecord) -> bool:
    """Names from outside end up in messages: each is one line, and steers no terminal."""
    record.msg, record.args = visible(record.getMessage().replace("\n", " ")), None
    return True


def _make_plain() -> logging.Handler:
    """Console lines without colour codes, for pipes and notebooks run headless."""
    handler = logging.StreamHandler(_StderrStream())
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s", "%H:%M:%S"))
    return handler


def _make_file() -> logging.Handler | None:
    """The log's file, or none: a question is answered all the same where no log can be written."""
    folder = make_log_folder()
    try:
        handler = RotatingFileHandler(folder / LOG_NAME, "a", LARGEST, KEPT, "utf-8") if folder else None
    except OSError:
        return None
    if handler:
        words = "%(asctime)s : %(levelname)s : %(name)s : %(message)s"
        handler.setFormatter(logging.Formatter(words, "%m/%d/%y %I:%M:%S %p"))
    return handler


if os.environ["BEAUTILOG_CONFIG_PATH"] == _SETTINGS and (_file := _make_file()):  # else the user's settings say where
    _root.addHandler(_file)
for _handler in list(_root.handlers):
    if isinstance(_handler, ColoredConsoleHandler):
        _handler.setStream(_StderrStream())
        if not sys.stderr.isatty():
            _root.removeHandler(_handler)
            _root.addHandler(_make_plain())
for _handler in _root.handlers:
    _handler.addFilter(_is_ours_or_serious)
    _handler.addFilter(_calm)

logger = logging.getLogger("ptmrec")
if not is_main():
    logger.setLevel(logging.WARNING)  # the main process of a run tells how it goes

__all__ = ["logger"]
