"""Ranking models for images somebody brings."""

from pathlib import Path

import numpy as np
import pandas as pd
import torch

from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import DatasetTokenConfig, ExtractConfig, PathsConfig
from ptmrec.dataloader.dataset_tokens import SPLITS, DatasetTokenDataset, class_tokens, cluster_tokens, kind_of_shots
from ptmrec.dataloader.model_datasets import find_recommender
from ptmrec.errors import ArtifactError
from ptmrec.model.clip_encoder import ClipImageEncoder, load_encoder
from ptmrec.progress import progress
from ptmrec.recommender.ensemble import Recommender
from ptmrec.recommender.images import UserImages, choose_regime
from ptmrec.zoo.snapshot import read_zoo


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
    recommender = Recommender.load(find_recommender(paths))
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
    extractor = ViewExtractor(config.get(ExtractConfig), DatasetTokenDataset(folder, SPLITS).mean_tokens())
    with torch.inference_mode():
        views = [extractor.extract(snapshot) for snapshot in progress(snapshots, "reading models")]
    return np.stack([recommender.embed_views(view) for view in views])
