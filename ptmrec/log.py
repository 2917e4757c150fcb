"""The one place where beautilog is set up.

beautilog writes its ini and its log into the working directory on import unless
``BEAUTILOG_CONFIG_PATH`` says otherwise, and logs to stdout, which belongs to the answers of the
command line. Import ``logger`` from here and from nowhere else.
"""

import logging
import os
import sys
import tempfile
from pathlib import Path

from tqdm import tqdm

from ptmrec.processes import is_main
from ptmrec.words import visible


def _log_dir() -> Path:
    """Folder of ``beautilog.ini`` and the log: ``artifacts/logs`` of the project, else a temporary one."""
    root = Path(__file__).resolve().parents[1]
    if (root / "pyproject.toml").is_file() and os.access(root, os.W_OK):
        return root / "artifacts" / "logs"
    return Path(tempfile.gettempdir()) / "ptmrec-logs"


os.environ.setdefault("BEAUTILOG_CONFIG_PATH", str(_log_dir() / "beautilog.ini"))

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
