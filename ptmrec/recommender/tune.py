"""From an answer to a fine-tuned model: first candidates run shortly, the best of them for the rest of the time."""

import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ptmrec.config.sections import HardwareConfig
from ptmrec.core.errors import ConfigError, DataError
from ptmrec.core.files import read_json, write_folder, write_json
from ptmrec.core.log import logger
from ptmrec.core.words import count_of
from ptmrec.images.user_images import read_test_images, read_user_images
from ptmrec.recommender.ranking import shrink
from ptmrec.recommender.references import one_thread
from ptmrec.recommender.short_runs import (
    HELD_OUT,
    RUNS,
    SEED,
    Plan,
    Run,
    RunBook,
    hold_out,
    plan_for,
    trainable,
    verify_by_runs,
)
from ptmrec.recommender.tune_report import about_model, write_report
from ptmrec.zoo.card import CARD_NAME
from ptmrec.zoo.snapshot import Snapshot
from ptmrec.zoo.tuned import Classifier, is_writable, plain_name, read_classifier, sharpen, write_tuned

if TYPE_CHECKING:
    import pandas as pd
    from torch import nn

    from ptmrec.recommender.ranking import Ranking
    from ptmrec.recommender.recommendation import Recommendation
    from ptmrec.recommender.request import Request
    from ptmrec.train.fine_tuner import FineTuner

FINALISTS, SEARCH = 8, 0.35
"""Candidates that are run shortly at most, and the share of the time they may take."""
PASSES, LEFT = 60, 0.85
"""Times that the best one sees each image at most; the share of the time left that its steps are planned for."""
PACE = 25.0
"""Billion multiply-accumulate operations a second of training, by which the first run is judged too long."""
MEASURED = frozenset({"max_latency", "min_throughput", "max_energy", "max_memory"})
"""Limits that a measurement on this machine decides."""


@dataclass(frozen=True)
class Images:
    """The images of a person, in the parts they are used in.

    Attributes:
        pictures: PIL images, or ``(n, H, W, 3)`` uint8; labels: ``(n,)`` class indices.
        class_names: of the classes.
        training: positions of those to learn from; report: of those that judge what is written, and nothing else.
        part: where the latter are from, in words.
    """

    pictures: Any
    labels: np.ndarray
    class_names: tuple[str, ...]
    training: np.ndarray
    report: np.ndarray
    part: str

    def at(self, side: int, rows: np.ndarray | None = None) -> np.ndarray:
        """Images ``(n, S, S, 3)`` uint8 of so many pixels, or fewer where none has as many."""
        rows = np.arange(len(self.labels)) if rows is None else rows
        return shrink([self.pictures[row] for row in rows], side)


@dataclass(frozen=True)
class TunedModel:
    """What :meth:`~ptmrec.recommender.recommendation.Recommendation.tune` made.

    Attributes:
        folder: where it was written.
        model: the model it was made from.
        accuracy: on ``judged`` images that took no part; low, high: ends of its 95 % interval.
        tried: the short runs that chose it, the best first.
        steps: of the last run.
        seconds: in all.
    """

    folder: Path
    model: str
    accuracy: float
    low: float
    high: float
    judged: int
    part: str
    tried: tuple[Run, ...]
    steps: int
    seconds: float

    def load(self) -> Classifier:
        """The model, ready to classify."""
        return read_classifier(self.folder)

    def predict(self, images: Any) -> "pd.DataFrame":
        """Class and probability of each image, see :func:`~ptmrec.recommender.predict.predict`."""
        from ptmrec.recommender.predict import predict

        return predict(self.folder, images)

    def __str__(self) -> str:
        """One line."""
        interval = f"{self.accuracy:.3f} ({self.low:.3f}-{self.high:.3f})"
        tried = count_of(len(self.tried), "short run")
        return (
            f"{self.folder}: {self.model}, fine-tuned for {self.steps} steps after {tried} in {self.seconds:.0f} s; "
            f"accuracy {interval} on {self.judged} images of {self.part}"
        )


