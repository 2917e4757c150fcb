"""Registration: a new model is run once on the probe images and the battery; what it shows there is kept."""

import hashlib
import shutil
import time
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ptmrec.benchmark.battery import read_battery
from ptmrec.benchmark.splits import read_splits
from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import PathsConfig, RelationConfig
from ptmrec.core.errors import ArtifactError, ConfigError
from ptmrec.core.files import read_npz, write_npz
from ptmrec.core.log import logger
from ptmrec.core.progress import progress
from ptmrec.extractors.explanation import probe_images
from ptmrec.recommender.added_models import ADDED, check_name, write_added
from ptmrec.zoo.snapshot import Snapshot, check_finite
from ptmrec.zoo.sources import open_source

if TYPE_CHECKING:
    from torch import Tensor, nn

    from ptmrec.recommender.knowledge import Knowledge
    from ptmrec.recommender.references import References
    from ptmrec.relations.samples import DatasetSample
    from ptmrec.relations.transport import TransportMaps
    from ptmrec.zoo.feed import Asked
    from ptmrec.zoo.photo_model import PhotoModel

SHOTS = 10
"""Images per class of the battery a new model is judged on, as many as the known ones were."""
PART = 125
"""Images whose features are saved at a time, so that a registration that was cut short goes on there."""
TRIED = 32
"""Images on which half precision is tried."""
SLOW = 60.0
"""Seconds that are left of a registration in single precision when half precision is tried."""
NOISE = 1e-3
"""Largest share of the features' variance that half precision may add."""
PARTS = "registering"
"""Folder of features of models whose registration is not finished, below that of the artifacts."""


class Prober:
    """Runs new models on the probe images and the battery.

    Args:
        knowledge: of the known data sets.
        references: reference space and models.
        config: battery and probes.
    """

    def __init__(self, knowledge: "Knowledge", references: "References", config: ConfigParser) -> None:
        paths = config.get(PathsConfig)
        known = [name for name in knowledge.scores.datasets if name in read_splits(paths.splits).known]
        settings = config.get(RelationConfig)
        self.known = knowledge.samples
        self.labels = {name: part.labels for name, part in read_battery(paths.battery).items() if name in known}
        self.images = probe_images(settings, paths.battery, known)
        self.origin = np.repeat(["", *self.labels], [settings.probes, *map(len, self.labels.values())])
        self.coordinates = references.coordinates(self.images)
        self.folder = paths.artifacts / PARTS
        self._maps: dict[str, TransportMaps] = {}

    def run(self, snapshot: Snapshot) -> dict[str, np.ndarray]:
        """Run one model, once on each image.

        Returns:
            ``transport (r, d)``, the share ``explained`` of its features, and the scores ``transported`` and
            ``few_shot`` ``(K,)`` on known data sets. The last is NaN where the battery has no images; a data set's own
            battery images have no part in the one before.

        Raises:
            ArtifactError: it cannot be loaded, or its features are not finite or the same for all images.
        """
        from ptmrec.relations.transport import transports_left_out

        features = self._features(snapshot)
        transport, share = self._maps_without("", slice(None)).fit(features)
        few_shot = [self._few_shot(features, sample) for sample in self.known]
        transported = []
        for sample in self.known:
            kept = self.origin != sample.name
            own = transport if kept.all() else self._maps_without(sample.name, kept).fit(features[kept])[0]
            transported.append(transports_left_out(sample.coordinates, sample.labels, [own])[0][0])
        arrays = {"transport": transport, "explained": share, "transported": transported, "few_shot": few_shot}
        return {name: np.asarray(values) for name, values in arrays.items()}

    def parts_of(self, snapshot: Snapshot) -> Path:
        """Folder of the features a model gave before its registration was cut short; other weights have another."""
        digest = hashlib.sha256(f"{snapshot.digest()} {snapshot.card.to_dict()}".encode())
        digest.update(np.ascontiguousarray(self.images))
        return self.folder / f"{snapshot.name[:80]}-{digest.hexdigest()[:16]}"

    def _features(self, snapshot: Snapshot) -> np.ndarray:
        """Features ``(P, d)`` of all images."""
        model, folder = snapshot.load(), self.parts_of(snapshot)
        starts = range(0, len(self.images), PART)
        saved = {start: _saved(folder / f"{start}.npz", len(self.images[start : start + PART])) for start in starts}
        half, parts = None, []
        for start in progress(starts, f"running {snapshot.name}", leave=False):
            part, began = saved[start], time.perf_counter()
            if part is None:
                part = self._part(model, start, folder, bool(half))
                if half is None:
                    left = (time.perf_counter() - began) / len(part) * (len(self.images) - start)
                    half = left > SLOW and half_serves(model, self.images[start:][:TRIED], part[:TRIED], snapshot.name)
            parts.append(part)
        if len({part.shape[1] for part in parts}) > 1:
            raise ArtifactError(f"{snapshot.name}: its features are not equally long for all images; remove {folder}")
        features = np.concatenate(parts)
        if not np.isfinite(features).all():
            raise ArtifactError(
                f"{snapshot.source}: its features are not finite; its weights are damaged, fetch them again"
            )
        if not (features.std(axis=0) > 0).any():
            raise ArtifactError(f"{snapshot.source}: its features are the same for all images; nothing can be read off")
        return features

    def _part(self, model: "PhotoModel", start: int, folder: Path, half: bool) -> np.ndarray:
        """Features of images from ``start`` on, computed now; those not finite are not saved."""
        import torch

        from ptmrec.zoo.features import extract_features

        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            features = extract_features(model, self.images[start : start + PART])
        if np.isfinite(features).all():
            write_npz(folder / f"{start}.npz", {"features": features})
        return features

    def _maps_without(self, without: str, kept: np.ndarray | slice) -> "TransportMaps":
        """The explainer of the images without those of one data set, fitted once for all models."""
        from ptmrec.relations.transport import TransportMaps

        if without not in self._maps:
            self._maps[without] = TransportMaps(self.coordinates[kept])
        return self._maps[without]

    def _few_shot(self, features: np.ndarray, sample: "DatasetSample") -> float:
        from ptmrec.relations.ridge import ridge_loo_score

        if sample.name not in self.labels:
            return np.nan
        labels, own = self.labels[sample.name], features[self.origin == sample.name]
        rows = np.concatenate([np.flatnonzero(labels == label)[:SHOTS] for label in np.unique(labels)])
        return ridge_loo_score(own[rows], labels[rows])


