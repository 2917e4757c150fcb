"""Published benchmarks as problems for a ranker: records, cards, and relations of models to data sets."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ptmrec.benchmark.dataset_cards import PLACE, DatasetCard, read_dataset_cards
from ptmrec.benchmark.published import PublishedZoo, read_published
from ptmrec.benchmark.published_scores import FOLDER, read_scores
from ptmrec.core.files import read_json
from ptmrec.evaluation.metrics import kendall_tau_b, top1_regret, weighted_tau, weighted_tau_default
from ptmrec.evaluation.published.cards import WORDS, dataset_features, log_size, model_features
from ptmrec.evaluation.published.ranker import Problem
from ptmrec.evaluation.published.stack import Measure

TORCHVISION = Path("cards/torchvision.json")
"""Sizes and ImageNet accuracies of torchvision's models, for tables that name only the architecture."""

IMAGENET = "ImageNet"
YOURS = "your images"
UNKNOWN = dict.fromkeys(WORDS, "unknown")
SOURCE_RELATIONS = ("source here", *(f"{word} of source here" for word in WORDS), "classes of source")

HEADLINES = {
    "modelspider10": "tau_w",
    "modelspider42": "tau_w",
    "transfergraph": "tau_w_default",
    "lovm": "r5",
    "openclip": "tau_w",
}
"""Benchmark -> the metric its source ranks by."""
OURS, PLAIN = "ours", "blind data, plain card"
"""Our rows of the results, and the protocol in which only what a folder of images shows is known of the target."""
BEST = 5
"""Models at the top that LOVM looks at."""


def best_models(scores: np.ndarray) -> np.ndarray:
    """Places of the :data:`BEST` models, the best first; of ties, those that come first in the table."""
    return np.argsort(-np.asarray(scores), kind="stable")[:BEST]


def recall_of_best(true: np.ndarray, scores: np.ndarray) -> float:
    """R5: share of the true best five ``(N,)`` among the five with the highest scores ``(N,)``."""
    return len(np.intersect1d(best_models(true), best_models(scores))) / BEST


MEASURES: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "tau_w": weighted_tau,
    "tau_w_default": weighted_tau_default,
    "kendall": kendall_tau_b,
    "r5": recall_of_best,
    "regret1": lambda true, scores: top1_regret(true, scores) / 100,
}
"""Metric -> function of accuracies and scores ``(N,)``; ``regret1`` is a share, 0..1, as in the published tables."""


