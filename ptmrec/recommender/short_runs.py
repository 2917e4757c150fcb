"""Short fine-tunings of candidates on the user's images, under the recipe the ground truth was measured with."""

import shutil
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from torch import nn

    from ptmrec.train.recipe import Recipe

HELD_OUT = 0.2
"""Share of each class that runs are judged on, as in the ground truth; one image of it at least."""
SEED = 10
"""Of the runs: another one than those of the ground truth."""


def hold_out(labels: np.ndarray, share: float = HELD_OUT, seed: int = SEED) -> tuple[np.ndarray, np.ndarray]:
    """Positions of the images to learn from and of those to judge on, both with every class of two images or more.

    Args:
        labels: ``(n,)`` class indices.
        share: of each class that is held out, one image of it at least.
        seed: of the draw.

    Raises:
        ValueError: no class has two images.
    """
    generator, learned, judged = np.random.default_rng(seed), [], []
    for label in np.unique(labels):
        group = generator.permutation(np.flatnonzero(labels == label))
        cut = min(len(group) - 1, max(1, round(share * len(group))))
        judged.append(group[:cut])
        learned.append(group[cut:])
    if not any(map(len, judged)):
        raise ValueError("no class has two images, so none can be held out")
    return np.sort(np.concatenate(learned)), np.sort(np.concatenate(judged))


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


def run_candidate(
    name: str,
    load: "Callable[[], nn.Module]",
    images: np.ndarray,
    labels: np.ndarray,
    parts: tuple[np.ndarray, np.ndarray],
    recipe: "Recipe",
    folder: Path,
) -> Run:
    """Fine-tune a candidate and judge it on the images held out; a run that was stopped goes on where it was.

    Args:
        name: of the model.
        load: gives it.
        images: ``(n, H, W, 3)`` uint8.
        labels: ``(n,)`` class indices from 0.
        parts: of :func:`hold_out`.
        recipe: of the run.
        folder: where its state is saved until it is done.
    """
    from ptmrec.train.fine_tuner import make_fine_tuner

    before = time.perf_counter()
    learned, judged = parts
    run = make_fine_tuner(load(), images[learned], labels[learned], recipe, SEED, folder)
    run.fit(resume=True)
    accuracy = float((run.model.scores(images[judged]).argmax(axis=1) == labels[judged]).mean())
    shutil.rmtree(folder, ignore_errors=True)
    return Run(name, recipe.steps, recipe.learning_rate, accuracy, time.perf_counter() - before)


def usual_recipes(records: Mapping[str, Sequence[Mapping[str, Any]]], without: str = "") -> "dict[str, Recipe]":
    """The recipe of each fine-tuned model, with the peak of the learning rate that was best on most data sets.

    Args:
        records: ground truth, data set -> records.
        without: a data set that does not count.
    """
    from ptmrec.train.recipe import Recipe

    found: dict[str, Counter] = {}
    for dataset, rows in records.items():
        for row in rows if dataset != without else ():
            if row["regime"] == "fine_tuning":
                own = row["recipe"]
                key = (own["steps"], own["batch_size"], own["learning_rate"])
                found.setdefault(row["model_name"], Counter())[key] += 1
    return {name: Recipe(*min(count, key=lambda key: (-count[key], key)), 0.02) for name, count in found.items()}
