"""Building a few models and measuring a few cells a second time, to compare with what is committed."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from experiments.zoo_build.image_sets import ImageData, check_image_sets, load_image_npz
from experiments.zoo_build.measure import measure_cell, probe_accuracies
from experiments.zoo_build.pieces import train_model
from experiments.zoo_build.plan import plan_models
from ptmrec.benchmark.ground_truth import GroundTruth, read_ground_truth
from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import REGIMES, GroundTruthConfig, PathsConfig, ZooConfig
from ptmrec.core.progress import progress
from ptmrec.recommender.references import one_thread
from ptmrec.zoo.architectures import SmallModel
from ptmrec.zoo.card import read_card
from ptmrec.zoo.features import extract_features
from ptmrec.zoo.snapshot import Snapshot, read_zoo


def repeat_build(
    config: ConfigParser, images: Path | None = None, models: int = 5, targets: int = 4, seed: int = 0
) -> pd.DataFrame:
    """Train random models of the zoo again and measure them again on random data sets.

    Args:
        config: the configuration.
        images: folder of image sets; the configured one without it.
        models: models to train again.
        targets: data sets to measure each of them on.
        seed: seed of the choice.

    Returns:
        One row per model, data set and regime: ``model, dataset, regime, committed, spread`` (standard deviation
        of the committed repetitions), ``repeated`` (from the model trained again, in half precision as the zoo
        is), ``full_precision`` (the same before halving its weights; low data only, else NaN), ``remeasured`` (from
        the committed weights), and ``same_weights`` (whether the halved weights equal the committed ones).

    Raises:
        DataError: an image set is missing or has changed.
    """
    paths, zoo, settings = config.get(PathsConfig), config.get(ZooConfig), config.get(GroundTruthConfig)
    images = images or paths.images
    committed = {snapshot.name: snapshot for snapshot in read_zoo(paths.zoo)}
    truth = read_ground_truth(paths.ground_truth)
    generator = np.random.default_rng(seed)
    plans = [plan for plan in plan_models(zoo) if plan.name in committed]
    chosen = [plans[index] for index in generator.choice(len(plans), models, replace=False)]
    datasets = [str(name) for name in generator.choice(truth.datasets, targets, replace=False)]
    table = check_image_sets(images, datasets, [source for plan in chosen for source in plan.sources])
    rows = []
    with one_thread(), tempfile.TemporaryDirectory(prefix="ptmrec-repeat-") as folder:
        for plan in progress(chosen, "building again"):
            full = train_model(plan, Path(folder), images, zoo, table)
            again = Snapshot(Path(folder) / plan.name, read_card(Path(folder) / plan.name))
            same = _same_weights(again, committed[plan.name])
            for name in datasets:
                data = load_image_npz(images / f"{name}.npz")
                measured = measure_cell(again.load(), data, settings)["accuracies"]
                measured["full_precision"] = _probe(full, data, settings)
                committed_again = measure_cell(committed[plan.name].load(), data, settings)["accuracies"]
                for row in _compare(plan.name, name, measured, truth):
                    accuracy = float(np.mean(committed_again[row["regime"]]["accuracies"]))
                    rows.append({**row, "remeasured": accuracy, "same_weights": same})
    return pd.DataFrame(rows)


def _same_weights(first: Snapshot, second: Snapshot) -> bool:
    others = dict(second.tensors())
    return all(torch.equal(tensor, others[name]) for name, tensor in first.tensors())


def _probe(model: SmallModel, data: ImageData, config: GroundTruthConfig) -> dict[str, Any]:
    features = [extract_features(model, part) for part in (data.train_images, data.test_images)]
    return probe_accuracies(*features, data, config)


def _compare(model: str, dataset: str, measured: dict[str, Any], truth: GroundTruth) -> Iterator[dict[str, Any]]:
    place = truth.datasets.index(dataset), truth.models.index(model)
    for regime in REGIMES:
        repeats = truth.repeats[regime][place]
        full = np.mean(measured["full_precision"]["accuracies"]) if regime == "low_data" else np.nan
        yield {
            "model": model,
            "dataset": dataset,
            "regime": regime,
            "committed": truth.accuracy[regime][place],
            "spread": float(np.nanstd(repeats, ddof=1)),
            "repeated": float(np.mean(measured[regime]["accuracies"])),
            "full_precision": float(full),
        }
