"""From an answer to a fine-tuned model: first candidates run shortly, the best of them for the rest of the time."""

import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ptmrec.config.sections import HardwareConfig
from ptmrec.core.errors import ConfigError
from ptmrec.core.files import write_folder
from ptmrec.core.log import logger
from ptmrec.core.words import count_of, first_few
from ptmrec.hardware.limits import costs_of
from ptmrec.images.parts import Parts, read_parts
from ptmrec.recommender.costs import list_cut
from ptmrec.recommender.measured import wilson_interval
from ptmrec.recommender.predict import predict
from ptmrec.recommender.references import one_thread
from ptmrec.recommender.short_runs import SEED, Plan, Run, RunBook, open_book, plan_for, trainable, verify_by_runs
from ptmrec.recommender.tune_report import about_model, name_data, write_report
from ptmrec.zoo.card import CARD_NAME
from ptmrec.zoo.features import extract_outputs
from ptmrec.zoo.snapshot import Snapshot
from ptmrec.zoo.sources import open_folder, plain_name
from ptmrec.zoo.tuned import Classifier, is_writable, read_classifier, sharpen, write_tuned

if TYPE_CHECKING:
    import pandas as pd
    from torch import nn

    from ptmrec.recommender.ranking import Ranking
    from ptmrec.recommender.recommendation import Recommendation
    from ptmrec.train.fine_tuner import FineTuner

FINALISTS, SEARCH = 24, 0.35
"""Candidates that are run shortly at most, and the share of the time they may take."""
LONGER, PASSES = ((3, 2), (9, 1)), 60
"""How many times longer runs are, and how many of the best are run so; times that a run sees each image at most."""
MEASURED = frozenset({"max_latency", "min_throughput", "max_energy", "max_memory"})
"""Limits that a measurement on this machine decides."""


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
        return predict(self.folder, images)

    def __str__(self) -> str:
        """One line."""
        interval = f"{self.accuracy:.3f} ({self.low:.3f}-{self.high:.3f})"
        tried = count_of(len(self.tried), "run")
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
    output, images = check_output(output, force), read_parts(*answer.request.source)
    ranking: Ranking = answer.ranking
    book = open_book(ranking.request.paths.artifacts, images)

    def left() -> float:
        return time_limit - (time.perf_counter() - started)

    finalists = list_finalists(ranking, book, SEARCH * time_limit)
    with one_thread(ranking.request.config):
        tried = search(book, finalists, ranking.plans, SEARCH * time_limit, left)
        chosen = next((run for run in tried if run.seconds < max(left(), 1.0)), None)
        if chosen is None:
            enough = np.ceil(time_limit - left() + 2 * min(run.seconds for run in tried))
            raise ConfigError(f"{time_limit:g} s are too short; what was run is kept, give --time-limit {enough:.0f}s")
        best = next(one for one in finalists if one.name == chosen.model)
        plan, steps = plan_for(best, ranking.plans), chosen.steps
        run = train_last(best, plan.lasting(steps), images, book.folder / f"last-{best.name}-{steps}", left)
        judged = judge(run.model, images)
    seconds = time.perf_counter() - started
    found = (*judged.interval, len(judged.labels), images.part)
    made = TunedModel(output, best.name, *found, tuple(tried), steps, seconds)
    name = plain_name(f"{best.name}-on-{name_data(ranking.request.data)}")

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


def list_finalists(ranking: "Ranking", book: RunBook, seconds: float) -> list[Snapshot]:
    """First candidates of a ranking that can be trained, written, and run once within a time.

    Raises:
        ConfigError: there is none.
    """
    found, slow = [], []
    for name in ranking.frame["model"]:
        snapshot = ranking.find(name)
        if name in ranking.stand_ins or not is_writable(snapshot):
            logger.info("%s is passed over: it could not be written once it is fine-tuned", name)
            continue
        plan = plan_for(snapshot, ranking.plans)
        needed = book.expected_seconds(snapshot, plan)
        (found if needed <= seconds or book.has(snapshot, plan) else slow).append((needed, snapshot))
        if len(found) == FINALISTS:
            break
    if slow:
        needed = min(needed for needed, _ in slow)
        names = first_few([snapshot.name for _, snapshot in slow])
        enough = f"--time-limit {np.ceil(needed / SEARCH):.0f}s runs one"
        told = f"not run, as one run would take too long: {names}; {enough}"
        if not found:
            raise ConfigError(f"no candidate fits the time; {told}")
        logger.info("%s", told)
    if not found:
        raise ConfigError("no candidate can be fine-tuned and written here; see ptmrec zoo list")
    return [snapshot for _, snapshot in found]


