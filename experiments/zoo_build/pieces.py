"""Building the embedded zoo: train the models, measure them on every target, resumable, over processes.

Every finished piece is a file under the work folder (a snapshot, or the JSON cell of a model and a target), so
a build can stop anywhere and go on.
"""

import os
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import cache
from multiprocessing import get_context, parent_process
from pathlib import Path
from typing import Any

import numpy as np
import torch

from experiments.zoo_build.image_sets import ImageData, ImageSetEntry, check_image_sets, load_image_npz
from experiments.zoo_build.measure import measure_cell
from experiments.zoo_build.plan import ModelPlan, plan_models
from experiments.zoo_build.training import train_classifier
from ptmrec.config.sections import GroundTruthConfig, ZooConfig
from ptmrec.core.errors import DataError
from ptmrec.core.files import read_json, write_json
from ptmrec.core.log import logger
from ptmrec.core.progress import progress
from ptmrec.hardware.counting import count_flops
from ptmrec.recommender.references import one_thread
from ptmrec.train.recipe import Recipe
from ptmrec.zoo.architectures import INPUT_SIZE, SmallModel, build_model
from ptmrec.zoo.card import CARD_NAME, Card, read_card
from ptmrec.zoo.features import accuracy
from ptmrec.zoo.snapshot import Snapshot, write_snapshot

HELD_OUT_SHARE = 0.1
"""Share of a source's training images kept aside for ``source_accuracy``."""
RANDOM_CLASSES = 10
"""Outputs of the classifier of a model with random weights."""


def build_zoo(
    images: Path,
    work: Path,
    zoo: ZooConfig,
    truth: GroundTruthConfig,
    targets: Sequence[str],
    names: Collection[str] | None = None,
) -> Path:
    """Train the zoo and measure its ground truth; what is already in ``work`` is kept.

    Args:
        images: folder of image sets (NPZ) with ``index.csv``.
        work: folder of finished pieces: ``models/``, ``accuracies/`` and ``estimates/``.
        zoo: which models.
        truth: which measurements.
        targets: image sets every model is measured on.
        names: only these models; all of the zoo without it.

    Returns:
        The folder of the snapshots.

    Raises:
        DataError: an image set is missing or has changed, or a source is not licensed for committed weights.
    """
    table = check_image_sets(images, list(targets), [*zoo.sources, *zoo.mixture])
    models = work / "models"
    plans = [plan for plan in plan_models(zoo) if names is None or plan.name in names]
    untrained = [plan for plan in plans if not (models / plan.name / CARD_NAME).is_file()]
    pieces = [(_train_piece, (plan, models, images, zoo, table)) for plan in untrained]
    _run_pieces("training models", pieces, zoo.workers)
    pairs = [(models / plan.name, target) for target in targets for plan in plans]
    np.random.default_rng(zoo.seed).shuffle(pairs)  # a build stopped early has measured a bit of everything
    unmeasured = [(f, target) for f, target in pairs if not _is_measured(work, target, f.name)]
    _run_pieces("measuring", [(_measure, (*pair, work, images, truth)) for pair in unmeasured], zoo.workers)
    return models


def _run_pieces(description: str, pieces: list[tuple[Callable, tuple]], workers: int) -> None:
    """Run the pieces, in worker processes if there are several; a failing piece ends the build after the running ones.

    A progress bar shows what is left in time as well as in pieces.
    """
    if workers == 1 or len(pieces) < 2:
        for function, arguments in progress(pieces, description):
            _run_piece(function, arguments)
        return
    context = get_context("spawn")  # forking a process that already runs torch threads can hang
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_prepare_worker) as executor:
        futures = [executor.submit(_run_piece, function, arguments) for function, arguments in pieces]
        try:
            for future in progress(as_completed(futures), description, total=len(futures)):
                future.result()
        except BaseException:
            executor.shutdown(wait=False, cancel_futures=True)
            raise
    logger.info("%s: %d pieces done", description, len(pieces))


def _run_piece(function: Callable, arguments: tuple) -> None:
    with one_thread():
        function(*arguments)


def _prepare_worker() -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    os.environ["PTMREC_PROGRESS"] = "off"


def _end_with_parent() -> None:
    """Workers of a build that was killed would wait for work forever."""
    parent_process().join()
    os._exit(1)


