"""Building the embedded zoo: train the models, measure them on every target, resumable, over processes.

Every finished piece is a file under the work folder (a snapshot, or one JSON cell of the ground truth), so a
build can stop anywhere and go on. Pieces are ordered so that a build stopped early is still balanced.
"""

import os
import zlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from ptmrec.artifacts import read_json, write_json
from ptmrec.config.sections import REGIMES, GroundTruthConfig, ZooConfig
from ptmrec.dataloader.image_data import ImageData, load_image_npz, read_licences
from ptmrec.errors import DataError
from ptmrec.log import logger
from ptmrec.progress import progress
from ptmrec.zoo.architectures import INPUT_SIZE, SmallModel, build_model
from ptmrec.zoo.card import CARD_NAME, Card, read_card
from ptmrec.zoo.measure import estimator_scores, fine_tune_accuracy, probe_accuracies
from ptmrec.zoo.snapshot import Snapshot, write_snapshot
from ptmrec.zoo.training import Recipe, accuracy, normalise, train_classifier

HELD_OUT_SHARE = 0.1
"""Share of a source's training images kept aside for ``source_accuracy``."""
RESTRICTED = ("non-commercial", "nc-sa", "research")
"""Words in a licence that keep an image set from being a source of committed weights."""


@dataclass(frozen=True)
class ModelPlan:
    """One model to train."""

    family: str
    size: str
    source: str
    seed: int

    @property
    def name(self) -> str:
        """Name of the model."""
        return f"{self.family}-{self.size}-{self.source}"


def plan_models(config: ZooConfig) -> list[ModelPlan]:
    """The models of the zoo: each family and size on ``sources_per_model`` sources, taken in rotation."""
    plans = []
    bodies = [(family, size) for family in config.families for size in config.sizes]
    for body, (family, size) in enumerate(bodies):
        for turn in range(min(config.sources_per_model, len(config.sources))):
            source = config.sources[(config.sources_per_model * body + turn) % len(config.sources)]
            name = f"{family}-{size}-{source}"
            plans.append(ModelPlan(family, size, source, zlib.crc32(f"{config.seed}/{name}".encode()) % 2**31))
    return plans


def build_zoo(images: Path, work: Path, zoo: ZooConfig, truth: GroundTruthConfig) -> tuple[Path, Path]:
    """Train the zoo and measure its ground truth; what is already in ``work`` is kept.

    Args:
        images: folder of image sets (NPZ) with ``index.csv``.
        work: folder of finished pieces, ``models/`` and ``cells/``.
        zoo: which models.
        truth: which measurements.

    Returns:
        The folders of the snapshots and of the cells.

    Raises:
        DataError: an image set is missing, or a source is not licensed for committed weights.
    """
    _check_images(images, zoo, truth)
    models, cells = work / "models", work / "cells"
    plans = plan_models(zoo)
    training = [(_train_model, (plan, models, images, zoo)) for plan in plans]
    _run_pieces("training models", training, zoo.workers)
    low_data = [
        (_measure_low_data, (models / plan.name, target, cells, images, truth))
        for target in truth.targets
        for plan in plans
    ]
    fine_tuning = [
        (_measure_fine_tuning, (models / plan.name, target, seed, cells, images, truth))
        for seed in range(truth.seeds)
        for target in truth.targets
        for plan in plans
    ]
    estimates = [
        (_measure_estimators, (models / plan.name, target, cells, images, truth))
        for target in truth.targets
        for plan in plans
    ]
    _run_pieces("measuring", low_data + fine_tuning + estimates, zoo.workers)
    return models, cells


def _check_images(images: Path, zoo: ZooConfig, truth: GroundTruthConfig) -> None:
    licences = read_licences(images / "index.csv")
    for name in dict.fromkeys([*zoo.sources, *truth.targets]):
        if not (images / f"{name}.npz").is_file():
            raise DataError(f"{images}: image set {name}.npz is missing; pass its folder with --images")
    for name in zoo.sources:
        if any(word in licences.get(name, "").lower() for word in RESTRICTED):
            raise DataError(f"source {name!r} is licensed {licences[name]!r}; weights trained on it cannot be shared")


def _run_pieces(description: str, pieces: list[tuple[Callable, tuple]], workers: int) -> None:
    """Run the pieces in worker processes; a failing piece stops the build after the running ones."""
    os.environ["OMP_NUM_THREADS"] = "1"  # read when a worker starts: two pools of threads would fight
    context = get_context("spawn")  # forking a process that already runs torch threads can hang
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_prepare_worker) as executor:
        futures = [executor.submit(function, *arguments) for function, arguments in pieces]
        try:
            for future in progress(as_completed(futures), description, total=len(futures)):
                future.result()
        except BaseException:
            executor.shutdown(wait=False, cancel_futures=True)
            raise
    logger.info("%s: %d pieces done", description, len(pieces))


