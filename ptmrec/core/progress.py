"""One progress helper for live kernels, papermill and pipes. Nothing else imports tqdm's bars."""

import os
import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from ptmrec.core.processes import is_main
from ptmrec.core.words import visible

Item = TypeVar("Item")
LONG_SILENCE = 300.0
"""Seconds after which a plain line is printed before the next tenth is reached."""


def progress(
    iterable: Iterable[Item], description: str, total: int | None = None, leave: bool = True, each: bool = False
):
    """Iterate with a progress bar that suits where the output goes.

    A terminal or a live kernel gets tqdm's bar. Elsewhere (``PTMREC_PROGRESS=plain``, papermill, a
    pipe) one line with what is left is printed to stderr per tenth of the way, or every five minutes, because
    bars turn into carriage-return noise there; in a kernel each takes the place of the one before.
    ``PTMREC_PROGRESS=off`` prints nothing.

    Args:
        iterable: what to iterate over.
        description: a few words shown before the bar.
        total: number of items when ``iterable`` has no length.
        leave: keep the finished bar on the screen.
        each: items take long: a plain line for every one.
    """
    suited = "bar" if "ipykernel" in sys.modules or sys.stderr.isatty() else "plain"
    mode = os.environ.get("PTMREC_PROGRESS") or suited
    if mode == "off" or not is_main():
        return iter(iterable)
    description = visible(description)
    if total is None and hasattr(iterable, "__len__"):
        total = len(iterable)
    if mode == "bar":
        from tqdm import tqdm  # not tqdm.auto: without widgets it warns in every kernel

        return tqdm(iterable, desc=description, total=total, leave=leave, dynamic_ncols=True)
    return _plain(iterable, description, total, each)


def _plain(iterable: Iterable[Item], description: str, total: int | None, each: bool) -> Iterator[Item]:
    started = shown_at = time.monotonic()
    shown = 0
    for done, item in enumerate(iterable, start=1):
        yield item
        now = time.monotonic()
        tenth = 10 * done // total if total else 0
        if total and (each or total >= 10) and (each or tenth > shown or now - shown_at > LONG_SILENCE):
            shown, shown_at = tenth, now
            left = (now - started) * (total - done) / done
            estimate = f", about {left / 60:.0f} min left" if left > 90 else ""
            line = f"{description}: {done}/{total}{estimate}"
            kernel = type(sys.stderr).__module__.startswith("ipykernel")
            sys.stderr.write(f"\r{line}" + "\n" * (done == total) if kernel else f"{line}\n")
            sys.stderr.flush()
