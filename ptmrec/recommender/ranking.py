"""Ranking models for images somebody brings.

torch and pandas are imported once the images are known to be readable: a mistake is answered at once.
"""

import time
from collections.abc import Sequence
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import MEASURES, PRESETS, REGIMES, PathsConfig
from ptmrec.core.errors import ConfigError, NothingLeftError
from ptmrec.hardware.limits import Limits
from ptmrec.hardware.quantities import KINDS, parse_quantity
from ptmrec.images.user_images import choose_regime, read_user_images
from ptmrec.recommender.asked import Asked
from ptmrec.recommender.recommendation import COUNT, Recommendation, check_limits
from ptmrec.recommender.threads import one_thread
from ptmrec.zoo.real import is_real, read_models, read_real
from ptmrec.zoo.snapshot import Snapshot, read_zoo

if TYPE_CHECKING:
    from PIL import Image

    from ptmrec.recommender.ensemble import Recommender
    from ptmrec.recommender.limiting import Limiting
    from ptmrec.recommender.session import Session


REAL = "real"
"""Name of the zoo of real models."""
PUBLISHED = {"hf180": "transfergraph", "openclip121": "openclip", "timm": "timm"}
"""Names of zoos of which only published records are here -> their tables."""


def recommend(
    images: "Path | str | np.ndarray | Sequence[Image.Image] | Any",
    labels: "Sequence | np.ndarray | Path | str | None" = None,
    *,
    n: int = COUNT,
    regime: str | None = None,
    zoo: Path | str | None = None,
    config: ConfigParser | None = None,
    skip_unreadable: bool = False,
    preset: str | None = None,
    verify: int | None = None,
    time_limit: float | None = None,
    device: str | None = None,
    measure: str = "none",
    **limits: Any,
) -> Recommendation:
    """Rank the models of a zoo for images.

    Args:
        images: a folder with one sub-folder per class, a folder of images, an NPZ image set, a torchvision or Hub
            data set, a list of PIL images, or an array ``(n, H, W, 3)`` uint8.
        labels: one whole number or text per image, for PIL images and arrays; for a folder of images a CSV of file
            names and labels. Without it they are unlabelled.
        n: models to show.
        regime: ``low_data`` or ``fine_tuning``; chosen by the number of images without it.
        zoo: folder of another zoo than the embedded one, whose models are read and probed first; ``real`` for the
            real models that are installed; ``hf180``, ``openclip121`` or ``timm`` for published records.
        config: the configuration; the project's own without it.
        skip_unreadable: leave out image files that do not decode instead of stopping.
        preset: ``fast``, ``balanced`` or ``best``: run 0, 3 or 8 of the first candidates on the images.
        verify: run this many of the first candidates on the images instead, and rank anew.
        time_limit: run first candidates for as long as this, in seconds; together with ``verify`` what ends first.
        device: whose costs count, such as ``Raspberry Pi 5``; this machine without it.
        measure: ``top`` measures the models that are shown on this machine, ``all`` every one that keeps the limits,
            ``none`` none: tables and estimates decide.
        **limits: hard limits, see :func:`read_limits`: ``max_params="5M"``, ``max_latency="20ms"``.

    Raises:
        ConfigError: unknown regime, preset or device, a number or time limit that is not positive or has no unit.
        DataError: images or labels cannot be used.
        NothingLeftError: no model is left to rank.
        ArtifactError: recommender, encoder or zoo are missing or do not fit together.
    """
    started, verify = time.perf_counter(), choose_passes(preset, verify)
    set_limits = read_limits(**limits)
    _check(n, regime, zoo, verify, time_limit, measure, device)
    config = config or ConfigParser()
    chosen = read_user_images(images, labels, skip_unreadable)
    data = str(images) if isinstance(images, str | Path) else f"{chosen.total} images"
    asked = Asked(chosen, regime or choose_regime(chosen), n, data, started, set_limits, device, measure)
    if zoo in PUBLISHED:
        from ptmrec.recommender.published import recommend_published

        return recommend_published(config.get(PathsConfig), PUBLISHED[zoo], asked)
    return _answer(asked, _candidates(zoo, config.get(PathsConfig)), zoo, config, verify, time_limit)


def _answer(
    asked: Asked,
    snapshots: list[Snapshot],
    zoo: Path | str | None,
    config: ConfigParser,
    verify: int | None,
    time_limit: float | None,
) -> Recommendation:
    with one_thread(config):
        found, limiting, rejected = _rank(asked, snapshots, zoo, config)
        if verify or time_limit:
            found = found.verify(verify, time_limit)
        return _recommendation(found, limiting, rejected, asked)