@dataclass(frozen=True)
class Benchmark:
    """One published table, ready to be ranked.

    Attributes:
        name: its name.
        targets: ``(T,)`` data sets that are ranked for; models: ``(N,)`` names.
        cards: ``(N,)`` cards of the models.
        places: ``(S,)`` cards of all data sets with records, the targets first.
        accuracy: ``(S, N)`` in 0..1, without gaps.
        texts: ``(K, S, N)`` published features of pairs that need no image, standardised per data set; K may be 0.
    """

    name: str
    targets: tuple[str, ...]
    models: tuple[str, ...]
    cards: tuple[Mapping[str, Any], ...]
    places: tuple[DatasetCard, ...]
    accuracy: np.ndarray
    texts: np.ndarray

    @property
    def families(self) -> np.ndarray:
        """Family ``(N,)`` of each model."""
        return np.array([card["family"] for card in self.cards])

    def others(self, target: int, groups: bool) -> np.ndarray:
        """Data sets ``(S,)`` bool that may be used for a target: not itself, nor, with ``groups``, any like it."""
        key = (lambda card: card.group) if groups else (lambda card: card.name)
        return np.array([key(card) != key(self.places[target]) for card in self.places])

    def imagenet(self, rows: np.ndarray) -> np.ndarray | None:
        """ImageNet accuracy ``(N,)`` from the usable rows ``(S,)``, else from the cards; None where neither has it."""
        for usable, card, row in zip(rows, self.places, self.accuracy, strict=True):
            if usable and card.name == IMAGENET:
                return row
        said = [card.get("imagenet_accuracy") for card in self.cards]
        return None if None in said else np.array(said, dtype=np.float64)

    def asked(self, classes: int, side: int) -> "Benchmark":
        """This benchmark with a data set of somebody as first target: its classes and pixels are all that is known.

        Args:
            classes: number of classes, 0 where there are no labels.
            side: usual shorter side of a picture, in pixels.
        """
        card = DatasetCard(YOURS, classes, images=0, side=side, group=YOURS, **UNKNOWN)
        accuracy = np.concatenate([np.zeros((1, len(self.models))), self.accuracy])
        texts = np.concatenate([np.zeros((len(self.texts), 1, len(self.models))), self.texts], axis=1)
        return replace(
            self, targets=(YOURS, *self.targets), places=(card, *self.places), accuracy=accuracy, texts=texts
        )

    def problem(
        self,
        target: int,
        rows: np.ndarray,
        known: np.ndarray,
        kin: np.ndarray | None = None,
        groups: bool = False,
        plain: bool = False,
    ) -> Problem:
        """What a ranker may use for a target.

        Args:
            target: its place.
            rows: ``(S,)`` bool, data sets whose records may be used.
            known: ``(N,)`` bool, models with records.
            kin: ``(N,)`` labels of models that are held out together; None: each alone.
            groups: data sets are left out by the group.
            plain: of the target only its classes and pixels are known, as of a folder of images.
        """
        accuracy = np.where(known, self.accuracy, np.nan)
        labels = np.array([card.group if groups else card.name for card in self.places])
        cards = list(self.places)
        if plain:
            cards[target] = replace(cards[target], **UNKNOWN)
        names, relations = _card_relations(cards, self.cards)
        parts = [self.texts.transpose(1, 0, 2), relations]
        score = self.imagenet(rows) if known.all() else None
        if score is not None:
            names = (*names, "ImageNet accuracy")
            relation = np.tile(score, (len(labels), 1, 1))
            here = [place for place, card in enumerate(self.places) if rows[place] and card.name == IMAGENET]
            if here:  # where it would be left out, the mean on usable data sets that are not
                near = labels == labels[here[0]]
                relation[near] = self.accuracy[rows & ~near].mean(axis=0)
            parts.append(relation)
        texts = tuple(f"text {place}" for place in range(len(self.texts)))
        relations = np.concatenate(parts, axis=1)
        places = dataset_features(cards)
        return Problem(
            *(accuracy[rows], places[rows], places[target], model_features(self.models, self.cards)),
            *((*texts, *names), relations[rows], relations[target], labels[rows]),
            np.arange(len(self.models)) if kin is None else kin,
        )


def _card_relations(
    places: Sequence[DatasetCard], cards: Sequence[Mapping[str, Any]]
) -> tuple[tuple[str, ...], np.ndarray]:
    """Relations ``(S, K, N)`` that cards alone give, with their names: sizes, likeness of source and data set."""
    names: list[str] = []
    parts = [np.zeros((len(places), 0, len(cards)))]
    for name, key in (("parameters", "num_params"), ("operations", "gflops")):
        size = log_size(cards, key)
        if size is not None and np.ptp(size):
            names.append(name)
            parts.append(np.tile(size - size.mean(), (len(places), 1, 1)))
    sources = [card.get("source_card") for card in cards]
    if len({source.name for source in sources if source}) > 1:
        names += SOURCE_RELATIONS
        parts.append(_source_here(places, sources))
    return tuple(names), np.concatenate(parts, axis=1)


