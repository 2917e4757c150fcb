"""Scores of every model on every image set, for the crossed evaluation and its ablations; needs the image sets.

The evaluation leaves data sets and families out in turn. So that it runs without images, what it needs is computed
here: with no image of a data set in what judges that data set, and no reference of a family in what judges it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from ptmrec.config.sections import RelationConfig
from ptmrec.core.progress import progress
from ptmrec.dataloader.dataset_tokens import cluster_labels
from ptmrec.recommender.references import ENCODER
from ptmrec.relations.expected import KnownSeparation, known_separation
from ptmrec.relations.reference import ReferenceSpace, fit_reference_space
from ptmrec.relations.ridge import ridge_loo_score
from ptmrec.relations.samples import DatasetSample
from ptmrec.relations.scores import PairScores, join_rows, look_at
from ptmrec.relations.transport import TransportMaps

PROBE, BATTERY = -2, -1
"""What stands for the draw of an image that belongs to no draw of a data set."""

Features = Mapping[str, np.ndarray]
"""Name of a model, or of the encoder -> its features ``(n, d)`` of the images of a layout; NaN where it did not run."""


@dataclass(frozen=True)
class Layout:
    """Which image is what, in the order in which models run on them.

    Attributes:
        origin: ``(n,)`` name of the image set, empty for a probe.
        draw: ``(n,)`` number of the draw, or :data:`PROBE` or :data:`BATTERY`.
        labels: ``(n,)`` class indices within the image set.
        position: ``(n,)`` how manieth image of its class in its draw, from 0.
    """

    origin: np.ndarray
    draw: np.ndarray
    labels: np.ndarray
    position: np.ndarray

    def probes(self, kinds: tuple[int, ...], without: str = "") -> np.ndarray:
        """Positions of the images models are explained on, without those of one image set if one is named."""
        left_out = (self.origin == without) & (self.draw != PROBE)
        return np.flatnonzero(np.isin(self.draw, kinds) & ~left_out)

    def sample(self, name: str, draw: int, shots: int) -> np.ndarray:
        """Positions of the first ``shots`` images per class of a draw of a data set."""
        return np.flatnonzero((self.origin == name) & (self.draw == draw) & (self.position < shots))


@dataclass(frozen=True)
class Variant:
    """One way to look at a data set as a new one.

    Attributes:
        name: its name.
        bank: references beside the encoder.
        probes: kinds of images models are explained on.
        shots: images per class.
        draw: which draw of them; draw 0 is what is known of known data sets, with which it is compared.
        clusters: number of clusters that stand for classes, as if there were no labels; 0: the labels.
    """

    name: str
    bank: tuple[str, ...]
    probes: tuple[int, ...] = (PROBE, BATTERY)
    shots: int = 10
    draw: int = 0
    clusters: int = 0


class PairScorer:
    """Makes pair scores from features of all models.

    Args:
        features: of the encoder and of every model.
        layout: what the images are.
        datasets: T data sets to score.
        models: N models to score.
        settings: rank of the reference space.
    """

    def __init__(
        self, features: Features, layout: Layout, datasets: list[str], models: list[str], settings: RelationConfig
    ) -> None:
        self.features, self.layout, self.settings = features, layout, settings
        self.datasets, self.models = datasets, models
        self.joined = np.concatenate([features[name] for name in models], axis=1)
        self._few_shots: dict[tuple, np.ndarray] = {}
        self.ends = np.cumsum([features[name].shape[1] for name in models])[:-1]

    def run(self, variants: list[Variant]) -> dict[str, PairScores]:
        """Scores of every variant by name; variants that share references and probes share their explanation."""
        found = {}
        for (bank, probes), group in progress(list(_groups(variants)), "pair scores"):
            spaces = self._spaces(bank, probes)
            found |= {variant.name: self._score(variant, spaces) for variant in group}
        return {variant.name: found[variant.name] for variant in variants}

    def separate(self, bank: tuple[str, ...], draws: tuple[int, ...]) -> dict[str, dict[str, KnownSeparation]]:
        """How far the classes of each data set separate, by the name of the draw."""
        spaces, found = self._spaces(bank, (PROBE, BATTERY)), {}
        for draw in draws:
            variant, rows = Variant("", bank, shots=self.settings.shots, draw=draw), {}
            for name in progress(self.datasets, f"separations, draw {draw}"):
                space, transports = spaces[name if name in spaces else ""]
                rows[name] = known_separation(self._sample(variant, name, space), transports)
            found[f"draw {draw}"] = rows
        return found

    def _spaces(self, bank: tuple[str, ...], probes: tuple[int, ...]) -> dict[str, tuple]:
        """Data set left out -> reference space and transports made without its images; ``""`` leaves none out."""
        used = set(self.layout.origin[self.layout.draw == BATTERY]) if BATTERY in probes else set()
        found = {}
        for without in ("", *sorted(used & set(self.datasets))):
            rows = self.layout.probes(probes, without)
            references = {name: self.features[name][rows] for name in (ENCODER, *bank)}
            space = fit_reference_space(references, self.settings.rank)
            transport, _ = TransportMaps(space.encode(references)).fit(self.joined[rows])
            found[without] = (space, np.split(transport, self.ends, axis=1))
        return found

    def _score(self, variant: Variant, spaces: dict[str, tuple]) -> PairScores:
        plain = Variant("", variant.bank, variant.probes, self.settings.shots)
        known = {
            without: [self._sample(plain, name, space) for name in self.datasets]
            for without, (space, _) in spaces.items()
        }
        rows = []
        for name in self.datasets:
            own = name if name in spaces else ""
            space, transports = spaces[own]
            rows.append(look_at(self._sample(variant, name, space), known[own], transports)[0])
        return join_rows(self.datasets, self.models, rows, self._few_shot(variant))

    def _sample(self, variant: Variant, name: str, space: ReferenceSpace) -> DatasetSample:
        rows = self.layout.sample(name, variant.draw, variant.shots)
        coordinates = space.encode({reference: self.features[reference][rows] for reference in space.names})
        token = self.features[ENCODER][rows].astype(np.float64).mean(axis=0)
        return DatasetSample(name, token, coordinates, self._labels(variant, rows))

    def _labels(self, variant: Variant, rows: np.ndarray) -> np.ndarray:
        if not variant.clusters:
            return self.layout.labels[rows]
        return cluster_labels(self.features[ENCODER][rows], variant.clusters, self.settings.seed)

    def _few_shot(self, variant: Variant) -> np.ndarray:
        """Score ``(T, N)`` of each model on each data set from its own features."""
        key = (variant.shots, variant.draw, variant.clusters)
        if key not in self._few_shots:
            table = []
            for name in self.datasets:
                rows = self.layout.sample(name, variant.draw, variant.shots)
                labels, parts = self._labels(variant, rows), np.split(self.joined[rows], self.ends, axis=1)
                table.append([np.nan if np.isnan(part).any() else ridge_loo_score(part, labels) for part in parts])
            self._few_shots[key] = np.array(table)
        return self._few_shots[key]


def _groups(variants: list[Variant]) -> Iterator[tuple[tuple, list[Variant]]]:
    keys = dict.fromkeys((variant.bank, variant.probes) for variant in variants)
    return ((key, [v for v in variants if (v.bank, v.probes) == key]) for key in keys)