def _check(
    n: int,
    regime: str | None,
    zoo: Any,
    verify: int | None,
    time_limit: float | None,
    measure: str,
    device: str | None,
) -> None:
    check_limits(verify, time_limit)
    if regime is not None and regime not in REGIMES:
        raise ConfigError(f"regime {regime!r}: choose one of {', '.join(REGIMES)}")
    if not isinstance(n, Integral) or n < 1:
        raise ConfigError(f"n = {n!r}: show at least one model")
    if measure not in MEASURES:
        raise ConfigError(f"measure {measure!r}: choose one of {', '.join(MEASURES)}")
    if measure != "none" and device is not None:
        raise ConfigError(f"finalists are measured on this machine, not on {device}; leave out one of the two")
    if zoo in PUBLISHED and (verify or time_limit or measure != "none"):
        raise ConfigError(
            f"zoo {zoo} holds records and no weights, so no candidate can be run; rank first, then add one by its "
            "Hub id with ptmrec zoo add, which needs a network"
        )


def _recommendation(
    found: "Session", limiting: "Limiting", rejected: list[dict[str, str]], asked: Asked
) -> Recommendation:
    from ptmrec.dataloader.model_datasets import find_recommender

    chosen = asked.chosen
    return Recommendation(
        *(found.frame, found.regime, chosen.total, len(chosen.images), chosen.num_classes, chosen.part),
        ranked_by=find_recommender(found.config.get(PathsConfig)),
        notes=found.notes,
        verification=found.verification,
        doubts=found.doubts,
        nearest=found.nearest(),
        rejected=tuple(rejected),
        count=asked.count,
        seconds=time.perf_counter() - asked.started,
        data=asked.data,
        limiting=limiting,
        session=found,
        account=chosen.account,
    )


def _rank(
    asked: Asked, snapshots: list[Snapshot], zoo: Path | str | None, config: ConfigParser
) -> "tuple[Session, Limiting, list[dict[str, str]]]":
    """The ranking, what the limits did, and the models left out of it."""
    from ptmrec.recommender.answer import answer
    from ptmrec.recommender.by_card import with_registered
    from ptmrec.recommender.costing import CostBook
    from ptmrec.recommender.limiting import find_relief, keep_limits
    from ptmrec.recommender.opening import open_recommender
    from ptmrec.recommender.registered import REGISTERED
    from ptmrec.recommender.registration import register

    book = CostBook(config.get(PathsConfig), asked.device)
    recommender, references = open_recommender(config)
    knowledge, rejected = recommender.knowledge, []
    if zoo in (None, REAL):
        snapshots, rejected = _without_new_real(snapshots, recommender)
    lenders: dict[str, str] = {}
    if zoo is None:
        knowledge, snapshots, lenders = with_registered(
            config.get(PathsConfig).artifacts / REGISTERED, knowledge, snapshots
        )
    if not snapshots:
        raise NothingLeftError("no model is left to rank; see ptmrec zoo list")
    kept, limiting, cut = keep_limits(snapshots, asked.limits, book)
    knowledge = register(knowledge, references, snapshots, config)
    session = answer(recommender, knowledge, references, kept, asked.chosen, asked.regime, config, lenders)
    if asked.measure != "none":
        from ptmrec.recommender.measuring import measure_finalists

        count = asked.count if asked.measure == "top" else None
        session, limiting, cut = measure_finalists(session, snapshots, asked.limits, book, count)
    return session, find_relief(limiting, session, snapshots), [*rejected, *cut]


def _candidates(zoo: Path | str | None, paths: PathsConfig) -> list[Snapshot]:
    if zoo == REAL:
        return read_real(paths.real)
    return read_models(paths) if zoo is None else read_zoo(Path(zoo))


def read_limits(licences: str | Sequence[str] = (), **written: str | float | None) -> Limits:
    """Limits as people write them.

    Args:
        licences: licences that are accepted, in a list or between commas.
        **written: ``max_params="5M"``, ``max_flops="1G"``, ``max_memory="64MiB"``, ``max_latency="20ms"``,
            ``min_throughput="100/s"``, ``max_energy="50mJ"``.

    Raises:
        ConfigError: a limit nobody knows, that is not positive, or has no unit.
    """
    unknown = [name for name in written if name not in KINDS]
    if unknown:
        raise ConfigError(f"{unknown[0]}: no such limit; there are {', '.join(KINDS)} and licences")
    values = {name: parse_quantity(str(text), KINDS[name]) for name, text in written.items() if text is not None}
    names = licences.split(",") if isinstance(licences, str) else licences
    return Limits(**values, licences=tuple(name.strip().lower() for name in names if name.strip()))


def choose_passes(preset: str | None, verify: int | None) -> int | None:
    """Number of candidates to run: what is asked for, or what the preset says.

    Raises:
        ConfigError: unknown preset.
    """
    if preset is not None and preset not in PRESETS:
        raise ConfigError(f"preset {preset!r}: choose one of {', '.join(PRESETS)}")
    return verify if verify is not None or preset is None else PRESETS[preset] or None


def _without_new_real(
    snapshots: list[Snapshot], recommender: "Recommender"
) -> tuple[list[Snapshot], list[dict[str, str]]]:
    """Leave out real models the recommender does not know: running them takes a while, at every call."""
    new = [s.name for s in snapshots if is_real(s) and s.name not in recommender.knowledge.cards]
    why = "the recommender does not know it; ptmrec zoo add makes it"
    return [s for s in snapshots if s.name not in new], [{"model": name, "limit": why, "value": ""} for name in new]
