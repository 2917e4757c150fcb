"""Short fine-tunings of candidates on the user's images, under the recipe the ground truth was measured with."""

import hashlib
import json
import shutil
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ptmrec.core.errors import NoWeightsError, PtmrecError, one_line, reading
from ptmrec.core.files import read_json, write_json
from ptmrec.images.arrays import SIZE
from ptmrec.images.parts import Parts, hold_out
from ptmrec.recommender.verify import Verification, run_first
from ptmrec.train.recipe import Recipe
from ptmrec.zoo.features import accuracy
from ptmrec.zoo.snapshot import Snapshot

if TYPE_CHECKING:
    from torch import nn

RUNS = "runs"
"""Folder of the books of runs among the artifacts."""
SEED = 10
"""Of the runs: another one than those of the ground truth."""
PACE = 25.0
"""Billion multiply-accumulate operations a second of training, by which a run is expected to take its time."""
STEPS, DECAY = 100, 0.02
"""Steps and weight decay of the recipe where no record states them."""


@dataclass(frozen=True)
class Run:
    """A fine-tuning that is done.

    Attributes:
        model: its name.
        steps: of the schedule; learning_rate: its peak.
        accuracy: on the images held out, 0 to 1.
        seconds: it took, loading included.
    """

    model: str
    steps: int
    learning_rate: float
    accuracy: float
    seconds: float


def open_book(artifacts: Path, images: Parts) -> "RunBook":
    """The runs on images of a person, told apart from those on others by all of their pixels and labels."""
    labels = images.labels[images.training]
    digest = hashlib.sha256(images.at(SIZE, images.training).tobytes())
    digest.update(json.dumps([labels.tolist(), images.class_names]).encode())
    folder = artifacts / RUNS / digest.hexdigest()[:16]
    return RunBook(folder, lambda side: images.at(side, images.training), labels)


class Plan(NamedTuple):
    """How a candidate is fine-tuned.

    Attributes:
        recipe: see :class:`~ptmrec.train.recipe.Recipe`.
        pixels: height and width of its images; 0 = the model's own.
    """

    recipe: Recipe
    pixels: int = 0

    def lasting(self, steps: int) -> "Plan":
        """The plan with so many steps."""
        return Plan(self.recipe.lasting(steps), self.pixels)


def usual_plans(records: Mapping[str, Sequence[Mapping[str, Any]]], without: str = "") -> dict[str, Plan]:
    """How each fine-tuned model was fine-tuned, at the peak of the learning rate that was best on most data sets.

    The ground truth holds records by data set; one of these may be left out.
    """
    found: dict[str, Counter] = {}
    for dataset, rows in records.items():
        for row in rows if dataset != without else ():
            if row["regime"] == "fine_tuning":
                own = row["recipe"]
                key = (own["steps"], own["batch_size"], own["learning_rate"], own.get("pixels", 0))
                found.setdefault(row["model_name"], Counter())[key] += 1
    best = {name: min(count, key=lambda key: (-count[key], key)) for name, count in found.items()}
    return {name: Plan(Recipe(*key[:3], DECAY), key[3]) for name, key in best.items()}


def plan_for(snapshot: Snapshot, known: Mapping[str, Plan]) -> Plan:
    """That of a known model; of another one that of small networks, or of networks for photographs."""
    batch_size, rate = (32, 2e-3) if snapshot.is_small else (16, 1e-3)
    return known.get(snapshot.name) or Plan(Recipe(STEPS, batch_size, rate, DECAY))


