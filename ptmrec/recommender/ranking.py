"""Ranking models for images somebody brings.

torch and pandas are imported once the images are known to be readable: a mistake is answered at once.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import REGIMES, EncoderConfig, PathsConfig
from ptmrec.errors import ArtifactError, ConfigError
from ptmrec.log import logger
from ptmrec.recommender.images import choose_regime, read_user_images
from ptmrec.recommender.recommendation import Recommendation
from ptmrec.zoo.real import is_real, read_models
from ptmrec.zoo.snapshot import Snapshot, read_zoo

if TYPE_CHECKING:
    from PIL import Image

    from ptmrec.recommender.ensemble import Recommender
    from ptmrec.recommender.references import References


def recommend(
    images: "Path | str | np.ndarray | Sequence[Image.Image]",
    labels: Sequence | np.ndarray | None = None,
    *,
    regime: str | None = None,
    zoo: Path | str | None = None,
    config: ConfigParser | None = None,
    skip_unreadable: bool = False,
    verify: int | None = None,
    time_limit: float | None = None,
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
        verify: run this many of the first candidates on the images, and rank anew.
        time_limit: run first candidates for as long as this, in seconds; together with ``verify`` what ends first.

    Raises:
        ConfigError: unknown regime, or a number of candidates or a time limit that is not positive.
        DataError: images or labels cannot be used.
        ArtifactError: recommender, encoder or zoo are missing or do not fit together.
    """
    _check(regime, verify, time_limit)
    config = config or ConfigParser()
    chosen = read_user_images(images, labels, skip_unreadable)
    regime = regime or choose_regime(chosen)
    snapshots = read_zoo(Path(zoo)) if zoo else read_models(config.get(PathsConfig))
    with _few_threads(config):
        from ptmrec.recommender.answer import answer
        from ptmrec.recommender.registration import REGISTERED, extend, read_registered, register

        recommender, references = _load(config)
        knowledge = recommender.knowledge
        if not zoo:
            snapshots = _without_new_real(snapshots, recommender)
            added = read_registered(config.get(PathsConfig).artifacts / REGISTERED)
            if added:
                cards = {snapshot.name: snapshot.card for snapshot, _ in added}
                knowledge = extend(knowledge, cards, {snapshot.name: found for snapshot, found in added})
                snapshots = [*(s for s in snapshots if s.name not in cards), *(s for s, _ in added)]
        knowledge = register(knowledge, references, snapshots, config)
        found = answer(recommender, knowledge, references, snapshots, chosen, regime, config, verify, time_limit)
    return Recommendation(
        found.frame,
        regime,
        chosen.total,
        len(chosen.images),
        chosen.num_classes,
        chosen.part,
        _folder(config),
        found.notes,
        found.verification,
        found.reasons,
    )


def _check(regime: str | None, verify: int | None, time_limit: float | None) -> None:
    if regime is not None and regime not in REGIMES:
        raise ConfigError(f"regime {regime!r}: choose one of {', '.join(REGIMES)}")
    if verify is not None and verify < 1:
        raise ConfigError(f"verify = {verify}: run at least one candidate, or leave it away")
    if time_limit is not None and not time_limit > 0:
        raise ConfigError(f"time_limit = {time_limit}: give a positive number of seconds, or leave it away")


def _without_new_real(snapshots: list[Snapshot], recommender: "Recommender") -> list[Snapshot]:
    """Leave out real models the recommender does not know: running them takes a while, at every call."""
    new = [s.name for s in snapshots if is_real(s) and s.name not in recommender.knowledge.cards]
    if new:
        logger.info(
            "real models left out, the recommender does not know them: %s; ptmrec zoo add makes it", ", ".join(new)
        )
    return [snapshot for snapshot in snapshots if snapshot.name not in new]


@contextmanager
def _few_threads(config: ConfigParser) -> Iterator[None]:
    """One thread: the embedded encoder and the many small eigenproblems of transport gain nothing by more.

    On a busy machine they would cost several times as much. An encoder of one's own keeps torch's threads.
    """
    import torch
    from threadpoolctl import threadpool_limits

    before = torch.get_num_threads()
    if config.get(EncoderConfig).model == "embedded":
        torch.set_num_threads(1)
    try:
        with threadpool_limits(1, user_api="blas"):
            yield
    finally:
        torch.set_num_threads(before)


def _folder(config: ConfigParser) -> Path:
    from ptmrec.dataloader.model_datasets import find_recommender

    return find_recommender(config.get(PathsConfig))


def _load(config: ConfigParser) -> "tuple[Recommender, References]":
    from ptmrec.recommender.ensemble import Recommender
    from ptmrec.recommender.references import References

    recommender, references = Recommender.load(_folder(config)), References(config)
    encoder = references.encoder
    if f"{encoder.name}:{encoder.hash}" != recommender.encoder:
        raise ArtifactError(
            f"encoder {encoder.name}:{encoder.hash} is not the one the ranker was trained with "
            f"({recommender.encoder}); change [encoder] back or run: ptmrec reproduce"
        )
    return recommender, references
