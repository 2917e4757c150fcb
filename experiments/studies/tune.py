"""What fine-tuning within a time is worth: ``ptmrec tune``'s search beside simpler choices, each data set left out.

Every method trains on the same training images and is judged on the same untouched test images. Time is that of one
processor core, so that what else runs does not count.
"""

import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from experiments.evaluation.baselines.static import mean_rank
from experiments.evaluation.statistics import mean_interval
from experiments.studies.crossed import BLIND_DATA, Case, CrossedEvaluation
from experiments.zoo_build.image_sets import ImageData, load_image_npz
from experiments.zoo_build.measure import probe_all
from ptmrec.config.sections import GroundTruthConfig
from ptmrec.core.files import read_json, write_json, write_text
from ptmrec.core.progress import progress
from ptmrec.core.text import csv_text
from ptmrec.images.parts import Parts
from ptmrec.pipeline.project import Project
from ptmrec.recommender.references import one_thread
from ptmrec.recommender.short_runs import Plan, RunBook, plan_for, usual_plans
from ptmrec.recommender.tune import FINALISTS, SEARCH, search, train_last
from ptmrec.zoo.features import accuracy, extract_features
from ptmrec.zoo.real import read_models
from ptmrec.zoo.snapshot import Snapshot

DATASETS = ("flowers5", "trashnet", "cifar10", "hotdog", "rsscn7", "plankton30", "blood_cells", "neu_defects")
DATASETS += ("mnist", "doodles8")
"""Ten image sets: photographs, aerial scenes, microscopy, surfaces, digits and sketches."""
OURS, HALVING = "Cross-Select, tune", "successive halving, random candidates"
SINGLE = ("first recommendation", "largest model", "mean rank", "random model")
"""Single models, fine-tuned once by the usual recipe."""
PROBE = "linear probe on the first recommendation"
BUDGETS, SEEDS = (60.0, 180.0, 600.0), (0, 1, 2)


@dataclass(frozen=True)
class Trial:
    """One data set, one seed.

    Attributes:
        case: the data set, left out of all that is known.
        data: its images.
        seed: of random choices and runs.
        orders: method -> candidates, the best first.
        plans: how each is fine-tuned, without what the data set has shown.
    """

    case: Case
    data: ImageData
    seed: int
    orders: dict[str, list[Snapshot]]
    plans: dict[str, Plan]


def build_tuning(project: Project, images: Path | None, budgets: Sequence[float], seeds: int) -> Path:
    """Measure what was not measured yet, and write the committed tables; pieces go to ``artifacts/tuning``."""
    folder, trials = project.config.root / "constants" / "results", []
    for seed in range(seeds):  # each seed on all data sets, so that what is done is of all
        trials += list_trials(project, images or project.paths.images, (seed,))
    frame = measure_trials(trials, budgets or BUDGETS, project.paths.artifacts / "tuning")
    write_text(folder / "tune.csv", csv_text(frame))
    summary = summarise_tuning(frame).round(4)
    return write_text(folder / "tune_summary.csv", csv_text(summary))


def list_trials(
    project: Project, images: Path, seeds: Sequence[int] = SEEDS, datasets: Sequence[str] = DATASETS
) -> Iterator[Trial]:
    """Every data set and seed."""
    crossed, records = CrossedEvaluation(project), read_json(project.paths.ground_truth)
    snapshots = {snapshot.name: snapshot for snapshot in read_models(project.paths)}
    names = list(crossed.cards)
    for case in crossed.cases((BLIND_DATA,)):
        if case.regime != "fine_tuning" or case.draw != crossed.draws[0] or case.dataset not in datasets:
            continue
        there, sizes = np.isfinite(crossed.judge(case)), [card.num_params for card in crossed.cards.values()]
        scores = {OURS: crossed.shipped(case).scores, "largest model": np.array(sizes, dtype=float)}
        scores["mean rank"] = mean_rank(crossed.truth, case.regime, case.known)
        data, plans = load_image_npz(images / f"{case.dataset}.npz"), usual_plans(records, case.dataset)
        for seed in seeds:
            drawn = np.random.default_rng([seed, crossed.datasets.index(case.dataset)]).random(len(names))
            own = {**scores, "random model": drawn}
            places = {name: np.argsort(-np.where(there, row, -np.inf), kind="stable") for name, row in own.items()}
            orders = {name: [snapshots[names[place]] for place in row] for name, row in places.items()}
            yield Trial(case, data, seed, orders, plans)