def _prepare_worker() -> None:
    os.environ["PTMREC_PROGRESS"] = "off"
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)  # tiny activations of dying units slow the CPU down several times


@cache
def _load_images(path: Path) -> ImageData:
    data = load_image_npz(path)
    if data.train_images.shape[1:3] != (INPUT_SIZE, INPUT_SIZE):
        raise DataError(f"{path}: images are {data.train_images.shape[1:3]}, the zoo takes {INPUT_SIZE} x {INPUT_SIZE}")
    return data


def _train_model(plan: ModelPlan, models: Path, images: Path, config: ZooConfig) -> None:
    if (models / plan.name / CARD_NAME).is_file():
        return
    data = _load_images(images / f"{plan.source}.npz")
    licence = read_licences(images / "index.csv").get(plan.source, "not stated")
    order = np.random.default_rng(plan.seed).permutation(len(data.train_labels))
    held_out, training = np.split(order, [round(HELD_OUT_SHARE * len(order))])
    pixels, labels = normalise(data.train_images), torch.from_numpy(data.train_labels)
    recipe = Recipe(config.steps, config.batch_size, config.learning_rate, config.weight_decay)
    torch.manual_seed(plan.seed)
    model = build_model(plan.family, plan.size, data.num_classes)
    train_classifier(model, pixels[training], labels[training], recipe, plan.seed)
    card = Card(
        name=plan.name,
        family=plan.family,
        architecture={"library": "ptmrec", "size": plan.size, "num_classes": data.num_classes},
        num_params=sum(parameter.numel() for parameter in model.parameters()),
        input_size=INPUT_SIZE,
        source_dataset=plan.source,
        source_accuracy=round(accuracy(model, pixels[held_out], labels[held_out]), 4),
        licence=f"MIT; trained on {plan.source} ({licence})",
        seed=plan.seed,
        recipe=recipe.to_dict(),
        gmacs=count_gmacs(model),
        num_features=model.num_features,
    )
    write_snapshot(models / plan.name, card, model)


def count_gmacs(model: SmallModel) -> float:
    """Multiply-accumulate operations of one forward pass, in 1e9, as torch counts them."""
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        model(torch.zeros(1, 3, INPUT_SIZE, INPUT_SIZE))
    return counter.get_total_flops() / 2 / 1e9


def cell_path(cells: Path, regime: str, target: str, model_name: str, seed: int | None = None) -> Path:
    """File of one measurement."""
    return cells / regime / target / (f"{model_name}.json" if seed is None else f"{model_name}.seed{seed}.json")


def _write_cell(path: Path, snapshot: Snapshot, target: str, values: dict[str, Any]) -> None:
    write_json(path, {"model_name": snapshot.name, "dataset": target, **values})


def _measure_low_data(folder: Path, target: str, cells: Path, images: Path, config: GroundTruthConfig) -> None:
    path = cell_path(cells, "low_data", target, folder.name)
    if path.is_file():
        return
    snapshot = Snapshot(folder, read_card(folder))
    data = _load_images(images / f"{target}.npz")
    values, penalty = probe_accuracies(snapshot.load(), data, config.shots, config.draws, config.penalties)
    recipe = {
        "shots": config.shots,
        "draws": config.draws,
        "probe": "logistic regression",
        "penalty": penalty,
    }
    _write_cell(path, snapshot, target, {"regime": "low_data", "recipe": recipe, "accuracies": values})


def _measure_fine_tuning(
    folder: Path, target: str, seed: int, cells: Path, images: Path, config: GroundTruthConfig
) -> None:
    path = cell_path(cells, "fine_tuning", target, folder.name, seed)
    if path.is_file():
        return
    snapshot = Snapshot(folder, read_card(folder))
    recipe = Recipe(config.steps, config.batch_size, config.learning_rate, config.weight_decay)
    value = fine_tune_accuracy(snapshot.load(), _load_images(images / f"{target}.npz"), recipe, seed)
    cell = {"regime": "fine_tuning", "recipe": recipe.to_dict(), "seed": seed, "accuracies": [value]}
    _write_cell(path, snapshot, target, cell)


def _measure_estimators(folder: Path, target: str, cells: Path, images: Path, config: GroundTruthConfig) -> None:
    path = cell_path(cells, "estimators", target, folder.name)
    if path.is_file():
        return
    snapshot = Snapshot(folder, read_card(folder))
    data = _load_images(images / f"{target}.npz")
    _write_cell(path, snapshot, target, estimator_scores(snapshot.load(), data, config.shots, config.draws))


def read_cells(cells: Path, kinds: Iterable[str] = REGIMES) -> Iterator[dict[str, Any]]:
    """Every finished measurement of some kinds (regimes, or ``estimators``), in a fixed order."""
    for kind in kinds:
        for path in sorted((cells / kind).glob("*/*.json")):
            yield read_json(path)
