"""Estimates and tables shortlist; finalists are measured on this machine before they are named."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ptmrec.config.sections import HardwareConfig, PathsConfig
from ptmrec.core.progress import progress
from ptmrec.hardware.limits import Limits
from ptmrec.hardware.measurement import measure_models
from ptmrec.hardware.saved import MEASUREMENTS, save_measurement
from ptmrec.recommender.costing import CostBook
from ptmrec.recommender.limiting import Limiting, keep_limits
from ptmrec.zoo.snapshot import Snapshot

if TYPE_CHECKING:
    from ptmrec.recommender.session import Session

TRIES = 3
"""Times a model is measured before the table's value stands in for a machine that is never quiet."""


def measure_finalists(
    session: "Session", snapshots: Sequence[Snapshot], limits: Limits, book: CostBook, count: int | None
) -> "tuple[Session, Limiting, list[dict[str, str]]]":
    """Measure candidates on this machine, best first, until all that are shown are measured and keep the limits.

    Each measurement is kept, so that the next answer has it. One that is marked, as the machine was busy, is made
    again up to :data:`TRIES` times; then the table's value stands, with the reason.

    Args:
        session: a ranking within the limits, in which no candidate was run.
        snapshots: every model there is.
        limits: what was asked for.
        book: knows what models cost; it learns what is measured.
        count: models that are shown; None measures all.

    Returns:
        The ranking of what still keeps the limits, and what :func:`~ptmrec.recommender.limiting.keep_limits` says.

    Raises:
        NothingLeftError: measured, no model keeps the limits.
    """
    tries: Counter[str] = Counter()
    config, settings = session.config, session.config.get(HardwareConfig)
    folder = config.get(PathsConfig).artifacts / MEASUREMENTS
    while True:
        kept, limiting, out = keep_limits(snapshots, limits, book)
        session = replace(session, snapshots=kept)
        first = session.frame["model"] if count is None else session.frame["model"].head(count)
        shown = [session.find(name) for name in first if name not in session.lenders]
        todo = [
            snapshot
            for snapshot in shown
            if limiting.costs[snapshot.name].kind != "measured" and tries[snapshot.name] < TRIES
        ]
        if not todo:
            return session, limiting, out
        for found in progress(measure_models(todo, settings), "measuring", len(todo), each=True):
            tries[found.model] += 1
            book.take(found.to_dict())
            if not found.marks:
                save_measurement(folder, found)