def measure_trials(trials: Sequence[Trial], budgets: Sequence[float], work: Path) -> pd.DataFrame:
    """Measure what is not in ``work`` yet, a JSON file for each data set, seed, method and budget.

    Returns:
        One row each: ``dataset, seed, method, budget, accuracy, seconds, model, steps``; a method that spends what it
        spends has no budget.
    """
    rows = []
    for trial in progress(trials, "tuning", each=True):
        with one_thread():
            for method in SINGLE:
                rows.append(_kept(trial, method, 0.0, work))
            rows.append(_kept(trial, PROBE, 0.0, work))
            rows += [_kept(trial, method, budget, work) for budget in budgets for method in (OURS, HALVING)]
    return pd.DataFrame(rows)


def _kept(trial: Trial, method: str, budget: float, work: Path) -> dict:
    name = f"{trial.seed}-{method.replace(' ', '_').replace(',', '')}-{budget:.0f}.json"
    path = work / trial.case.dataset / name
    if not path.is_file():
        found = _probed(trial) if method == PROBE else _tuned(trial, method, budget)
        write_json(
            path, {"dataset": trial.case.dataset, "seed": trial.seed, "method": method, "budget": budget, **found}
        )
    return read_json(path)


def _tuned(trial: Trial, method: str, budget: float) -> dict:
    """Search within the budget, or take the first of an order, and train it on all training images."""
    started, parts = time.process_time(), _parts(trial.data)

    def left() -> float:
        return budget - (time.process_time() - started)

    order = trial.orders[{HALVING: "random model", "first recommendation": OURS}.get(method, method)]
    plans = {} if method == HALVING else trial.plans
    with tempfile.TemporaryDirectory() as folder:
        best, steps = order[0], plan_for(order[0], plans).recipe.steps
        if budget:
            labels = parts.labels[parts.training]
            pictures = trial.data.train_images
            book = RunBook(Path(folder) / "book", lambda _: pictures, labels, time.process_time, 10 + trial.seed)
            runs = search(book, order[:FINALISTS], plans, SEARCH * budget, left)
            best, steps = next(one for one in order if one.name == runs[0].model), runs[0].steps
        plan = plan_for(best, plans).lasting(steps)
        run = train_last(best, plan, parts, Path(folder) / "last", lambda: 1e6, 20 + trial.seed)
    found = accuracy(run.model, trial.data.test_images, trial.data.test_labels)
    seconds = round(time.process_time() - started, 1)
    return {"accuracy": round(found, 5), "seconds": seconds, "model": best.name, "steps": steps}


def _probed(trial: Trial) -> dict:
    """The probe of the ground truth, on all training images."""
    best, data, started = trial.orders[OURS][0], trial.data, time.process_time()
    model = best.load()
    features, test_features = extract_features(model, data.train_images), extract_features(model, data.test_images)
    found = probe_all(features, test_features, data, GroundTruthConfig())
    seconds = round(time.process_time() - started, 1)
    return {"accuracy": round(found, 5), "seconds": seconds, "model": best.name, "steps": 0}


def _parts(data: ImageData) -> Parts:
    rows = np.arange(len(data.train_labels))
    return Parts(list(data.train_images), data.train_labels, (), rows, rows[:0], "the test part")


def summarise_tuning(frame: pd.DataFrame, draws: int = 10_000, level: float = 0.95) -> pd.DataFrame:
    """Means over data sets with intervals, and how much more accurate ours is, paired by data set.

    Args:
        frame: of :func:`measure_trials`.
        draws: resamples of the data sets.
        level: of the intervals.

    Returns:
        One row per ``method, budget``: ``accuracy``, ``of_best`` (share of the best any method reached), ``gain`` of
        ours with the same budget (the smallest for methods without one) in points, with ends, and ``seconds``.
    """
    means = frame.groupby(["method", "budget", "dataset"])[["accuracy", "seconds"]].mean()
    table = means["accuracy"].unstack("dataset")
    best, rows = table.max(), []
    for (method, budget), own in table.iterrows():
        ours = table.loc[OURS, budget or table.loc[OURS].index.min()]
        gain = mean_interval(100 * (ours - own).to_numpy(), draws, level)
        rows.append(
            {"method": method, "budget": budget, "accuracy": own.mean(), "of_best": (own / best).mean()}
            | {"gain": gain.mean, "gain_low": gain.low, "gain_high": gain.high, "worst": 100 * (ours - own).min()}
            | {
                "seconds": means.loc[(method, budget), "seconds"].mean(),
                "data_sets": len(own),
                "seeds": frame["seed"].nunique(),
            }
        )
    return pd.DataFrame(rows)