def _saved(path: Path, count: int) -> np.ndarray | None:
    """Features ``(count, d)`` that were saved before; None where there are none, or damaged ones."""
    try:
        found = read_npz(path, ("features",))["features"]
    except ArtifactError as error:
        if path.is_file():
            logger.debug("%s", error)
        return None
    return found if found.ndim == 2 and found.dtype == np.float32 and len(found) == count else None


def half_serves(model: "PhotoModel", images: np.ndarray, features: np.ndarray, name: str) -> bool:
    """Whether a model is to be run in half precision: where the processor has it, and it is fast and true.

    Args:
        model: the model.
        images: ``(n, H, W, 3)`` uint8 to try it on.
        features: ``(n, d)`` of these in single precision.
        name: of the model, for the log.
    """
    import torch

    from ptmrec.zoo.features import extract_features

    able = getattr(torch.cpu, "get_capabilities", dict)()
    if not any(able.get(unit) for unit in ("avx512_bf16", "amx_bf16")):
        return False
    started = time.perf_counter()
    extract_features(model, images)
    single, started = time.perf_counter() - started, time.perf_counter()
    with torch.autocast("cpu", torch.bfloat16):
        found = extract_features(model, images)
    half = time.perf_counter() - started
    noise = float(((found - features) ** 2).mean() / max(features.var(axis=0).mean(), 1e-300))
    logger.info("%s: half precision is %.1f times as fast, its noise %.1e", name, single / half, noise)
    return half < 0.8 * single and noise < NOISE


