"""Verification: the first candidates of a ranking are run on the user's images, within a number or a time."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ptmrec.core.errors import DataError, NoWeightsError
from ptmrec.core.log import logger
from ptmrec.core.progress import progress
from ptmrec.relations.ridge import draw_splits, split_probe
from ptmrec.zoo.features import extract_features

if TYPE_CHECKING:
    from ptmrec.images.user_images import UserImages
    from ptmrec.zoo.architectures import SmallModel
    from ptmrec.zoo.photo_model import PhotoModel

PROBE = "a probe"
"""What learns where candidates are verified with frozen features."""


@dataclass(frozen=True)
class Verification:
    """What running candidates revealed, and what it cost.

    Attributes:
        accuracies: ``(N,)`` accuracy of a probe of each candidate's features, NaN = not run; see
            :func:`~ptmrec.relations.ridge.split_probe`.
        seconds: ``(N,)`` time each took, loading included; NaN = not run.
        learned: images that each learned from; judged: the other images, on which it was judged.
        passed_over: sentences about candidates that were to be run and were not.
        how: what learned: a probe of frozen features, or the whole model in a short run.
    """

    accuracies: np.ndarray
    seconds: np.ndarray
    learned: int
    judged: int
    passed_over: tuple[str, ...] = ()
    how: str = PROBE

    @property
    def passes(self) -> int:
        """Candidates that were run."""
        return int((~np.isnan(self.seconds)).sum())

    @property
    def total_seconds(self) -> float:
        """Time they took together."""
        return float(np.nansum(self.seconds))

    def joined(self, later: "Verification") -> "Verification":
        """This and what was run after it."""
        ran = ~np.isnan(later.seconds)
        accuracies = np.where(ran, later.accuracies, self.accuracies)
        return replace(later, accuracies=accuracies, seconds=np.where(ran, later.seconds, self.seconds))

    def to_dict(self) -> dict[str, Any]:
        """As JSON: how many models were run, seconds, images of the probes, and sentences about models not run."""
        seconds, left = round(self.total_seconds, 2), {"not_run": list(self.passed_over)}
        return {"models": self.passes, "seconds": seconds, "learned": self.learned, "judged": self.judged, **left}

    def lines(self) -> tuple[str, ...]:
        """What was not run and why, and a sentence about the cost of what was."""
        if not self.passes:
            return (*self.passed_over, "no candidate was run on the images")
        of = f"{self.passes} of {len(self.seconds)} candidates"
        repeated = ", several times" if self.how == PROBE else ""
        learned = f"{self.how} learned from {self.learned} images and was judged on the {self.judged} others"
        return (*self.passed_over, f"verified {of} on the images in {self.total_seconds:.1f} s: {learned}{repeated}")


def check_labels(images: "UserImages") -> None:
    """Refuse to run candidates on images that no probe can learn from and be judged on.

    Raises:
        DataError: they have no labels, or one image of each class.
    """
    if images.num_classes < 2:
        raise DataError("candidates can be verified on labelled images of two classes or more; give labels")
    if np.unique(images.labels, return_counts=True)[1].max() < 2:
        raise DataError("candidates cannot be verified on one image of each class; give more images")


def verify_candidates(
    scores: np.ndarray,
    loaders: Sequence[Callable[[], "SmallModel | PhotoModel"]],
    images: np.ndarray,
    labels: np.ndarray,
    count: int | None = None,
    time_limit: float | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> Verification:
    """Judge N candidates, which ``loaders`` load, by a probe of their features, best first.

    Images are ``(n, H, W, 3)`` uint8, labels ``(n,)`` class indices; for the others see :func:`run_first`.

    Raises:
        ValueError: labels that cannot be split, see :func:`check_labels`.
    """
    splits = draw_splits(labels)

    def run(index: int) -> float:
        return split_probe(extract_features(loaders[index](), images), labels, splits)

    ran = run_first(scores, run, count, time_limit, clock)
    return Verification(*ran, *map(len, splits[0]))


def run_first(
    scores: np.ndarray,
    run: Callable[[int], float],
    count: int | None = None,
    time_limit: float | None = None,
    clock: Callable[[], float] = time.perf_counter,
    work: np.ndarray | None = None,
    took: Callable[[int], float] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Run candidates, best first, until ``count`` have run or one more might pass the time limit.

    Models whose weights are not here are passed over, each with a line. A candidate is expected to take as long as the
    slowest so far, for as much work, and passed over when that is too long. The first is run whatever the limit.

    Args:
        scores: ``(N,)`` of the candidates, larger is better; NaN = no candidate.
        run: gives the accuracy of a candidate, by index.
        count: how many at most; all without it.
        time_limit: seconds at most.
        clock: tells the time in seconds.
        work: ``(N,)`` of each candidate, in any unit; the same for all without it.
        took: seconds of a candidate that has run, where it may have run before.

    Returns:
        Accuracies and seconds ``(N,)``, NaN = not run.
    """
    order = np.argsort(-scores, kind="stable")
    order = order[~np.isnan(scores[order])]
    work = np.ones(len(scores)) if work is None else work
    accuracies, seconds = np.full(len(scores), np.nan), np.full(len(scores), np.nan)
    start, ran = clock(), 0
    for index in progress(order, "running candidates", count):
        before = clock()
        if ran == count:
            break
        if ran and time_limit is not None and before - start + np.nanmax(seconds / work) * work[index] > time_limit:
            continue
        try:
            accuracies[index] = run(index)
        except NoWeightsError as error:
            logger.warning("not run: %s", error)
            continue
        seconds[index], ran = clock() - before if took is None else took(index), ran + 1
    return accuracies, seconds
