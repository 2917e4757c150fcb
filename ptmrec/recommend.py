"""Ranking models for images somebody brings."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import DatasetTokenConfig, ExtractConfig, PathsConfig
from ptmrec.dataloader.dataset_tokens import SPLITS, DatasetTokenDataset, class_tokens, cluster_tokens, kind_of_shots
from ptmrec.dataloader.image_data import load_image_folder, load_image_npz
from ptmrec.errors import ArtifactError
from ptmrec.log import logger
from ptmrec.model.clip_encoder import ClipImageEncoder, load_encoder
from ptmrec.progress import progress
from ptmrec.recommender import SPEC_NAME, Recommender
from ptmrec.zoo.snapshot import read_zoo

IMAGES_PER_CLASS = 40
"""Images used per class: enough for several draws of tokens, and an answer in seconds."""
UNLABELLED_IMAGES = 400
PLENTY = 100
"""Images in the smallest class from which on fine-tuning, not a linear probe, is the likely plan."""


@dataclass(frozen=True)
class UserImages:
    """Images to rank models for.

    Attributes:
        images: PIL images, or ``(n, H, W, 3)`` uint8.
        labels: ``(n,)`` class indices, or None when unlabelled.
        smallest_class: images in the smallest class on disk (0 when unlabelled).
    """

    images: list | np.ndarray
    labels: np.ndarray | None
    smallest_class: int


def read_user_images(path: Path, skip_unreadable: bool = False) -> UserImages:
    """Read a folder of images or an NPZ image set (its training part).

    Raises:
        DataError, ArtifactError: see :mod:`ptmrec.dataloader.image_data`.
    """
    if path.suffix.lower() == ".npz":
        data = load_image_npz(path)
        kept = _spread(data.train_labels, IMAGES_PER_CLASS)
        smallest = int(np.bincount(data.train_labels)[np.unique(data.train_labels)].min())
        return UserImages(data.train_images[kept], data.train_labels[kept], smallest)
    labelled = path.is_dir() and any(p.is_dir() and not p.name.startswith(".") for p in path.iterdir())
    folder = load_image_folder(path, skip_unreadable, IMAGES_PER_CLASS if labelled else UNLABELLED_IMAGES)
    for name in folder.skipped:
        logger.warning("skipped, does not decode: %s", name)
    if folder.labels is None:
        kept = _spread(np.zeros(len(folder.images)), UNLABELLED_IMAGES)
        return UserImages([folder.images[index] for index in kept], None, 0)
    kept = _spread(folder.labels, IMAGES_PER_CLASS)
    return UserImages([folder.images[index] for index in kept], folder.labels[kept], min(folder.class_sizes))


def _spread(labels: np.ndarray, limit: int) -> np.ndarray:
    """Positions ``(k,)`` of at most ``limit`` images of each class, evenly spread over it."""
    groups = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    return np.sort(np.concatenate([group[:: -(-len(group) // limit)] for group in groups]))


def choose_regime(images: UserImages) -> str:
    """``fine_tuning`` when every class has plenty of images, else ``low_data``."""
    return "fine_tuning" if images.smallest_class >= PLENTY else "low_data"


def find_recommender(config: ConfigParser) -> Path:
    """Folder of the recommender of the last run, else of the committed one."""
    paths = config.get(PathsConfig)
    own = paths.artifacts / "recommender"
    return own if (own / SPEC_NAME).is_file() else paths.recommender


def embed_images(images: UserImages, encoder: ClipImageEncoder, config: DatasetTokenConfig) -> np.ndarray:
    """Dataset tokens ``(S, M, D)`` of images: one per class, or per cluster when unlabelled."""
    features = encoder.encode(images.images, "reading images")
    if images.labels is None:
        return cluster_tokens(features, config.clusters, config.shots, config.draws, config.seed)
    return class_tokens(features, images.labels, config.shots, config.draws, config.seed)


def recommend(
    config: ConfigParser, images: UserImages, regime: str | None = None, zoo: Path | None = None
) -> pd.DataFrame:
    """Rank the models of a zoo for images.

    Args:
        config: the configuration.
        images: what :func:`read_user_images` returned.
        regime: ``low_data`` or ``fine_tuning``; chosen by the number of images without it.
        zoo: another zoo than the embedded one; its models are read and probed first.

    Returns:
        Models best first: ``rank, model, family, parameters, trained_on, score, expected_accuracy,
        accuracy_std``.

    Raises:
        ArtifactError: recommender, encoder or zoo are missing or do not fit together.
    """
    paths = config.get(PathsConfig)
    recommender = Recommender.load(find_recommender(config))
    encoder = load_encoder(config)
    if f"{encoder.name}:{encoder.hash}" != recommender.encoder:
        raise ArtifactError(
            f"encoder {encoder.name}:{encoder.hash} is not the one the ranker was trained with "
            f"({recommender.encoder}); change [encoder] back or run: ptmrec reproduce"
        )
    snapshots = read_zoo(zoo or paths.zoo)
    names = [snapshot.name for snapshot in snapshots]
    if zoo is None and set(names) <= set(recommender.model_names):
        tokens = recommender.tokens_of(names)
    else:
        tokens = _extract_tokens(config, recommender, snapshots)
    dataset_tokens = embed_images(images, encoder, config.get(DatasetTokenConfig))
    frame = recommender.rank(tokens, names, dataset_tokens, regime or choose_regime(images))
    cards = {snapshot.name: snapshot.card for snapshot in snapshots}
    frame.insert(2, "family", [cards[name].family for name in frame["model"]])
    frame.insert(3, "parameters", [cards[name].num_params for name in frame["model"]])
    frame.insert(4, "trained_on", [cards[name].source_dataset for name in frame["model"]])
    return frame


def _extract_tokens(config: ConfigParser, recommender: Recommender, snapshots: list) -> np.ndarray:
    from ptmrec.extractors.views import ViewExtractor  # brings timm, which ranking the embedded zoo does not need

    folder = config.get(PathsConfig).dataset_tokens / kind_of_shots(config.get(DatasetTokenConfig).shots)
    extractor = ViewExtractor(config.get(ExtractConfig), DatasetTokenDataset(folder, SPLITS).by_name())
    with torch.inference_mode():
        views = [extractor.extract(snapshot) for snapshot in progress(snapshots, "reading models")]
    return np.stack([recommender.embed_views(view) for view in views])