@cache
def _load_images(path: Path) -> ImageData:
    data = load_image_npz(path)
    if data.train_images.shape[1:3] != (INPUT_SIZE, INPUT_SIZE):
        raise DataError(f"{path}: images are {data.train_images.shape[1:3]}, the zoo takes {INPUT_SIZE} x {INPUT_SIZE}")
    return data


def _training_images(plan: ModelPlan, images: Path) -> tuple[np.ndarray, np.ndarray, int]:
    """Training images, labels and number of classes of a plan's sources, their classes side by side."""
    if not plan.sources:
        return np.zeros((0, INPUT_SIZE, INPUT_SIZE, 3), np.uint8), np.zeros(0, np.int64), RANDOM_CLASSES
    pixels, labels, classes = [], [], 0
    for source in plan.sources:
        data = _load_images(images / f"{source}.npz")
        pixels.append(data.train_images)
        labels.append(data.train_labels + classes)
        classes += data.num_classes
    return np.concatenate(pixels), np.concatenate(labels), classes


def _train_piece(*arguments: Any) -> None:
    train_model(*arguments)  # a worker sends no model back


def train_model(
    plan: ModelPlan, models: Path, images: Path, config: ZooConfig, table: dict[str, ImageSetEntry]
) -> SmallModel:
    """Train a model and write its snapshot.

    Args:
        plan: which model.
        models: folder the snapshot goes to.
        images: folder of image sets.
        config: training options.
        table: the image sets' licences.

    Returns:
        The model in full precision, in evaluation mode; the snapshot holds half precision.
    """
    pixels, labels, classes = _training_images(plan, images)
    order = np.random.default_rng(plan.seed).permutation(len(labels))
    held_out, training = np.split(order, [round(HELD_OUT_SHARE * len(order))])
    recipe = Recipe(plan.steps, config.batch_size, config.learning_rate, config.weight_decay)
    torch.manual_seed(plan.seed)
    model = build_model(plan.family, plan.size, classes)
    if plan.steps:
        train_classifier(model, pixels[training], labels[training], recipe, plan.seed)
    model.eval()
    card = Card(
        name=plan.name,
        family=plan.family,
        architecture={"library": "ptmrec", "size": plan.size, "num_classes": classes},
        num_params=sum(parameter.numel() for parameter in model.parameters()),
        input_size=INPUT_SIZE,
        source_dataset=plan.source_name,
        source_accuracy=round(accuracy(model, pixels[held_out], labels[held_out]), 4) if plan.steps else 0.0,
        licence=_licence(plan, table),
        seed=plan.seed,
        recipe=recipe.to_dict() if plan.steps else {"steps": 0},
        gmacs=count_flops(model, torch.zeros(1, 3, INPUT_SIZE, INPUT_SIZE)) / 2e9,
        num_features=model.num_features,
        datasets=list(plan.sources),
    )
    write_snapshot(models / plan.name, card, model)
    return model


def _licence(plan: ModelPlan, table: dict[str, ImageSetEntry]) -> str:
    sources = ", ".join(f"{source} ({table[source].licence})" for source in plan.sources)
    return f"MIT; trained on {sources}" if sources else "MIT"


CELL_KINDS = ("accuracies", "estimates")
"""What is measured of a model on a target, which are also the names of the cells' folders."""


def cell_path(work: Path, kind: str, target: str, model_name: str) -> Path:
    """File of one kind of measurement of one model on one target."""
    return work / kind / target / f"{model_name}.json"


def _is_measured(work: Path, target: str, model_name: str) -> bool:
    return all(cell_path(work, kind, target, model_name).is_file() for kind in CELL_KINDS)


def _measure(folder: Path, target: str, work: Path, images: Path, config: GroundTruthConfig) -> None:
    model = Snapshot(folder, read_card(folder)).load()
    measured = measure_cell(model, _load_images(images / f"{target}.npz"), config)
    for kind in CELL_KINDS:
        path = cell_path(work, kind, target, folder.name)
        write_json(path, {"model_name": folder.name, "dataset": target, **measured[kind]})


def read_cells(work: Path, kind: str) -> Iterator[dict[str, Any]]:
    """Every finished measurement of a kind, in a fixed order."""
    for path in sorted((work / kind).glob("*/*.json")):
        yield read_json(path)
