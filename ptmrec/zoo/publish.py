"""The last part of a zoo build: encoder, dataset tokens, and the files the project commits."""

import shutil
from pathlib import Path

from ptmrec.artifacts import write_json
from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import (
    DatasetTokenConfig,
    EncoderTrainingConfig,
    GroundTruthConfig,
    PathsConfig,
    ZooConfig,
)
from ptmrec.dataloader.dataset_tokens import DatasetTokens, class_tokens
from ptmrec.dataloader.image_data import load_image_npz
from ptmrec.dataloader.splits import Splits, read_splits
from ptmrec.log import logger
from ptmrec.model.clip_encoder import CONFIG_NAME, ClipImageEncoder, load_encoder
from ptmrec.progress import progress
from ptmrec.zoo.builder import build_zoo, read_cells
from ptmrec.zoo.ground_truth import assemble_ground_truth
from ptmrec.zoo.snapshot import read_zoo


def publish_zoo(models: Path, cells: Path, paths: PathsConfig) -> None:
    """Copy snapshots and join the measurements into the files under ``constants/``.

    Args:
        models: snapshots of the build.
        cells: measurements of the build.
        paths: where the files go; the zoo folder is replaced.
    """
    cards = {snapshot.name: snapshot.card for snapshot in read_zoo(models)}
    fresh = paths.zoo.with_name(f".{paths.zoo.name}-new")
    shutil.rmtree(fresh, ignore_errors=True)
    shutil.copytree(models, fresh)
    shutil.rmtree(paths.zoo, ignore_errors=True)
    fresh.rename(paths.zoo)
    assemble_ground_truth(read_cells(cells), cards, paths.ground_truth)
    estimates: dict[str, dict[str, dict[str, float]]] = {}
    for cell in read_cells(cells, ["estimators"]):
        scores = {key: round(cell[key], 6) for key in ("logme", "knn", "seconds")}
        estimates.setdefault(cell["dataset"], {})[cell["model_name"]] = scores
    write_json(paths.estimators, estimates)
    logger.info("zoo of %d models and its ground truth are in %s", len(cards), paths.zoo.parent)


def build_encoder(images: Path, work: Path, splits: Splits, config: EncoderTrainingConfig, paths: PathsConfig) -> None:
    """Train the embedded encoder on the training data sets, unless it is there already."""
    from ptmrec.train.encoder_trainer import train_encoder

    if (paths.encoder / CONFIG_NAME).is_file():
        return
    image_sets = [load_image_npz(images / f"{name}.npz") for name in splits.train]
    train_encoder(image_sets, config, work, paths.encoder)


def build_dataset_tokens(
    images: Path, splits: Splits, encoder: ClipImageEncoder, config: DatasetTokenConfig, folder: Path
) -> None:
    """Write the tokens of every data set.

    ``train/`` and ``validation/`` hold the known data sets, from their training images; ``test/`` holds the
    known ones again, from their test images (the same data, unseen images), and the blind ones, from their
    training images, which is what a user with a new data set has.

    Args:
        images: folder of image sets.
        splits: roles of the data sets.
        encoder: the image encoder.
        config: images per class and draws.
        folder: the token folder.
    """
    jobs = [("train", name, "train") for name in splits.train]
    jobs += [("validation", name, "train") for name in splits.validation]
    jobs += [("test", name, "test") for name in splits.known]
    jobs += [("test", name, "train") for name in splits.blind]
    for split, name, part in progress(jobs, "dataset tokens"):
        data = load_image_npz(images / f"{name}.npz")
        pixels, labels = getattr(data, f"{part}_images"), getattr(data, f"{part}_labels")
        features = class_tokens(encoder.encode(pixels), labels, config.shots, config.draws, config.seed)
        tokens = DatasetTokens(name, features, data.class_names, f"{encoder.name}:{encoder.hash}", part)
        tokens.save(folder / split / f"{name}.npz")


def build_everything(config: ConfigParser, images: Path | None = None) -> None:
    """Build the embedded zoo from image sets: models, ground truth, estimates, encoder, dataset tokens.

    Args:
        config: the configuration; pieces go to ``artifacts/zoo_build``, results to the committed files.
        images: folder of image sets; the configured one without it.
    """
    paths = config.get(PathsConfig)
    images, work = images or paths.images, paths.artifacts / "zoo_build"
    splits = read_splits(paths.splits)
    models, cells = build_zoo(images, work, config.get(ZooConfig), config.get(GroundTruthConfig))
    publish_zoo(models, cells, paths)
    build_encoder(images, work / "encoder", splits, config.get(EncoderTrainingConfig), paths)
    rebuild_dataset_tokens(config, images)


def rebuild_dataset_tokens(config: ConfigParser, images: Path | None = None) -> Path:
    """Make the tokens of every data set with the configured encoder; returns their folder."""
    paths = config.get(PathsConfig)
    build_dataset_tokens(
        images or paths.images,
        read_splits(paths.splits),
        load_encoder(config),
        config.get(DatasetTokenConfig),
        paths.dataset_tokens,
    )
    return paths.dataset_tokens