def tune(answer: "Recommendation", output: Path, time_limit: float = 600.0, force: bool = False) -> TunedModel:
    """Fine-tune the best model for an answer's images and write it, see ``Recommendation.tune``.

    Raises:
        ConfigError: the folder exists, or the time is too short for one run.
        DataError: the images cannot be used.
    """
    started = time.perf_counter()
    output, images = check_output(output, force), read_images(answer.request)
    ranking = _measured_first(answer)
    learned = images.labels[images.training]
    book = RunBook(
        ranking.request.paths.artifacts / RUNS,
        lambda side: images.at(side, images.training),
        learned,
        hold_out(learned),
    )
    before = book.spent  # by an earlier try that was stopped

    def left() -> float:
        return time_limit - before - (time.perf_counter() - started)

    finalists = list_finalists(ranking, book, SEARCH * time_limit)
    tried = search(ranking, book, finalists, max(SEARCH * time_limit - before, 1e-3))
    best = next(one for one in finalists if one.name == tried[0].model)
    run = _train(best, tried[0], plan_for(best, ranking.plans), images, book.folder / "last", left)
    judged = judge(run.model, images)
    steps = run.options.epochs * len(run.train_loader)
    seconds = before + time.perf_counter() - started
    made = TunedModel(
        output, best.name, *judged.interval, len(judged.labels), images.part, tuple(tried), steps, seconds
    )
    name = plain_name(best.name, ranking.request.data)

    def write(folder: Path) -> None:
        write_tuned(folder, best, run.model, about_model(name, best, ranking.request, images, judged, made))
        write_report(folder, judged, images)
        _keep_limits(folder, answer)

    write_folder(output, write)
    shutil.rmtree(book.folder, ignore_errors=True)
    return made


def check_output(output: Path | str, force: bool) -> Path:
    """The folder to write, absolute.

    Raises:
        ConfigError: it exists, or cannot be made.
    """
    path = Path(output).expanduser().absolute()
    if path.exists() and not force:
        raise ConfigError(f"{path}: exists; give another folder, or --force to write it anew (force=True in Python)")
    if path.exists() and not (path / CARD_NAME).is_file():
        raise ConfigError(f"{path}: no model folder, which is not replaced; give another folder")
    for parent in path.parents:
        if parent.exists() and not parent.is_dir():
            raise ConfigError(f"{path}: {parent} is a file, no folder; give another folder")
    return path


def read_images(request: "Request") -> Images:
    """All images of a request, and which of them judge what is written: its test part, else a fifth of each class.

    Raises:
        DataError: no labels, one class, one image of each class, or a test part of other classes.
    """
    source, labels, skip = request.source
    read = read_user_images(source, labels, skip, whole=True)
    if read.num_classes < 2:
        raise DataError(f"{request.data}: no labels, so nothing to learn; give one folder per class, or labels")
    test = read_test_images(source, labels, skip) if isinstance(labels, str | Path | None) else None
    pictures, own = list(read.images), read.labels
    if test is None:
        if np.unique(own, return_counts=True)[1].max() < 3:
            raise DataError(f"{request.data}: two images of a class at most; learning and judging take three or more")
        training, report = hold_out(own, HELD_OUT, seed=0)
        return Images(pictures, own, read.class_names, training, report, "the images, held out")
    strange = sorted({*test.class_names} - {*read.class_names})
    if strange:
        raise DataError(
            f"{request.data}: its test part holds {strange[0]!r}, which its training part does not; mend it"
        )
    told = np.array([read.class_names.index(name) for name in test.class_names])[test.labels]
    rows = np.arange(len(own) + len(told))
    labels = np.concatenate([own, told])
    return Images(pictures + list(test.images), labels, read.class_names, *np.split(rows, [len(own)]), "the test part")


def list_finalists(ranking: "Ranking", book: RunBook, seconds: float) -> list[Snapshot]:
    """First candidates of a ranking that can be trained, written, and run once within a time.

    Raises:
        ConfigError: there is none.
    """
    found, slow = [], []
    for name in ranking.frame["model"]:
        snapshot = ranking.find(name)
        if name in ranking.stand_ins or not is_writable(snapshot):
            logger.info(
                "%s is passed over: it cannot be written once it is fine-tuned; rec.load(%r) loads it", name, name
            )
            continue
        needed = expected_seconds(snapshot, plan_for(snapshot, ranking.plans))
        (found if needed <= seconds or book.has(snapshot, plan_for(snapshot, ranking.plans)) else slow).append(
            (needed, snapshot)
        )
        if len(found) == FINALISTS:
            break
    if not found and slow:
        needed, snapshot = min(slow, key=lambda pair: pair[0])
        asked = f"{needed / SEARCH:.0f}s"
        raise ConfigError(
            f"a short run of {snapshot.name} takes about {needed:.0f} s; give --time-limit {asked} or more"
        )
    if not found:
        raise ConfigError("no candidate can be fine-tuned and written here; see ptmrec zoo list")
    if slow:
        logger.info("%s not run: one run would take too long", count_of(len(slow), "model"))
    return [snapshot for _, snapshot in found]


def expected_seconds(snapshot: Snapshot, plan: Plan, steps: int | None = None) -> float:
    """Seconds that a run is likely to take, from the model's operations at its pixels."""
    scale = (plan.pixels / snapshot.card.input_size) ** 2 if plan.pixels and snapshot.card.input_size else 1.0
    return 3 * (snapshot.card.gmacs or 1.0) * scale * plan.recipe.batch_size * (steps or plan.recipe.steps) / PACE


