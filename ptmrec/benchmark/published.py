"""Published ground truth: zoos of which only cards and figures are known, one JSON file each."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ptmrec.benchmark.ground_truth import check_record
from ptmrec.core.errors import ArtifactError
from ptmrec.core.files import is_number, read_json

COSTS_ONLY = "costs_only"
PUBLISHED_REGIMES = ("low_data", "fine_tuning", "zero_shot", "as_trained", COSTS_ONLY)
"""A probe of frozen features on a few images of the data set; fine-tuned on it; a vision-language model given class
names only; evaluated without any adaptation; no accuracy at all, but what the models cost on devices."""

NOT_STATED = "not stated"
"""Stands for a training set that the source does not name."""


@dataclass(frozen=True)
class Origin:
    """Where published figures come from.

    Attributes:
        name: short name of the zoo, also that of the file.
        source: repository the figures were taken from, ``owner/name``.
        commit: its commit, short or full.
        licence: licence stated there, or ``none stated``.
        notes: traps, and what was left out and why.
    """

    name: str
    source: str
    commit: str
    licence: str
    notes: Sequence[str]

    @property
    def origin(self) -> str:
        """Repository and abbreviated commit, ``owner/name@1234567``; of a table without a commit its source."""
        return f"{self.source}@{self.commit[:7]}" if self.commit else self.source


@dataclass(frozen=True)
class About(Origin):
    """Where a published table comes from and how to read it.

    Attributes:
        title: one line for a listing.
        regime: one of :data:`PUBLISHED_REGIMES`.
        metric: what ``accuracy`` means.
        metrics: data set -> metric, where it is not ``metric``.
        regimes: data set -> regime, where it is not ``regime``.
        devices: device -> how ``speed`` in the cards was measured on it.
    """

    title: str
    regime: str
    metric: str
    metrics: Mapping[str, str] = dataclasses.field(default_factory=dict)
    regimes: Mapping[str, str] = dataclasses.field(default_factory=dict)
    devices: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True)
class PublishedZoo:
    """A zoo without weights: cards and published accuracies.

    Attributes:
        about: source, metric and traps.
        cards: model -> what the source says of it; always ``family``, and where stated ``num_params``,
            ``input_size``, ``source_dataset``, ``gmacs`` or ``gflops``, ``speed``, ``latencies`` and others.
        datasets: ``(T,)`` names; models: ``(N,)`` names.
        accuracy: ``(T, N)`` float64 in 0..1, NaN = not measured.
        regimes: ``(T,)`` of each data set; that of ``about`` for all without it.
    """

    about: About
    cards: dict[str, dict[str, Any]]
    datasets: tuple[str, ...]
    models: tuple[str, ...]
    accuracy: np.ndarray
    regimes: tuple[str, ...] = ()

    @property
    def own_regimes(self) -> tuple[str, ...]:
        """The regimes of its rows, the first one first."""
        return tuple(dict.fromkeys(self.regimes)) or (self.about.regime,)

    def select(self, regime: str) -> "PublishedZoo":
        """The rows of one regime, with the models that were measured there; regimes are never mixed."""
        if self.own_regimes == (regime,):
            return self
        rows = [place for place, own in enumerate(self.regimes) if own == regime]
        seen = np.isfinite(self.accuracy[rows]).any(axis=0)
        models = tuple(name for name, there in zip(self.models, seen, strict=True) if there)
        about = dataclasses.replace(self.about, regime=regime)
        cards = {name: self.cards[name] for name in models}
        datasets = tuple(self.datasets[row] for row in rows)
        return PublishedZoo(about, cards, datasets, models, self.accuracy[rows][:, seen])

    @property
    def name(self) -> str:
        """Short name of the zoo."""
        return self.about.name

    @property
    def measured(self) -> float:
        """Share of the pairs of model and data set that have an accuracy; 0 where there are none."""
        return float(np.isfinite(self.accuracy).mean()) if self.accuracy.size else 0.0

    @property
    def latencies(self) -> list[dict[str, Any]]:
        """Every measured latency: ``model, device, runtime, precision, latency_ms`` and what else the card says."""
        return [{"model": name, **row} for name, card in self.cards.items() for row in card.get("latencies", [])]

    def row(self, dataset: str) -> np.ndarray:
        """Accuracies ``(N,)`` of all models on one data set."""
        return self.accuracy[self.datasets.index(dataset)]


def list_published(folder: Path) -> list[PublishedZoo]:
    """Read every published zoo of a folder, by name.

    Raises:
        ArtifactError: no folder, nothing in it, or a file that :func:`read_published` refuses.
    """
    paths = sorted(folder.glob("*.json"))
    if not paths:
        raise ArtifactError(f"{folder}: no published zoo (*.json) there; check [paths] published")
    return [read_published(path) for path in paths]


def read_published(path: Path) -> PublishedZoo:
    """Read and check one published zoo.

    A data set has a list of records, or an object of models and accuracies where the rest is said of all. The
    ``accuracy_std`` of a record may be null, which means that the source states none; it is checked and
    not kept, for no published table states one yet.

    Raises:
        ArtifactError: damaged file, a part or field that is missing or of the wrong kind, a record whose model has
            no card or contradicts it, another regime than the file's, an accuracy outside 0..1, or a model measured
            twice on one data set.
    """
    data = read_json(path)
    about = _about(path, _part(path, data, "about"))
    cards = _cards(path, _part(path, data, "models"))
    truth = {} if about.regime == COSTS_ONLY else _part(path, data, "ground_truth")
    columns, regimes = {name: column for column, name in enumerate(cards)}, []
    accuracy = np.full((len(truth), len(cards)), np.nan)
    for row, (dataset, records) in enumerate(truth.items()):
        where = f"{path}: {dataset!r}"
        if isinstance(records, dict) and records:
            records = [_record(about, cards, dataset, *item) for item in records.items()]
        if not isinstance(records, list) or not records:
            raise ArtifactError(f"{where}: expected a list of records; restore the committed file")
        regimes.append(about.regimes.get(dataset, about.regime))
        for record in records:
            _check_record(where, record, regimes[-1], cards)
            name = record["model_name"]
            if np.isfinite(accuracy[row, columns[name]]):
                raise ArtifactError(f"{where}: {name!r} is measured twice; keep one record")
            accuracy[row, columns[name]] = record["accuracy"]
    return PublishedZoo(about, cards, tuple(truth), tuple(cards), accuracy, tuple(regimes))


def _part(path: Path, data: Any, name: str) -> dict[str, Any]:
    part = data.get(name) if isinstance(data, dict) else None
    if not isinstance(part, dict) or not part:
        raise ArtifactError(f"{path}: no object {name!r}; a published zoo has about, models and ground_truth")
    return part


def _about(path: Path, said: dict[str, Any]) -> About:
    objects = dict.fromkeys(("metrics", "regimes", "devices"), (dict, "an object"))
    kinds = {"notes": (list, "a list of sentences"), **objects}
    known = {entry.name: entry for entry in dataclasses.fields(About)}
    for name, entry in known.items():
        optional = entry.default_factory is not dataclasses.MISSING
        if name not in said and not optional:
            raise ArtifactError(f"{path}: about has no {name!r}; state it")
        kind, words = kinds.get(name, (str, "text"))
        value = said.get(name, kind())
        if not isinstance(value, kind) or not (value or optional):
            raise ArtifactError(f"{path}: about: {name!r} should be {words}, found {value!r}")
    if said["regime"] not in PUBLISHED_REGIMES:
        raise ArtifactError(f"{path}: about: regime {said['regime']!r} is not one of {', '.join(PUBLISHED_REGIMES)}")
    if said["name"] != path.stem:
        raise ArtifactError(f"{path}: about: the name is {said['name']!r}; a file is named after its zoo")
    return About(**{name: value for name, value in said.items() if name in known})


def _cards(path: Path, cards: dict[str, Any]) -> dict[str, dict[str, Any]]:
    for name, card in cards.items():
        if not isinstance(card, dict) or not isinstance(card.get("family"), str):
            raise ArtifactError(f"{path}: card of {name!r}: expected an object with a 'family'")
        if type(card.get("num_params", 0)) is not int:
            raise ArtifactError(f"{path}: card of {name!r}: num_params should be a whole number")
    return cards


def _record(about: About, cards: Mapping[str, Mapping[str, Any]], dataset: str, name: str, value: Any) -> dict:
    """The record that ``name: value`` is short for, where all but the accuracy is said elsewhere in the file."""
    card = cards.get(name, {})
    said = (name, card.get("family"), value, card.get("source_dataset", NOT_STATED), None)
    keys = ("model_name", "model_type", "accuracy", "trained_on_dataset", "accuracy_std")
    regime = about.regimes.get(dataset, about.regime)
    return dict(zip(keys, said, strict=True)) | {"regime": regime, "recipe": {}, "source": about.origin}


def _check_record(where: str, record: Any, regime: str, cards: Mapping[str, Mapping[str, Any]]) -> None:
    check_record(where, record, cards, "has no card under models")
    name, std = record["model_name"], record["accuracy_std"]
    said = {
        "model_type": cards[name]["family"],
        "trained_on_dataset": cards[name].get("source_dataset", NOT_STATED),
        "regime": regime,
    }
    for key, value in said.items():
        if record[key] != value:
            raise ArtifactError(f"{where}: {key} {record[key]!r} of {name!r} contradicts {value!r} in the same file")
    if std is not None and (not is_number(std) or not std >= 0):
        raise ArtifactError(f"{where}: accuracy_std {std!r} of {name!r} is neither null nor a number from 0")