class RunBook:
    """Runs on the same images, one file for each that is done: a kill loses none, and asking again costs nothing.

    Args:
        folder: of the book.
        pictures: gives the images ``(n, S, S, 3)`` uint8 in a size of so many pixels.
        labels: ``(n,)`` class indices.
        clock: tells the time in seconds.
        seed: of the runs, and of what is held out to judge them.
    """

    def __init__(
        self,
        folder: Path,
        pictures: Callable[[int], np.ndarray],
        labels: np.ndarray,
        clock: Callable[[], float] = time.perf_counter,
        seed: int = SEED,
    ) -> None:
        self.folder, self.pictures, self.labels, self.clock, self.seed = folder, cache(pictures), labels, clock, seed
        self.parts = hold_out(labels, seed=seed)

    def _path(self, snapshot: Snapshot, plan: Plan) -> Path:
        return self.folder / f"{snapshot.name}-{plan.recipe.steps}-{plan.recipe.learning_rate:g}.json"

    def has(self, snapshot: Snapshot, plan: Plan) -> bool:
        """Whether a run is there."""
        return self._path(snapshot, plan).is_file()

    def run(self, snapshot: Snapshot, plan: Plan) -> Run:
        """The run of a candidate, made now unless it is there.

        Raises:
            ArtifactError: its weights are missing, or it cannot be trained.
        """
        path = self._path(snapshot, plan)
        if path.is_file():
            with reading(path, "delete it"):
                return Run(**read_json(path))
        run = self._run(snapshot, plan)
        write_json(path, asdict(run))
        return run

    def _run(self, snapshot: Snapshot, plan: Plan) -> Run:
        """Fine-tune and judge; a run that was stopped goes on where it was."""
        from ptmrec.train.fine_tuner import make_fine_tuner

        before, folder, recipe = self.clock(), self.folder / f"running-{snapshot.name}", plan.recipe
        images = self.pictures(plan.pixels or snapshot.card.input_size or SIZE)
        (learned, judged), labels = self.parts, self.labels
        model = trainable(snapshot, plan)
        run = make_fine_tuner(model, images[learned], labels[learned], recipe, self.seed, folder)
        run.fit(resume=True)
        found = accuracy(run.model, images[judged], labels[judged])
        shutil.rmtree(folder, ignore_errors=True)
        return Run(snapshot.name, recipe.steps, recipe.learning_rate, found, self.clock() - before)

    def expected_seconds(self, snapshot: Snapshot, plan: Plan) -> float:
        """Seconds of a run: as long as it took, or else what the model's operations at its pixels make likely."""
        if self.has(snapshot, plan):
            return max(self.run(snapshot, plan).seconds, 1e-3)
        scale = (plan.pixels / snapshot.card.input_size) ** 2 if plan.pixels and snapshot.card.input_size else 1.0
        return 3 * (snapshot.card.gmacs or 1.0) * scale * plan.recipe.batch_size * plan.recipe.steps / PACE


def trainable(snapshot: Snapshot, plan: Plan) -> "nn.Module":
    """A model whose weights can be trained, for the pixels of its plan.

    Raises:
        ArtifactError: it cannot be trained here.
    """
    model = snapshot.load()
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise NoWeightsError(f"{snapshot.name}: its file holds a fixed program, whose weights cannot be trained")
    if plan.pixels:
        model.input_size = plan.pixels
    return model


def verify_by_runs(
    book: RunBook,
    scores: np.ndarray,
    snapshots: Sequence[Snapshot],
    plans: Mapping[str, Plan],
    count: int | None = None,
    time_limit: float | None = None,
) -> Verification:
    """Fine-tune N candidates on the images of a book, best first, by the plans of known models.

    The other arguments are those of :func:`~ptmrec.recommender.verify.run_first`.
    """
    own = [plan_for(snapshot, plans) for snapshot in snapshots]
    work = np.array([book.expected_seconds(*pair) for pair in zip(snapshots, own, strict=True)])

    def run(index: int) -> float:
        try:
            return book.run(snapshots[index], own[index]).accuracy
        except NoWeightsError:
            raise
        except (PtmrecError, RuntimeError) as error:  # torch says so of a network that gives no gradient
            raise NoWeightsError(f"{snapshots[index].name} cannot be fine-tuned: {one_line(error)}") from None

    def took(index: int) -> float:
        return book.run(snapshots[index], own[index]).seconds

    ran = run_first(scores, run, count, time_limit, book.clock, work, took)
    how = f"a fine-tuning of {own[0].recipe.steps} steps"
    return Verification(*ran, *map(len, book.parts), how=how)
