"""Ranking models for images somebody brings.

torch and pandas are imported once the images are known to be readable: a mistake is answered at once.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import REGIMES, DatasetTokenConfig, EncoderConfig, ExtractConfig, PathsConfig
from ptmrec.errors import ArtifactError, ConfigError
from ptmrec.log import logger
from ptmrec.progress import progress
from ptmrec.recommender.images import UserImages, choose_regime, read_user_images
from ptmrec.recommender.recommendation import Recommendation
from ptmrec.zoo.real import is_real, read_models
from ptmrec.zoo.snapshot import Snapshot, read_zoo

if TYPE_CHECKING:
    import pandas as pd
    from PIL import Image

    from ptmrec.model.clip_encoder import ClipImageEncoder
    from ptmrec.recommender.ensemble import Recommender


def embed_images(images: UserImages, encoder: "ClipImageEncoder", config: DatasetTokenConfig) -> np.ndarray:
    """Dataset tokens ``(S, M, D)`` of images: one per class, or per cluster when unlabelled."""
    from ptmrec.dataloader.dataset_tokens import class_tokens, cluster_tokens

    features = encoder.encode(images.images, "reading images")
    if images.labels is None:
        return cluster_tokens(features, config.clusters, config.shots, config.draws, config.seed)
    return class_tokens(features, images.labels, config.shots, config.draws, config.seed)


def recommend(
    images: "Path | str | np.ndarray | Sequence[Image.Image]",
    labels: Sequence | np.ndarray | None = None,
    *,
    regime: str | None = None,
    zoo: Path | str | None = None,
    config: ConfigParser | None = None,
    skip_unreadable: bool = False,
) -> Recommendation:
    """Rank the models of a zoo for images.

    Args:
        images: a folder with one sub-folder per class, a folder of images, an NPZ image set, a list of PIL images,
            or an array ``(n, H, W, 3)`` uint8.
        labels: one whole number or text per image, for PIL images and arrays; without it they are unlabelled.
        regime: ``low_data`` or ``fine_tuning``; chosen by the number of images without it.
        zoo: folder of another zoo than the embedded one; its models are read and probed first.
        config: the configuration; the project's own without it.
        skip_unreadable: leave out image files that do not decode instead of stopping.

    Raises:
        ConfigError: unknown regime.
        DataError: images or labels cannot be used.
        ArtifactError: recommender, encoder or zoo are missing or do not fit together.
    """
    if regime is not None and regime not in REGIMES:
        raise ConfigError(f"regime {regime!r}: choose one of {', '.join(REGIMES)}")
    config = config or ConfigParser()
    chosen = read_user_images(images, labels, skip_unreadable)
    regime = regime or choose_regime(chosen)
    snapshots = read_zoo(Path(zoo)) if zoo else read_models(config.get(PathsConfig))
    with _few_threads(config):
        recommender, encoder = _load(config)
        snapshots = snapshots if zoo else _without_new_real(snapshots, recommender)
        names = [snapshot.name for snapshot in snapshots]
        if not zoo and set(names) <= set(recommender.model_names):
            tokens = recommender.tokens_of(names)
        else:
            tokens = _extract_tokens(config, recommender, snapshots)
        dataset_tokens = embed_images(chosen, encoder, config.get(DatasetTokenConfig))
        frame = recommender.rank(tokens, names, dataset_tokens, regime)
    frame = _describe_models(frame, snapshots)
    return Recommendation(
        frame, regime, chosen.total, len(chosen.images), chosen.num_classes, chosen.part, _folder(config)
    )


def _without_new_real(snapshots: list[Snapshot], recommender: "Recommender") -> list[Snapshot]:
    """Leave out real models the recommender holds no tokens of: reading them takes a while, at every call."""
    new = [s.name for s in snapshots if is_real(s) and s.name not in recommender.model_names]
    if new:
        logger.info("real models left out, the recommender holds no tokens of them: %s", ", ".join(new))
    return [snapshot for snapshot in snapshots if snapshot.name not in new]


@contextmanager
def _few_threads(config: ConfigParser) -> Iterator[None]:
    """One thread while the embedded encoder works: it is too small for more, which cost a lot on a busy machine."""
    import torch

    before = torch.get_num_threads()
    if config.get(EncoderConfig).model == "embedded":
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _folder(config: ConfigParser) -> Path:
    from ptmrec.dataloader.model_datasets import find_recommender

    return find_recommender(config.get(PathsConfig))


def _load(config: ConfigParser) -> "tuple[Recommender, ClipImageEncoder]":
    from ptmrec.model.clip_encoder import load_encoder
    from ptmrec.recommender.ensemble import Recommender

    recommender, encoder = Recommender.load(_folder(config)), load_encoder(config)
    if f"{encoder.name}:{encoder.hash}" != recommender.encoder:
        raise ArtifactError(
            f"encoder {encoder.name}:{encoder.hash} is not the one the ranker was trained with "
            f"({recommender.encoder}); change [encoder] back or run: ptmrec reproduce"
        )
    return recommender, encoder


def _describe_models(frame: "pd.DataFrame", snapshots: list[Snapshot]) -> "pd.DataFrame":
    cards = {snapshot.name: snapshot.card for snapshot in snapshots}
    frame.insert(2, "family", [cards[name].family for name in frame["model"]])
    frame.insert(3, "parameters", [cards[name].num_params for name in frame["model"]])
    frame.insert(4, "trained_on", [cards[name].source_dataset for name in frame["model"]])
    return frame


def _extract_tokens(config: ConfigParser, recommender: "Recommender", snapshots: list[Snapshot]) -> np.ndarray:
    import torch

    from ptmrec.dataloader.dataset_tokens import SPLITS, DatasetTokenDataset, kind_of_shots
    from ptmrec.extractors.views import ViewExtractor  # brings timm, which ranking the embedded zoo does not need

    folder = config.get(PathsConfig).dataset_tokens / kind_of_shots(config.get(DatasetTokenConfig).shots)
    extractor = ViewExtractor(config.get(ExtractConfig), DatasetTokenDataset(folder, SPLITS).mean_tokens())
    with torch.inference_mode():
        views = [extractor.extract(snapshot) for snapshot in progress(snapshots, "reading models")]
    return np.stack([recommender.embed_views(view) for view in views])
