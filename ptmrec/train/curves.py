"""The curves of a run, drawn while and after it runs; whatever goes wrong with them, the run goes on."""

import time
from pathlib import Path

from ptmrec.core.errors import one_line
from ptmrec.core.files import write_bytes
from ptmrec.core.log import logger
from ptmrec.train.history import History

EVERY = 180.0
"""Seconds between two drawings of the files of a run that goes on."""
LIVE_SHARE = 0.1
"""Share of the time that a live plot may take."""
ALT = "Lines against epochs: the loss as it is, on a log scale and as a rolling mean, and each further metric."


class Curves:
    """Draws the curves of one run.

    Args:
        name: the trainer's name, with which the files begin.
        folder: where ``<name>_curves.png`` and ``.pdf`` go; None writes none.
        live: show them in the notebook's cell as well, and keep them up to date there.
    """

    def __init__(self, name: str, folder: Path | None, live: bool = False) -> None:
        self._name, self._folder, self._live = name, folder, live
        self._display = None
        self._written = time.monotonic()
        self._next = 0.0

    def follow(self, history: History) -> None:
        """Take in an epoch: what is on the screen or on disk is drawn anew when it is time."""
        now = time.monotonic()
        if self._live and now >= self._next:
            self._try(self._show, history)
            ended = time.monotonic()
            self._next = ended + (ended - now) / LIVE_SHARE
        if self._folder and now - self._written > EVERY:
            self._try(self._write, history)

    def finish(self, history: History) -> None:
        """Draw a run that ended, however it did; one without an epoch has no curves."""
        if len(history) and self._live:
            self._try(self._show, history)
        if len(history) and self._folder:
            self._try(self._write, history)

    def _try(self, draw, history: History) -> None:
        try:
            draw(history)
        except Exception as error:  # a picture is worth no run
            logger.warning("%s: no curves are drawn (%s)", self._name, one_line(error) or type(error).__name__)
            self._folder, self._live = None, False

    def _write(self, history: History) -> None:
        from ptmrec.plots.style import pictures  # brings matplotlib, which training does without

        for kind, content in pictures(history.plot(), ALT).items():
            write_bytes(self._folder / f"{self._name}_curves.{kind}", content)
        self._written = time.monotonic()

    def _show(self, history: History) -> None:
        from IPython.display import Image, display

        from ptmrec.plots.style import picture

        image = Image(picture(history.plot()), alt=ALT)
        if self._display is None:
            self._display = display(image, display_id=True)
        else:
            self._display.update(image)