class ModelAdder:
    """Adds models one at a time, with one prober.

    Args:
        config: the configuration.
        random_weights: give models of timm and open_clip random weights.
    """

    def __init__(self, config: ConfigParser, random_weights: bool = False) -> None:
        self.config, self.random_weights = config, random_weights
        self.paths = config.get(PathsConfig)

    @cached_property
    def prober(self) -> Prober:
        """The prober, made when the first model is there to run: a wrong name is an error at once."""
        from ptmrec.dataloader.model_datasets import KNOWLEDGE, find_recommender
        from ptmrec.recommender.knowledge_files import read_knowledge
        from ptmrec.recommender.references import References

        knowledge = read_knowledge(find_recommender(self.paths) / KNOWLEDGE)
        return Prober(knowledge, References(self.config), self.config)

    def add(self, source: str, asked: "Asked | None" = None) -> str:
        """Add the model of one source.

        Args:
            source: see :func:`~ptmrec.zoo.sources.open_source`.
            asked: what a person says of it.

        Returns:
            A line with the model, the seconds, the memory and the share of its features that the references explain.

        Raises:
            PtmrecError: it cannot be opened or run; nothing is written then but features that a later try goes on with.
        """
        started = time.perf_counter()
        return self.add_snapshot(open_source(source, self.paths, self.random_weights, asked), started)

    def add_snapshot(self, snapshot: Snapshot, started: float | None = None) -> str:
        """:meth:`add` of a model that is open, ``started`` then on the clock of :func:`time.perf_counter`."""
        from ptmrec.hardware.machine import highest_memory

        started, folder = started or time.perf_counter(), self.paths.artifacts / ADDED
        for committed in (self.paths.zoo / snapshot.name, self.paths.real / snapshot.name):
            if committed.is_dir() and getattr(snapshot, "folder", None) != committed:
                raise ConfigError(f"{snapshot.name}: a model that is here has this name; give another with --name")
        check_name(folder, snapshot)
        if getattr(snapshot, "problem", ""):
            write_added(folder, snapshot)
            return f"{snapshot.name} is ranked by its card only: {snapshot.problem}"
        check_finite(snapshot)
        found = self.prober.run(snapshot)
        write_added(folder, snapshot, found)
        shutil.rmtree(self.prober.parts_of(snapshot), ignore_errors=True)
        seconds, share = time.perf_counter() - started, float(found["explained"])
        untrained = " (untrained)" if getattr(snapshot, "untrained", False) else ""
        memory = f"{highest_memory() / 2**20:,.0f} MiB of memory"
        what = f"the references explain {share:.0%} of its features"
        return f"{snapshot.name}{untrained} added in {seconds:.0f} s with {memory}; {what}"


def add_model(
    model: "nn.Module | str | Path",
    transform: "Callable[[Any], Tensor] | None" = None,
    *,
    name: str = "",
    input_size: int | tuple[int, int] | None = None,
    features: str = "",
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    weights: str | Path = "",
    random_weights: bool = False,
    licence: str = "unknown",
    trained_on: str = "unknown",
    config: ConfigParser | None = None,
) -> str:
    """Make :func:`ptmrec.recommend` rank a model, too; it is run once, never fine-tuned.

    Args:
        model: a network, which is not changed, or a source as ``ptmrec zoo add`` takes it.
        transform: makes the tensor ``(C, H, W)`` of a PIL image, of a network.
        name: of the model; without it that of its file, folder or class.
        input_size: height and width of its images, in pixels.
        features: layer or output whose values are the features; the one before the classifier of a file, and what
            ``forward_features`` or the network itself gives.
        mean: of the colours, 0 to 1.
        std: their deviation.
        weights: of a model of torchvision, safetensors.
        random_weights: take random weights, of timm, open_clip and torchvision.
        licence: of a network's weights.
        trained_on: the image set a network was trained on last.
        config: the configuration; the project's own without it.

    Returns:
        A line with the model, the seconds, the memory and the share of its features that the references explain.

    Raises:
        ArtifactError: it cannot be opened or run, or its features cannot be relied on.
        ConfigError: an argument cannot be used.
    """
    from ptmrec.zoo.feed import Asked, as_numbers, as_size

    size = None if input_size is None else as_size(input_size)
    colours = [None if given is None else as_numbers(key, given) for key, given in (("mean", mean), ("std", std))]
    asked, adder = (
        Asked(name, size, features, *colours, str(weights)),
        ModelAdder(config or ConfigParser(), random_weights),
    )
    if isinstance(model, str | Path):
        if transform is not None or (licence, trained_on) != ("unknown", "unknown"):
            raise ConfigError(f"{model}: transform, licence and trained_on are for networks; its files say them")
        return adder.add(str(model), None if asked == Asked() else asked)
    from torch import nn

    from ptmrec.zoo.python_model import open_module

    if not isinstance(model, nn.Module):
        raise ConfigError(f"model: a {type(model).__name__}; give a torch module, or a source as zoo add takes it")
    return adder.add_snapshot(open_module(model, transform, asked, licence, trained_on))
