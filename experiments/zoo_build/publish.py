"""The last part of a zoo build: encoder, dataset tokens, costs, and the files the project commits."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.neighbors import KNeighborsClassifier

from experiments.zoo_build.assemble import assemble_estimates, assemble_ground_truth
from experiments.zoo_build.battery import build_battery
from experiments.zoo_build.costs import measure_costs
from experiments.zoo_build.image_sets import INDEX_NAME, ImageData, load_image_npz
from experiments.zoo_build.manifest import write_manifest
from experiments.zoo_build.pieces import build_zoo, read_cells
from experiments.zoo_build.real import build_real
from experiments.zoo_build.reference import build_reference
from ptmrec.benchmark.splits import Splits, read_splits
from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import (
    CostConfig,
    DatasetTokenConfig,
    EncoderTrainingConfig,
    GroundTruthConfig,
    PathsConfig,
    ZooConfig,
)
from ptmrec.core.files import read_json, remove_temporaries, write_folder, write_json, write_text
from ptmrec.core.log import logger
from ptmrec.core.progress import progress
from ptmrec.core.text import csv_text
from ptmrec.dataloader.dataset_tokens import UNLABELLED, DatasetTokens, class_tokens, cluster_labels, kind_of_shots
from ptmrec.model.clip_encoder import CONFIG_NAME, ClipImageEncoder, load_encoder
from ptmrec.pipeline.step import wait_for_lock
from ptmrec.zoo.real import read_real
from ptmrec.zoo.snapshot import read_zoo

NEIGHBOURS = 5
"""Neighbours of the k-NN that shows how well the encoder tells classes apart."""


def build_everything(config: ConfigParser, images: Path | None = None) -> None:
    """Build the embedded zoo: models, ground truth, estimates, encoder, dataset tokens, costs, and their hashes.

    Args:
        config: the configuration; pieces go to ``artifacts/zoo_build``, results to the committed files.
        images: folder of image sets; the configured one without it.
    """
    paths = config.get(PathsConfig)
    images, work = images or paths.images, paths.artifacts / "zoo_build"
    splits = read_splits(paths.splits)
    zoo, truth = config.get(ZooConfig), config.get(GroundTruthConfig)
    work.mkdir(parents=True, exist_ok=True)
    with wait_for_lock(work / "build.lock", "zoo build"):
        remove_temporaries(work)
        build_zoo(images, work, zoo, truth, splits.all)
        publish_zoo(work, truth, paths)
        shutil.copyfile(images / INDEX_NAME, paths.image_sets)
        build_encoder(images, work / "encoder", splits, config.get(EncoderTrainingConfig), paths)
        rebuild_dataset_tokens(config, images)
        build_battery(images, splits.all, paths.battery)
        build_reference(config, images)
        build_costs(config.get(CostConfig), paths)
        if read_real(paths.real):
            build_real(config, images)
        write_manifest(paths)


def publish_zoo(work: Path, config: GroundTruthConfig, paths: PathsConfig) -> None:
    """Copy snapshots and join the measurements into the files under ``constants/``.

    Args:
        work: folder of the build, see :func:`~experiments.zoo_build.pieces.build_zoo`.
        config: how they were measured.
        paths: where the files go; the zoo folder is replaced.
    """
    models = work / "models"
    cards = {snapshot.name: snapshot.card for snapshot in read_zoo(models)}
    write_folder(paths.zoo, lambda fresh: shutil.copytree(models, fresh, dirs_exist_ok=True))
    assemble_ground_truth(read_cells(work, "accuracies"), cards, config, paths.ground_truth)
    assemble_estimates(read_cells(work, "estimates"), paths.estimators)
    logger.info("zoo of %d models and its ground truth are in %s", len(cards), paths.zoo.parent)


def build_encoder(images: Path, work: Path, splits: Splits, config: EncoderTrainingConfig, paths: PathsConfig) -> None:
    """Train the embedded encoder on the training data sets, unless it is there already."""
    from experiments.zoo_build.encoder_trainer import train_encoder

    if (paths.encoder / CONFIG_NAME).is_file():
        return
    image_sets = [load_image_npz(images / f"{name}.npz") for name in splits.train]
    train_encoder(image_sets, config, work, paths.encoder)


def build_costs(config: CostConfig, paths: PathsConfig) -> None:
    """Measure what the models cost on this machine, unless that was done for just these models.

    Costs of real models in the file do not count; those are measured by ``ptmrec zoo real``.
    """
    zoo, real = read_zoo(paths.zoo), {snapshot.name for snapshot in read_real(paths.real, installed_only=False)}
    names = {snapshot.name for snapshot in zoo}
    if not paths.costs.is_file() or set(read_json(paths.costs)["models"]) - real != names:
        write_json(paths.costs, measure_costs(zoo, config))


@dataclass(frozen=True)
class _Part:
    """The train or test images of a data set, and the split folder their tokens go to."""

    split: str
    name: str
    part: str


def token_parts(splits: Splits) -> list[_Part]:
    """Which images are behind which tokens.

    ``train/`` and ``validation/`` hold the known data sets, from their training images; ``test/`` holds the
    known ones again, from their test images (the same data, unseen images), and the blind ones, from their
    training images, which is what a user with a new data set has.
    """
    parts = [_Part("train", name, "train") for name in splits.train]
    parts += [_Part("validation", name, "train") for name in splits.validation]
    parts += [_Part("test", name, "test") for name in splits.known]
    return parts + [_Part("test", name, "train") for name in splits.blind]


def build_dataset_tokens(
    images: Path, splits: Splits, encoder: ClipImageEncoder, config: DatasetTokenConfig, folder: Path
) -> None:
    """Write the tokens of every data set in every kind: by images per class, and without labels.

    Args:
        images: folder of image sets.
        splits: roles of the data sets.
        encoder: the image encoder.
        config: images per class and draws.
        folder: the token folder; ``<kind>/<split>/<name>.npz``, see :func:`token_parts`. What was there before
            goes when all new tokens are written.
    """
    write_folder(folder, lambda fresh: _write_tokens(images, splits, encoder, config, fresh))


def _write_tokens(
    images: Path, splits: Splits, encoder: ClipImageEncoder, config: DatasetTokenConfig, folder: Path
) -> None:
    counts = dict(zip([config.shots, *config.other_shots], [config.draws, *config.other_draws], strict=True))
    for item in progress(token_parts(splits), "dataset tokens"):
        data = load_image_npz(images / f"{item.name}.npz")
        features = encoder.encode(getattr(data, f"{item.part}_images"))
        labels = getattr(data, f"{item.part}_labels")
        kinds = {
            kind_of_shots(shots): (class_tokens(features, labels, shots, draws, config.seed), data.class_names)
            for shots, draws in counts.items()
        }
        labels = cluster_labels(features, config.clusters, config.seed)
        clusters = class_tokens(features, labels, config.shots, config.unlabelled_draws, config.seed)
        kinds[UNLABELLED] = (clusters, ("",) * clusters.shape[1])
        for kind, (values, names) in kinds.items():
            tokens = DatasetTokens(item.name, values, names, f"{encoder.name}:{encoder.hash}", item.part)
            tokens.save(folder / kind / item.split / f"{item.name}.npz")


def encoder_separation(images: Path, splits: Splits, encoder: ClipImageEncoder) -> pd.DataFrame:
    """How well features tell the classes of each data set apart: k-NN test accuracy, by the train images.

    Returns:
        One row per data set: ``dataset, role, classes, chance`` (share of the largest class), ``pixels`` and
        ``encoder`` (accuracy of the 5 nearest neighbours under Euclidean distance on each).
    """
    rows = []
    for name in progress(splits.all, "k-NN on features"):
        data = load_image_npz(images / f"{name}.npz")
        role = next(role for role in ("train", "validation", "blind") if name in getattr(splits, role))
        pixels = [part.reshape(len(part), -1) / 255 for part in (data.train_images, data.test_images)]
        rows.append(
            {
                "dataset": name,
                "role": role,
                "classes": data.num_classes,
                "chance": float(np.bincount(data.test_labels).max() / len(data.test_labels)),
                "pixels": _knn(data, *pixels),
                "encoder": _knn(data, encoder.encode(data.train_images), encoder.encode(data.test_images)),
            }
        )
    return pd.DataFrame(rows)


def _knn(data: ImageData, training: np.ndarray, test: np.ndarray) -> float:
    knn = KNeighborsClassifier(NEIGHBOURS).fit(training, data.train_labels)
    return float(knn.score(test, data.test_labels))


def rebuild_dataset_tokens(config: ConfigParser, images: Path | None = None) -> Path:
    """Make the tokens of every data set with the configured encoder, and the table of how well it separates.

    Returns:
        The token folder.
    """
    paths = config.get(PathsConfig)
    images, splits, encoder = images or paths.images, read_splits(paths.splits), load_encoder(config)
    build_dataset_tokens(images, splits, encoder, config.get(DatasetTokenConfig), paths.dataset_tokens)
    table = encoder_separation(images, splits, encoder).round(4)
    write_text(paths.encoder_separation, csv_text(table))
    return paths.dataset_tokens