def _source_here(places: Sequence[DatasetCard], sources: Sequence[DatasetCard | None]) -> np.ndarray:
    """Likeness of each model's source to each data set, as a whole and word by word, and the source's classes."""
    points = dataset_features([*places, *(source or places[0] for source in sources)])
    here, there = points[: len(places), None], points[None, len(places) :]
    known = np.array([source is not None for source in sources])
    parts = [np.exp(-((here - there) ** 2).sum(axis=-1) / 2) * known]
    for word in WORDS:
        parts.append(
            np.array([[bool(s) and getattr(s, word) == getattr(p, word) for s in sources] for p in places], dtype=float)
        )
    classes = np.log10([max(source.classes, 1) if source else 1 for source in sources])
    return np.stack([*parts, np.tile(classes, (len(places), 1))], axis=1)


def measure_of(benchmark: Benchmark) -> Measure:
    """The metric a benchmark's source ranks by; our ranker chooses by it on training data sets."""
    return MEASURES[HEADLINES.get(benchmark.name, "tau_w")]


def load_benchmark(folder: Path, name: str) -> Benchmark:
    """Read a published table with its cards; models that were not measured on every data set are left out.

    Args:
        folder: folder of the published zoos.
        name: name of a zoo. ``lovm`` comes with its text features, and with records of the same models on data sets
            of ``openclip`` that it lacks; they are never targets.

    Raises:
        ArtifactError: a file is missing or damaged.
    """
    zoo = read_published(folder / f"{name}.json")
    known = read_dataset_cards(folder / PLACE)
    whole = np.isfinite(zoo.accuracy).all(axis=0)
    models = tuple(model for model, measured in zip(zoo.models, whole, strict=True) if measured)
    accuracy, places = zoo.accuracy[:, whole], [known[dataset] for dataset in zoo.datasets]
    texts = np.zeros((0, *accuracy.shape))
    cards = _cards(folder, [zoo.cards[model] for model in models], models, known)
    if name == "lovm":
        other = read_published(folder / "openclip.json")
        more, extra, cards = _openclip(other, models, cards, {card.name for card in places}, known)
        scores = read_scores(folder / FOLDER / f"{name}.json").aligned(zoo.datasets, models)[1:]
        spread = scores.std(axis=2, keepdims=True)
        texts = (scores - scores.mean(axis=2, keepdims=True)) / np.where(spread > 0, spread, 1)
        # Zero, the mean, stands for what is not published of the added data sets.
        texts = np.concatenate([texts, np.zeros((len(texts), *extra.shape))], axis=1)
        accuracy, places = np.concatenate([accuracy, extra]), places + more
    return Benchmark(name, zoo.datasets, models, tuple(cards), tuple(places), accuracy, texts)


def _cards(
    folder: Path, cards: Sequence[Mapping[str, Any]], models: Sequence[str], known: Mapping[str, DatasetCard]
) -> list[dict[str, Any]]:
    sizes = read_json(folder / TORCHVISION)["models"]
    found = []
    for model, card in zip(models, cards, strict=True):
        size = dict(sizes.get(card.get("architecture", model), {}))
        if "architecture" in card:  # trained further: the accuracy of ImageNet's weights is not its own
            size.pop("imagenet_accuracy", None)
        found.append({**size, **card, "source_card": known.get(card.get("source_dataset", ""))})
    return found


def _openclip(
    zoo: PublishedZoo,
    models: Sequence[str],
    cards: Sequence[dict[str, Any]],
    taken: set[str],
    known: Mapping[str, DatasetCard],
) -> tuple[list[DatasetCard], np.ndarray, list[dict[str, Any]]]:
    """Data sets of OpenCLIP that LOVM lacks, accuracies there, and LOVM's cards with OpenCLIP's sizes."""
    fresh = [place for place, dataset in enumerate(zoo.datasets) if known[dataset].name not in taken]
    places = [zoo.models.index(model) for model in models if model in zoo.models]
    if len(places) < len(models):
        return [], np.zeros((0, len(models))), list(cards)
    sized = [{**zoo.cards[zoo.models[place]], **card} for place, card in zip(places, cards, strict=True)]
    return [known[zoo.datasets[place]] for place in fresh], zoo.accuracy[fresh][:, places], sized
