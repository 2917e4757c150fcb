"""Measuring the real models: ten-shot probes, estimates, fine-tuning and costs. Resumable."""

import copy
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from experiments.evaluation.baselines.estimators import TargetSample
from experiments.zoo_build.assemble import fine_tuning_record, low_data_record, write_estimates
from experiments.zoo_build.costs import measure_costs
from experiments.zoo_build.image_sets import ImageData, check_image_sets, load_image_npz
from experiments.zoo_build.manifest import write_manifest
from experiments.zoo_build.measure import draw_shots, fine_tune, main_accuracies, score_samples
from experiments.zoo_build.pieces import read_cells
from ptmrec.benchmark.ground_truth import write_records
from ptmrec.benchmark.splits import read_splits
from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import CostConfig, GroundTruthConfig, PathsConfig
from ptmrec.core.errors import ArtifactError
from ptmrec.core.files import read_json, write_json
from ptmrec.core.log import logger
from ptmrec.core.progress import progress
from ptmrec.hardware.machine import describe_machine
from ptmrec.recommender.references import one_thread
from ptmrec.zoo.features import extract_features
from ptmrec.zoo.photo_model import PhotoModel
from ptmrec.zoo.real import INSTALL, read_real
from ptmrec.zoo.snapshot import Snapshot

WORK = "real"
"""Folder of the finished pieces inside the folder of a zoo build."""
CELLS = "cells"
"""Folder of the probes and estimates inside it, one JSON file per data set and model."""
TUNED = "fine_tuned"
"""Folder of the fine-tunings inside it, likewise."""
PIXELS = 96
"""Height and width of the images they are fine-tuned on: half the time of the 128 they are probed with."""
SOURCE = "measured by ptmrec zoo real"


def build_real(config: ConfigParser, images: Path | None = None) -> None:
    """Measure the real models on every data set and add them to the committed files.

    Args:
        config: the configuration; pieces go to ``artifacts/zoo_build/real``, one JSON file per model and data set.
        images: folder of image sets; the configured one without it.

    Raises:
        ArtifactError: no package with real weights is installed.
        DataError: an image set is missing or has changed.
    """
    paths, truth = config.get(PathsConfig), config.get(GroundTruthConfig)
    images, work = images or paths.images, paths.artifacts / "zoo_build" / WORK
    models, targets = read_real(paths.real), read_splits(paths.splits).all
    if not models:
        raise ArtifactError(f"{paths.real}: none of the real models is installed; run: {INSTALL}")
    check_image_sets(images, list(targets), [])
    measure_real(models, targets, images, work, truth)
    tune_real(models, targets, images, work, truth)
    add_real(models, work, truth, paths)
    add_costs(models, config.get(CostConfig), paths)
    write_manifest(paths)


def measure_real(
    models: list[Snapshot], targets: tuple[str, ...], images: Path, work: Path, config: GroundTruthConfig
) -> None:
    """Measure every model on every data set; what is already in ``work`` is kept.

    Args:
        models: installed real models.
        targets: names of the data sets.
        images: folder of image sets.
        work: folder of the pieces, ``cells/<data set>/<model>.json``.
        config: shots, draws and penalties.
    """
    for snapshot in models:
        _measure_model(snapshot, targets, images, work / CELLS, lambda model, data: measure_on(model, data, config))


def tune_real(
    models: list[Snapshot], targets: tuple[str, ...], images: Path, work: Path, config: GroundTruthConfig
) -> None:
    """Fine-tune every model on every data set, at :data:`PIXELS` and by :func:`real_recipe`; arguments as above."""
    for snapshot in models:
        _measure_model(snapshot, targets, images, work / TUNED, lambda model, data: tune_on(model, data, config))


