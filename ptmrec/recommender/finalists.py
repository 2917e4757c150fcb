"""Finalists of published zoos: fetched where that is allowed, and run on the user's images in the size they have."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ptmrec.core.errors import ArtifactError, one_line
from ptmrec.core.progress import progress
from ptmrec.core.words import count_of
from ptmrec.images.arrays import shrink
from ptmrec.recommender.request import Request
from ptmrec.recommender.verify import Verification
from ptmrec.relations.ridge import draw_splits, split_probe
from ptmrec.zoo.features import extract_features
from ptmrec.zoo.hub_download import MIB, UnreachableError
from ptmrec.zoo.hub_files import bytes_to_fetch
from ptmrec.zoo.sources import open_source, repository_of

if TYPE_CHECKING:
    from ptmrec.zoo.feed import FedModel
    from ptmrec.zoo.photo_model import PhotoModel

PART = 32
"""Images that are run between two looks at the clock."""
SPEED = 10 * MIB
"""Bytes a second that a download is expected to take its time by."""


@dataclass
class Finalists:
    """Models to run: what has to be fetched of them, and why some cannot be run.

    Attributes:
        sources: of each model, best first; sizes: bytes to fetch of those that can be had.
        failed: model -> why it is not run; unreachable: sources that a network would bring.
    """

    sources: Mapping[str, str]
    sizes: dict[str, int] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    unreachable: list[str] = field(default_factory=list)

    @property
    def missing(self) -> dict[str, int]:
        """Bytes to fetch of each model that is not here."""
        return {name: size for name, size in self.sizes.items() if size}

    def fail(self, name: str, error: Exception | str) -> None:
        """A model that is left out."""
        self.sizes.pop(name, None)
        self.failed[name] = one_line(error).removeprefix(f"{self.sources[name]}: ")
        if isinstance(error, UnreachableError):
            self.unreachable.append(self.sources[name])

    def describe(self) -> str:
        """What is to be downloaded: how many models, bytes, time and names."""
        total = sum(self.missing.values())
        seconds = f"about {max(total / SPEED, 1):,.0f} s at {SPEED / MIB:.0f} MiB/s"
        return f"{count_of(len(self.missing), 'model')}, {total / MIB:,.1f} MiB, {seconds}: {', '.join(self.missing)}"

    def sentences(self) -> tuple[str, ...]:
        """Why models are not run, and how to have those that a network would bring."""
        lines = [f"Not run: {name} ({reason})." for name, reason in self.failed.items()]
        if self.unreachable:
            lines.append("Where there is a network: " + "; ".join(f"ptmrec zoo add {one}" for one in self.unreachable))
        return tuple(lines)


def run_finalists(
    request: Request, sources: Mapping[str, str], models: Sequence[str], time_limit: float | None
) -> Verification:
    """Fetch models where that is allowed, and run those that can be had.

    One that cannot be fetched, loaded or run within what is left of the time is named, and the others go on.

    Args:
        request: the question; it says whether to download.
        sources: of each model to run, best first, as ``ptmrec zoo add`` takes it.
        models: names of all N of the table.
        time_limit: seconds of running, downloads not counted.
    """
    found, refused = _find(request, sources), ()
    if found.missing and not _allowed(request, found):
        refused = (f"Not downloaded: {found.describe()}. Add --yes (in Python download=True) to run them.",)
        found.sizes = {name: 0 for name, size in found.sizes.items() if not size}
    labels, splits = request.images.labels, draw_splits(request.images.labels)
    accuracies, seconds = np.full(len(models), np.nan), np.full(len(models), np.nan)
    for name in [*found.sizes]:
        place = models.index(name)
        try:
            network = open_source(sources[name], request.paths).load()
            left = None if time_limit is None else time_limit - float(np.nansum(seconds))
            began = time.perf_counter()
            features = _features(network, request.images.images, name, left)
            accuracies[place] = split_probe(features, labels, splits)
            seconds[place] = time.perf_counter() - began
        except ArtifactError as error:
            found.fail(name, error)
    return Verification(accuracies, seconds, *map(len, splits[0]), (*found.sentences(), *refused))


def _find(request: Request, sources: Mapping[str, str]) -> Finalists:
    """What has to be fetched of models, each asked for."""
    found = Finalists(sources)
    for name, source in progress(sources.items(), "looking for models", len(sources), leave=False):
        try:
            hub_id, library = repository_of(source, request.paths)
            found.sizes[name] = bytes_to_fetch(hub_id, library) if hub_id else 0
        except ArtifactError as error:
            found.fail(name, error)
    return found


def _allowed(request: Request, found: Finalists) -> bool:
    ask: bool | Callable[[str], bool] = request.download
    return ask(f"Download {found.describe()}?") if callable(ask) else bool(ask)


def _features(model: "PhotoModel | FedModel", images: Sequence, name: str, left: float | None) -> np.ndarray:
    """Features ``(n, d)`` of all images, run part by part.

    Raises:
        ArtifactError: they would take longer than what is left, or are not finite.
    """
    parts, began = [], time.perf_counter()
    for start in progress(range(0, len(images), PART), f"running {name}", leave=False):
        taken = time.perf_counter() - began
        whole = taken / max(start, 1) * len(images)
        if left is not None and (whole > left or left <= 0):
            needs = f"{len(images)} images would take about {whole:,.0f} s" if start else "none is left"
            raise ArtifactError(f"too slow for the time limit: {needs}, {max(left, 0):,.0f} s are left")
        parts.append(extract_features(model, shrink(images[start : start + PART], model.input_size)))
    features = np.concatenate(parts)
    if not np.isfinite(features).all():
        raise ArtifactError("its features are not finite; its weights are damaged, fetch them again")
    return features