def search(
    book: RunBook,
    finalists: Sequence[Snapshot],
    plans: Mapping[str, Plan],
    seconds: float,
    left: Callable[[], float],
) -> list[Run]:
    """Short runs of the finalists, best first, then longer ones of the best of them while time is left.

    A longer run begins only where as long a one on all images would still fit behind it: ``seconds`` are for the short
    runs, ``left`` gives those that are left in all. Of equal runs the shorter comes first.

    Raises:
        ConfigError: none could be run.
    """
    scores = -np.arange(len(finalists), dtype=np.float64)
    ran = verify_by_runs(book, scores, finalists, plans, time_limit=seconds)
    there = {one.name: one for one, taken in zip(finalists, ran.seconds, strict=True) if not np.isnan(taken)}
    if not there:
        raise ConfigError("no candidate could be run; see above")
    runs = [book.run(one, plan_for(one, plans)) for one in there.values()]
    for times, kept in LONGER:
        for run in best_first(runs)[:kept]:
            plan = plan_for(there[run.model], plans)
            steps = times * plan.recipe.steps
            needed, most = run.seconds * steps / run.steps, PASSES * len(book.labels) / plan.recipe.batch_size
            if left() > 2 * needed and steps <= most:
                runs.append(book.run(there[run.model], plan.lasting(steps)))
    return best_first(runs)


def best_first(runs: Sequence[Run]) -> list[Run]:
    """The runs, the best first; of equal ones the shorter."""
    return sorted(runs, key=lambda run: (-run.accuracy, run.steps))


def train_last(
    best: Snapshot, plan: Plan, images: Parts, folder: Path, left: Callable[[], float], seed: int = SEED
) -> "FineTuner":
    """Train the best candidate on all training images, until the time is over; a stopped run goes on."""
    from ptmrec.train.fine_tuner import make_fine_tuner

    pictures = images.at(plan.pixels or best.card.input_size, images.training)
    labels = images.labels[images.training]
    tuner = make_fine_tuner(trainable(best, plan), pictures, labels, plan.recipe, seed, folder)
    tuner.deadline = time.perf_counter() + max(left(), 1.0)
    logger.info("fine-tuning %s for %d steps on all %d images", best.name, plan.recipe.steps, len(labels))
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
        share = float(self.right.mean())
        low, high = np.clip(wilson_interval(share, len(self.right), 0.95), 0, 1)
        return share, float(low), float(high)


def judge(model: "nn.Module", images: Parts) -> Judged:
    """Classify the images of the report; the temperature is the likeliest on them (Guo et al. 2017)."""
    from scipy.optimize import minimize_scalar

    rows, labels = images.report, images.labels[images.report]
    plain = extract_outputs(model, images.at(getattr(model, "input_size", 32), rows))[1]

    def loss(log_temperature: float) -> float:
        own = sharpen(plain, np.exp(log_temperature))[np.arange(len(labels)), labels]
        return -float(np.log(np.maximum(own, 1e-12)).mean())

    temperature = float(np.exp(minimize_scalar(loss, bounds=(-2.0, 2.0), method="bounded").x))
    return Judged(rows, labels, sharpen(plain, temperature), temperature)


def _keep_limits(folder: Path, answer: "Recommendation") -> None:
    """Refuse to write what breaks a limit, measured on this machine unless another one is meant.

    Raises:
        ConfigError: it does.
    """
    from ptmrec.hardware.measurement import measure_models

    request, found = answer.request, None
    measured = MEASURED & {*request.limits}
    if not request.limits or (measured and request.device):
        return
    snapshot = open_folder(folder)
    if measured:
        found = next(measure_models([snapshot], request.config.get(HardwareConfig))).to_dict()
    for row in list_cut({snapshot.name: costs_of(snapshot.card, found, "measured")}, request.limits):
        raise ConfigError(f"the fine-tuned model has {row['value']}, not {row['limit']}; nothing was written")