def real_recipe(config: GroundTruthConfig) -> GroundTruthConfig:
    """How real models are fine-tuned: as many steps, half as many images in each, and one peak of the learning rate.

    Of 0.0003, 0.001 and 0.003 it was the best on the held-out fifths of dtd10, flowers5 and mnist.
    """
    return replace(config, batch_size=config.batch_size // 2, learning_rates=[1e-3])


def tune_on(model: PhotoModel, data: ImageData, config: GroundTruthConfig) -> dict[str, Any]:
    """``fine_tuning`` of one model on one target, see :func:`~experiments.zoo_build.measure.fine_tune`."""
    started, size = time.perf_counter(), model.input_size
    model.input_size = PIXELS
    try:
        measured = fine_tune(model, data, real_recipe(config))
    finally:
        model.input_size = size
    return {"fine_tuning": measured, "seconds": round(time.perf_counter() - started, 1)}


def _measure_model(
    snapshot: Snapshot,
    targets: tuple[str, ...],
    images: Path,
    folder: Path,
    measure: Callable[[PhotoModel, ImageData], dict[str, Any]],
) -> None:
    cells = {name: folder / name / f"{snapshot.name}.json" for name in targets}
    missing = [name for name, path in cells.items() if not path.is_file()]
    with one_thread():
        model = snapshot.load() if missing else None
        for name in progress(missing, f"measuring {snapshot.name}"):
            measured = measure(model, load_image_npz(images / f"{name}.npz"))
            write_json(cells[name], {"model_name": snapshot.name, "dataset": name, **measured})


def measure_on(model: PhotoModel, data: ImageData, config: GroundTruthConfig) -> dict[str, Any]:
    """Ten-shot accuracies and estimates of one model on one target, from one pass over the images they need.

    Args:
        model: the model.
        data: the target; of its training images only those in a draw are used, and all of its test images.
        config: shots, draws and penalties.

    Returns:
        ``low_data`` (``penalty`` and ``accuracies``), ``estimates`` as of
        :func:`~experiments.zoo_build.measure.estimate`, and ``seconds`` of the passes.
    """
    draws = draw_shots(data.train_labels, config.shots, max(config.draws, config.estimator_draws), data.name)
    used, model = np.unique(np.concatenate(draws)), fold_norms(model)
    started = time.perf_counter()
    features = np.full((len(data.train_labels), model.num_features), np.nan, np.float32)
    features[used] = extract_features(model, data.train_images[used])
    seconds = time.perf_counter() - started
    test_features = extract_features(model, data.test_images)
    samples = [_sample(model, features[drawn], data.train_labels[drawn]) for drawn in draws[: config.estimator_draws]]
    forward = [seconds * len(sample.labels) / len(used) for sample in samples]
    return {
        "low_data": main_accuracies(features, test_features, data, config),
        "estimates": score_samples(samples, forward),
        "seconds": round(time.perf_counter() - started, 1),
    }


@torch.inference_mode()
def _sample(model: PhotoModel, features: np.ndarray, labels: np.ndarray) -> TargetSample:
    probabilities = model.classifier(torch.from_numpy(features)).softmax(dim=1).numpy()
    return TargetSample(features.astype(np.float64), probabilities, labels)


def add_real(models: list[Snapshot], work: Path, config: GroundTruthConfig, paths: PathsConfig) -> None:
    """Put the measurements in ``work`` into the committed ground truth and estimates, behind the embedded models'.

    A record of the same model, data set and regime is replaced, all others stay as they are.
    """
    cards = {snapshot.name: snapshot.card for snapshot in models}
    truth, estimates = read_json(paths.ground_truth), read_json(paths.estimators)
    for cell in read_cells(work, CELLS):
        card, dataset = cards[cell["model_name"]], cell["dataset"]
        _put(truth[dataset], low_data_record(cell, card, config, SOURCE))
        estimates[dataset][card.name] = cell["estimates"]
    for cell in read_cells(work, TUNED):
        record = fine_tuning_record(cell, cards[cell["model_name"]], real_recipe(config), SOURCE)
        record["recipe"]["pixels"] = PIXELS
        _put(truth[cell["dataset"]], record)
    write_records(paths.ground_truth, truth)
    write_estimates(paths.estimators, estimates)
    logger.info("%d real models are in %s", len(cards), paths.ground_truth.name)


def _put(records: list[dict[str, Any]], record: dict[str, Any]) -> None:
    """Add a record in place of that of the same model and regime."""
    same = [(own["model_name"], own["regime"]) == (record["model_name"], record["regime"]) for own in records]
    records[:] = [own for own, old in zip(records, same, strict=True) if not old] + [record]


def add_costs(models: list[Snapshot], config: CostConfig, paths: PathsConfig) -> None:
    """Measure what the real models cost and add it to the committed costs, unless it is there.

    They may be measured on another machine than the zoo: ``real_machine`` says on which.
    """
    costs = read_json(paths.costs)
    if all(snapshot.name in costs["models"] for snapshot in models):
        return
    measured = measure_costs(models, config)["models"]
    write_json(paths.costs, {**costs, "real_machine": describe_machine(), "models": {**costs["models"], **measured}})


def fold_norms(model: PhotoModel) -> PhotoModel:
    """A copy of the same function, up to rounding, a quarter faster: norms become part of the convolution before them.

    Args:
        model: in evaluation mode, from :func:`~ptmrec.zoo.photo_model.build_photo_model`.
    """
    folded = copy.deepcopy(model)
    for block in list(folded.body.modules()):
        before = ""
        for name, layer in list(block.named_children()):
            if isinstance(layer, nn.BatchNorm2d) and before:  # timm's norms bring their activation
                setattr(block, before, fuse_conv_bn_eval(getattr(block, before), layer))
                setattr(block, name, layer.act)
            before = name if isinstance(layer, nn.Conv2d) else ""
    return folded.to(memory_format=torch.channels_last).eval()
