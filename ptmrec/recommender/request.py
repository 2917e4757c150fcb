"""The question: images, a zoo, a regime and limits, read and checked before anything heavy is imported."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Integral, Real
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import MEASURES, PRESETS, REGIMES, PathsConfig
from ptmrec.core.errors import ArtifactError, ConfigError, NothingLeftError
from ptmrec.core.words import suggest
from ptmrec.hardware.limits import read_limits
from ptmrec.images.user_images import UserImages, choose_regime, read_user_images
from ptmrec.recommender.added_models import ADDED, register, with_added
from ptmrec.recommender.measured import Measured, read_measured
from ptmrec.recommender.recommendation import COUNT, Recommendation
from ptmrec.zoo.card import CARD_NAME
from ptmrec.zoo.real import is_real, read_models, read_real
from ptmrec.zoo.snapshot import Snapshot, read_zoo
from ptmrec.zoo.sources import open_folder

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image


ZERO_SHOT = "zero_shot"
"""Regime of published records alone."""
REAL = "real"
"""Name of the zoo of real models."""
PUBLISHED = {"hf180": "transfergraph", "openclip121": "openclip", "timm": "timm", "mieb": "mieb", "vtab1k": "vtab1k"}
"""Zoo of published records without weights -> its table."""
NO_WEIGHTS = "holds records and no weights, so none can be measured; leave --measure away, or add one: ptmrec zoo add"


@dataclass(frozen=True)
class Request:
    """A question about images.

    Attributes:
        images: the images.
        regime: ``low_data`` or ``fine_tuning``.
        config: the configuration.
        count: models to show.
        data: name of the images, as answers show it.
        limits: hard limits that are set, see :func:`~ptmrec.hardware.limits.read_limits`.
        zoo: the zoo, see :func:`recommend`.
        device: whose costs count; None = this machine.
        measure: models to measure on this machine before they are shown: ``none``, ``top`` or ``all``.
        verify: candidates to run on the images.
        time_limit: seconds of running candidates.
        download: whether models of published zoos may be downloaded to be run, or a function that is asked, with what.
        measured: accuracies the user measured, by model, of the regime.
        source: what the images were read from, their labels, and whether unreadable ones are left out.
        started: when the question was asked, on the clock of :func:`time.perf_counter`.
    """

    images: UserImages
    regime: str
    config: ConfigParser
    count: int = COUNT
    data: str = "images"
    limits: Mapping[str, Any] = field(default_factory=dict)
    zoo: Path | str | None = None
    device: str | None = None
    measure: str = "none"
    verify: int | None = None
    time_limit: float | None = None
    download: bool | Callable[[str], bool] = False
    measured: Mapping[str, Measured] = field(default_factory=dict)
    source: tuple[Any, Any, bool] = (None, None, False)
    started: float = field(default_factory=time.perf_counter)

    @property
    def paths(self) -> PathsConfig:
        """Folders and files of the configuration."""
        return self.config.get(PathsConfig)


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
    download: bool | Callable[[str], bool] = False,
    device: str | None = None,
    measure: str = "none",
    measured: "Mapping[str, Any] | Sequence[str] | Path | str | None" = None,
    **limits: Any,
) -> Recommendation:
    """Rank the models of a zoo for images.

    Args:
        images: a folder with one sub-folder per class, a folder of images, an NPZ image set, a torchvision or Hub
            data set, a list of PIL images, or an array ``(n, H, W, 3)`` uint8.
        labels: one whole number or text per image, for PIL images and arrays; for a folder of images a CSV of file
            names and labels. Without it they are unlabelled.
        n: models to show.
        regime: ``low_data`` or ``fine_tuning``; without it by the number of images.
        zoo: folder of another zoo than the embedded one, whose models are read and probed first; ``real``, a name of
            :data:`PUBLISHED`, or a CSV of records, see :func:`~ptmrec.benchmark.records.read_records`.
        config: the configuration; the project's own without it.
        skip_unreadable: leave out image files that do not decode instead of stopping.
        preset: ``fast``, ``balanced`` or ``best``: run 0, 3 or 8 of the first candidates on the images.
        verify: run this many of the first candidates on the images instead, and rank anew.
        time_limit: run candidates for as long as this, in seconds; together with ``verify`` what ends first.
        download: fetch models of published zoos that are to be run, or a function that is asked whether to.
        device: whose costs count, such as ``Raspberry Pi 5``; this machine without it.
        measure: models to measure on this machine: ``none``, those that are shown (``top``), or ``all``.
        measured: accuracies you measured, in the regime of the answer, see
            :func:`~ptmrec.recommender.measured.read_measured`: ``{"resnet50": 0.83}``; others move with them.
        **limits: hard limits, see :func:`~ptmrec.hardware.limits.read_limits`: ``max_params="5M"``,
            ``max_latency="20ms"``.

    Raises:
        ConfigError: unknown regime, preset, limit, device or measured model, or a value that is none.
        DataError: images or labels cannot be used.
        NothingLeftError: no model is left to rank.
        ArtifactError: recommender, encoder or zoo do not fit together.
    """
    started, told, set_limits = time.perf_counter(), read_measured(measured), read_limits(**limits)
    check_budget(verify := choose_passes(preset, verify), time_limit)
    _check(n, zoo, regime := _as_regime(regime), measure, device)
    _check_paths(images, labels, zoo)
    read = read_user_images(*(source := (images, labels, skip_unreadable)))
    data = str(images) if isinstance(images, str | Path) else f"{read.total} images"
    own = (regime or choose_regime(read), config or ConfigParser(), n, data, set_limits)
    request = Request(read, *own, zoo, device, measure, verify, time_limit, download, told, source, started)
    if not is_records(zoo):
        return _answer(request, _candidates(request))
    from ptmrec.recommender.published import recommend_published

    return recommend_published(request, fixed=regime is not None)


def _as_regime(regime: Any) -> Any:
    """A regime as the package calls it; in a terminal it has a dash."""
    return regime.replace("-", "_") if isinstance(regime, str) else regime


def is_records(zoo: Path | str | None) -> bool:
    """A zoo of records without weights: a published one by name, or a CSV of them."""
    return zoo in PUBLISHED or str(zoo).lower().endswith(".csv")


def choose_passes(preset: str | None, verify: int | None) -> int | None:
    """Number of candidates to run: ``verify``, or that of the preset.

    Raises:
        ConfigError: unknown preset.
    """
    if preset is not None and preset not in PRESETS:
        raise ConfigError(f"preset {preset!r}: choose one of {', '.join(PRESETS)}")
    return verify if verify is not None or preset is None else PRESETS[preset] or None


def check_budget(verify: int | None, time_limit: float | None) -> None:
    """Refuse numbers of candidates and times that are not positive.

    Raises:
        ConfigError: one of them is no number, or not positive.
    """
    if verify is not None and (not isinstance(verify, Integral) or verify < 1):
        raise ConfigError(f"verify = {verify!r}: run at least one candidate, or leave it away")
    if time_limit is not None and (not isinstance(time_limit, Real) or not time_limit > 0):
        raise ConfigError(f"time_limit = {time_limit!r}: give a positive number of seconds, or leave it away")


def _check(n: int, zoo: Path | str | None, regime: str | None, measure: str, device: str | None) -> None:
    """Refuse what is no choice, to measure what has no weights, and zero shot where no records are asked."""
    if not isinstance(n, Integral) or n < 1:
        raise ConfigError(f"n = {n!r}: show at least one model")
    if measure not in MEASURES:
        raise ConfigError(f"measure {measure!r}: choose one of {', '.join(MEASURES)}")
    if measure != "none" and device is not None:
        raise ConfigError(f"finalists are measured on this machine, not on {device}; leave out one of the two")
    allowed = (*REGIMES, ZERO_SHOT) if is_records(zoo) else REGIMES
    if regime is not None and regime not in allowed:
        records = f"; {regime} is known of records only, such as zoo openclip121" if regime == ZERO_SHOT else ""
        raise ConfigError(f"regime {regime!r}: choose one of {', '.join(allowed)}{records}")
    if measure != "none" and is_records(zoo):
        raise ConfigError(f"zoo {zoo} {NO_WEIGHTS}")


def _check_paths(images: Any, labels: Any, zoo: Any) -> None:
    """Refuse empty paths, which would be the current folder, and zoos that are nowhere."""
    for name, path in (("images", images), ("labels", labels), ("zoo", zoo)):
        if isinstance(path, str) and not path.strip():
            raise ConfigError(f"{name}: an empty path; name a folder or file, or . for the current folder")
    if zoo not in (None, REAL) and not is_records(zoo) and not Path(zoo).is_dir():
        known = ", ".join((REAL, *PUBLISHED))
        hint = suggest(str(zoo), (REAL, *PUBLISHED), f"give a folder of models, a CSV of records, or one of {known}")
        raise ArtifactError(f"{zoo}: no zoo there{hint}")


def _candidates(request: Request) -> list[Snapshot]:
    if request.zoo == REAL:
        return read_real(request.paths.real)
    if request.zoo is None:
        return read_models(request.paths)
    folder = Path(request.zoo)
    return [open_folder(folder)] if (folder / CARD_NAME).is_file() else read_zoo(folder, open_folder)


def _answer(request: Request, candidates: list[Snapshot]) -> Recommendation:
    """Rank the candidates within the limits; models that were added join those of the embedded zoo."""
    from ptmrec.recommender.costs import CostBook, keep_limits, measure_finalists
    from ptmrec.recommender.ranking import load_cached, rank
    from ptmrec.recommender.references import one_thread

    with one_thread(request.config):
        book = CostBook(request.paths, request.device)
        recommender, references = load_cached(request.config)
        knowledge, unranked, stand_ins = recommender.knowledge, [], {}
        if request.zoo in (None, REAL):
            new = [s.name for s in candidates if is_real(s) and s.name not in knowledge.cards]
            candidates = [snapshot for snapshot in candidates if snapshot.name not in new]
            why = "the recommender does not know it; ptmrec zoo add makes it"  # running it takes a while, every time
            unranked = [{"model": name, "limit": why, "value": ""} for name in new]
        if request.zoo is None:
            knowledge, candidates, stand_ins = with_added(request.paths.artifacts / ADDED, knowledge, candidates)
        if not candidates:
            raise NothingLeftError("no model is left to rank; see ptmrec zoo list")
        costs = book.costs(candidates)
        kept = keep_limits(costs, request.limits)
        knowledge = register(knowledge, references, candidates, request.config)
        ranking = rank(request, recommender, knowledge, references, candidates, stand_ins).narrow(kept)
        if request.measure != "none":
            ranking, costs = measure_finalists(ranking, book, request.count if request.measure == "top" else None)
        if request.verify or request.time_limit:
            ranking = ranking.verify(request.verify, request.time_limit)
        seconds = time.perf_counter() - request.started
        return Recommendation(request, ranking, costs, book.device_info, tuple(unranked), seconds)
