"""Short runs of first candidates on every data set: how far runs on a user's images are from the ground truth.

Of each data set the images that ``ptmrec tune`` would learn from take part, and none of its test images. Candidates
are the first of our list and of the mean ranks, made without the data set, and random ones. Resumable, a file a run.
"""

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd

from experiments.evaluation.baselines.static import mean_rank
from experiments.studies.crossed import BLIND_DATA, Case, CrossedEvaluation
from experiments.studies.passes import FIRST_RUN
from experiments.zoo_build.image_sets import load_image_npz
from experiments.zoo_build.manifest import write_manifest
from ptmrec.core.files import read_json, write_json, write_text
from ptmrec.core.progress import progress
from ptmrec.core.text import csv_text
from ptmrec.images.datasets import images_per_class, spread
from ptmrec.images.parts import hold_out
from ptmrec.pipeline.project import Project
from ptmrec.recommender.references import one_thread
from ptmrec.recommender.short_runs import RunBook, usual_plans
from ptmrec.zoo.real import read_models
from ptmrec.zoo.snapshot import Snapshot


def build_short_runs(project: Project, images: Path | None = None) -> Path:
    """Run what was not run yet, and write the committed table; pieces go to ``artifacts/zoo_build/short_runs``."""
    work = project.paths.artifacts / "zoo_build" / "short_runs"
    frame = run_candidates(project, images or project.paths.images, work)
    frame = frame.round({"accuracy": 5, "seconds": 2})
    write_text(project.paths.short_runs, csv_text(frame))
    write_manifest(project.paths)
    return project.paths.short_runs


def run_candidates(project: Project, images: Path, work: Path) -> pd.DataFrame:
    """Run what is not in ``work`` yet, a JSON file for each run.

    Returns:
        One row per run: ``dataset, model, steps, learning_rate, accuracy, seconds, judged``.
    """
    crossed, records = CrossedEvaluation(project), read_json(project.paths.ground_truth)
    snapshots = {snapshot.name: snapshot for snapshot in read_models(project.paths)}
    cases = [case for case in crossed.cases((BLIND_DATA,)) if case.draw == crossed.draws[0]]
    rows = []
    for case in progress([case for case in cases if case.regime == "fine_tuning"], "short runs"):
        names = chosen_models(crossed, case)
        rows += _run_on(case.dataset, [snapshots[name] for name in names], records, images, work)
    return pd.DataFrame(rows)


def chosen_models(crossed: CrossedEvaluation, case: Case) -> list[str]:
    """The first of our list and of the mean ranks, and random ones, each once."""
    there = np.isfinite(crossed.judge(case))
    orders = (
        crossed.shipped(case).scores,
        mean_rank(crossed.truth, case.regime, case.known),
        random_scores(crossed, case),
    )
    names = np.array(list(crossed.cards))
    found = [names[np.argsort(-np.where(there, order, -np.inf), kind="stable")[:FIRST_RUN]] for order in orders]
    return list(dict.fromkeys(np.concatenate(found).tolist()))


def random_scores(crossed: CrossedEvaluation, case: Case) -> np.ndarray:
    """Random scores ``(N,)`` of a data set's candidates, the same each time."""
    return np.random.default_rng([0, crossed.datasets.index(case.dataset)]).random(len(crossed.cards))


def _run_on(dataset: str, models: list[Snapshot], records: dict, images: Path, work: Path) -> list[dict]:
    data = load_image_npz(images / f"{dataset}.npz")
    used = spread(data.train_labels, images_per_class(data.num_classes, whole=True))
    used = used[hold_out(data.train_labels[used])[0]]  # the others judge what a person gets
    pictures, labels = data.train_images[used], data.train_labels[used]
    book = RunBook(work / "books" / dataset, lambda _: pictures, labels)
    plans, rows = usual_plans(records, dataset), []
    for snapshot in models:
        cell = work / dataset / f"{snapshot.name}.json"
        if not cell.is_file():
            with one_thread():
                run = book.run(snapshot, plans[snapshot.name])
            write_json(cell, {"dataset": dataset, **asdict(run), "judged": len(book.parts[1])})
        rows.append(read_json(cell))
    return rows