def search(ranking: "Ranking", book: RunBook, finalists: Sequence[Snapshot], seconds: float) -> list[Run]:
    """Short runs of the finalists, best first, until the time is over: the runs, the best first."""
    scores = -np.arange(len(finalists), dtype=np.float64)
    with one_thread(ranking.request.config):
        ran = verify_by_runs(book, scores, finalists, ranking.plans, time_limit=seconds)
    done = [
        book.run(one, plan_for(one, ranking.plans)) for one, it in zip(finalists, ran.seconds, strict=True) if it == it
    ]
    return sorted(done, key=lambda run: -run.accuracy)


def _train(
    best: Snapshot, run: Run, plan: Plan, images: Images, folder: Path, left: Callable[[], float]
) -> "FineTuner":
    """Train the best candidate on all training images for the time that is left; a stopped run goes on as planned."""
    from ptmrec.train.fine_tuner import PARTS, make_fine_tuner

    path, labels = folder / "plan.json", images.labels[images.training]
    if not path.is_file():
        most = PASSES * len(labels) // plan.recipe.batch_size
        steps = min(most, int(LEFT * left() / (run.seconds / run.steps)))
        write_json(path, {"model": best.name, "steps": max(run.steps, steps // PARTS * PARTS)})
    steps = read_json(path)["steps"]
    side = plan.pixels or best.card.input_size
    pictures = images.at(side, images.training)
    tuner = make_fine_tuner(trainable(best, plan), pictures, labels, plan.recipe.lasting(steps), SEED, folder)
    tuner.deadline = time.perf_counter() + max(left(), 1.0)
    logger.info("fine-tuning %s for %d steps", best.name, steps)
    tuner.fit(resume=True)
    return tuner


@dataclass(frozen=True)
class Judged:
    """What the images of the report say of a fine-tuned model.

    Attributes:
        rows: positions of the images; labels: ``(n,)`` their classes.
        probabilities: ``(n, C)``, calibrated.
        temperature: by which.
    """

    rows: np.ndarray
    labels: np.ndarray
    probabilities: np.ndarray
    temperature: float

    @property
    def right(self) -> np.ndarray:
        """Whether each image gets its class, ``(n,)``."""
        return self.probabilities.argmax(axis=1) == self.labels

    @property
    def interval(self) -> tuple[float, float, float]:
        """Accuracy and the ends of its 95 % interval (Wilson 1927)."""
        from scipy.stats import binomtest

        found = binomtest(int(self.right.sum()), len(self.right))
        ends = found.proportion_ci(method="wilson")
        return found.statistic, ends.low, ends.high


def judge(model: "nn.Module", images: Images) -> Judged:
    """Classify the images of the report; the temperature is the likeliest on them (Guo et al. 2017)."""
    from scipy.optimize import minimize_scalar

    from ptmrec.zoo.features import extract_outputs

    rows, labels = images.report, images.labels[images.report]
    plain = extract_outputs(model, images.at(getattr(model, "input_size", 32), rows))[1]

    def loss(log_temperature: float) -> float:
        own = sharpen(plain, np.exp(log_temperature))[np.arange(len(labels)), labels]
        return -float(np.log(np.maximum(own, 1e-12)).mean())

    temperature = float(np.exp(minimize_scalar(loss, bounds=(-2.0, 2.0), method="bounded").x))
    return Judged(rows, labels, sharpen(plain, temperature), temperature)


def _measured_first(answer: "Recommendation") -> "Ranking":
    """The ranking of models whose limits on time or energy hold as measured on this machine."""
    from ptmrec.recommender.costs import CostBook, measure_finalists

    request = answer.request
    if request.device or request.measure != "none" or not MEASURED & {*request.limits}:
        return answer.ranking
    return measure_finalists(answer.ranking, CostBook(request.paths, None), FINALISTS)[0]


def _keep_limits(folder: Path, answer: "Recommendation") -> None:
    """Refuse to write what breaks a limit, measured on this machine unless another one is meant.

    Raises:
        ConfigError: it does.
    """
    from ptmrec.hardware.limits import LIMITS, broken, costs_of
    from ptmrec.zoo.sources import open_folder

    request = answer.request
    if not request.limits:
        return
    snapshot, found = open_folder(folder), None
    if MEASURED & {*request.limits} and not request.device:
        from ptmrec.hardware.measurement import measure_models

        found = next(measure_models([snapshot], request.config.get(HardwareConfig))).to_dict()
    costs = costs_of(snapshot.card, found, "measured")
    for name in broken(costs, request.limits)[:1] if found or not MEASURED & {*request.limits} else ():
        limit = LIMITS[name]
        value = limit.format(limit.read(costs))
        raise ConfigError(
            f"the fine-tuned model has {value}, not {limit.format(request.limits[name])}; nothing was written"
        )
