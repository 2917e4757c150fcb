"""Added models: each is opened, run once and saved, read again by every answer, and ranked like any other.

Nothing of them is fine-tuned. Their skills on known data sets are estimated, see :mod:`ptmrec.relations.registration`;
those that cannot be run here are ranked by their cards, as the known model nearest to each. Listing them imports
nothing heavy.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import PathsConfig, RelationConfig
from ptmrec.core.errors import ArtifactError, ConfigError, one_line, reading
from ptmrec.core.files import is_temporary, read_json, read_npz, write_folder, write_json, write_npz
from ptmrec.core.log import logger
from ptmrec.core.progress import progress
from ptmrec.core.words import suggest
from ptmrec.zoo.card import Card
from ptmrec.zoo.real import read_models
from ptmrec.zoo.snapshot import Snapshot

if TYPE_CHECKING:
    from ptmrec.recommender.knowledge import Knowledge, RegimeKnowledge
    from ptmrec.recommender.references import References
    from ptmrec.relations.pairs import PairTable
    from ptmrec.relations.samples import DatasetSample
    from ptmrec.relations.transport import Explainer
    from ptmrec.zoo.hub import HubSnapshot

PATH_NAME, NUMBERS_NAME = "model.json", "registered.npz"
ADDED = "registered"
"""Folder of added models, below that of the artifacts."""
AXES = {"transport": 2, "explained": 0, "transported": 1, "few_shot": 1}
"""Arrays that are saved of a model that was run, and the number of axes of each."""
NEEDED = tuple(AXES)
SHOTS = 10
"""Images per class of the battery a new model is judged on, as many as the known ones were."""


def write_added(folder: Path, snapshot: Snapshot, found: dict[str, np.ndarray] | None = None) -> Path:
    """Save the numbers of a model and where its files lie.

    Args:
        folder: of all added models.
        snapshot: the model.
        found: numbers from :class:`Prober`; None for a model known by its card only.

    Returns:
        The model's own folder there; it rerows that of another model of its name.
    """
    from ptmrec.zoo.sources import record_of

    def write(fresh: Path) -> None:
        write_json(fresh / PATH_NAME, record_of(snapshot))
        if found is not None:
            write_npz(fresh / NUMBERS_NAME, {name: np.asarray(values, np.float32) for name, values in found.items()})

    return write_folder(folder / snapshot.name, write)


@dataclass(frozen=True)
class AddedModels:
    """The models that were added.

    Attributes:
        ran: those that were run, with the numbers of each.
        card_only: those that cannot be run, of which only the card is known.
    """

    ran: tuple[tuple[Snapshot, dict[str, np.ndarray]], ...] = ()
    card_only: "tuple[HubSnapshot, ...]" = ()


def read_added(folder: Path) -> AddedModels:
    """Read the models that were added; none without the folder.

    A model whose files are gone or damaged is left out, and a line says so.
    """
    ran, card_only = [], []
    for path, snapshot in _read(folder):
        if getattr(snapshot, "problem", ""):  # that of a HubSnapshot
            card_only.append(snapshot)
            continue
        try:
            ran.append((snapshot, _read_numbers(path / NUMBERS_NAME)))
        except ArtifactError as error:
            _leave_out(path, error)
    return AddedModels(tuple(ran), tuple(card_only))


def _read_numbers(path: Path) -> dict[str, np.ndarray]:
    found = read_npz(path, NEEDED)
    axes = {name: found[name].ndim for name in NEEDED}
    if axes != AXES or not all(np.isfinite(found[name]).all() for name in NEEDED[:3]):
        raise ArtifactError(f"{path}: damaged or of another version (its arrays are of another form)")
    return found


def added_snapshots(folder: Path) -> list[Snapshot]:
    """Snapshots of all models that were added and are still there."""
    return [snapshot for _, snapshot in _read(folder)]


def _read(folder: Path) -> Iterator[tuple[Path, Snapshot]]:
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if not path.is_dir() or is_temporary(path):
            continue
        from ptmrec.zoo.sources import from_record

        try:
            with reading(path / PATH_NAME, "damaged or of another version"):
                snapshot = from_record(read_json(path / PATH_NAME))
                if snapshot.name != path.name:
                    raise ArtifactError(f"its files are now those of {snapshot.name}")
        except ArtifactError as error:
            _leave_out(path, error)
        else:
            yield path, snapshot


def _leave_out(path: Path, error: Exception) -> None:
    """Say in one line why an added model is left out, and how not to read this again."""
    logger.warning("%s is left out (%s); add it again, or remove %s", path.name, one_line(error), path)


def find_models(names: Sequence[str], config: ConfigParser) -> list[Snapshot]:
    """Find models by name, each once, in the order of the names.

    Args:
        names: names of the zoo and of added models, patterns such as ``resnet-*``, or sources as ``ptmrec zoo add``
            takes them.
        config: the configuration.

    Raises:
        ConfigError: an unknown name, or a pattern that fits none.
    """
    paths = config.get(PathsConfig)
    known = {snapshot.name: snapshot for snapshot in read_models(paths)}
    known |= {snapshot.name: snapshot for snapshot in added_snapshots(paths.artifacts / ADDED)}
    found: dict[str, Snapshot] = {}
    for name in names:
        fitting = [known[name]] if name in known else [s for other, s in known.items() if fnmatchcase(other, name)]
        for snapshot in fitting or [_open(name, list(known), paths)]:
            found[snapshot.name] = snapshot
    return list(found.values())


def _open(name: str, known: list[str], paths: PathsConfig) -> Snapshot:
    if any(sign in name for sign in "*[") or not any(sign in name for sign in "/:."):
        raise ConfigError(f"no model {name!r} in the zoo{suggest(name, known)}")
    from ptmrec.zoo.sources import open_source

    return open_source(name, paths)


def _fitting(added: AddedModels, knowledge: "Knowledge", folder: Path) -> AddedModels:
    """Leave out models whose numbers are about other data sets or another reference space than the present ones."""
    sizes, space = {len(knowledge.samples)}, knowledge.transports[0].shape[0]
    fitting = []
    for snapshot, found in added.ran:
        lengths = {len(found["transported"]), len(found["few_shot"])}
        if lengths == sizes and found["transport"].shape[0] == space:
            fitting.append((snapshot, found))
        else:
            _leave_out(folder / snapshot.name, ArtifactError("it was added with other known data sets or references"))
    return replace(added, ran=tuple(fitting))


def with_added(
    folder: Path, knowledge: "Knowledge", snapshots: Sequence[Snapshot]
) -> "tuple[Knowledge, list[Snapshot], dict[str, str]]":
    """Extend knowledge and candidates by the models that were added; they replace others of their name.

    Returns:
        Knowledge, candidates, and for each model that is known by its card only its stand-in.
    """
    added = _fitting(read_added(folder), knowledge, folder)
    if added.ran:
        cards = {snapshot.name: snapshot.card for snapshot, _ in added.ran}
        knowledge = extend(knowledge, cards, {snapshot.name: found for snapshot, found in added.ran})
    knowledge, stand_ins = extend_by_card(knowledge, added.card_only)
    new = [*(snapshot for snapshot, _ in added.ran), *added.card_only]
    names = {snapshot.name for snapshot in new}
    return knowledge, [*(snapshot for snapshot in snapshots if snapshot.name not in names), *new], stand_ins


def nearest_by_card(card: Card, cards: dict[str, Card]) -> str:
    """The known model nearest to a card: of its family where there is one, then by the logarithm of the size."""
    kin = [name for name, known in cards.items() if known.family == card.family] or list(cards)
    size = np.log(max(card.num_params, 1))
    return min(kin, key=lambda name: (abs(np.log(cards[name].num_params) - size), name))


def extend_by_card(knowledge: "Knowledge", snapshots: Sequence[Snapshot]) -> "tuple[Knowledge, dict[str, str]]":
    """Extend knowledge by models of which only cards are known.

    The nearest known model, its stand-in, lends each what running it would have shown; size and source are its own.

    Returns:
        The knowledge, and model -> stand-in.
    """
    found, stand_ins, names = {}, {}, list(knowledge.cards)
    known = {name: card for name, card in knowledge.cards.items() if name not in {s.name for s in snapshots}}
    scores = knowledge.scores
    for snapshot in snapshots:
        stand_in = stand_ins[snapshot.name] = nearest_by_card(snapshot.card, known)
        index = names.index(stand_in)
        found[snapshot.name] = {
            "transport": knowledge.transports[index],
            "transported": scores.transport[:, index],
            "few_shot": scores.few_shot[:, index],
        }
    if not snapshots:
        return knowledge, {}
    return extend(knowledge, {snapshot.name: snapshot.card for snapshot in snapshots}, found), stand_ins


def extend(knowledge: "Knowledge", cards: dict[str, Card], found: dict[str, dict[str, np.ndarray]]) -> "Knowledge":
    """Extend knowledge by models with the numbers of :class:`Prober`; they replace others of their name."""
    from ptmrec.recommender.knowledge import Knowledge
    from ptmrec.relations.pairs import PairTable

    kept = [name for name in knowledge.cards if name not in cards]
    rows = [list(knowledge.cards).index(name) for name in kept]
    old = knowledge.scores.only(knowledge.scores.datasets, kept)
    tables = [np.stack([found[name][key] for name in cards], axis=1) for key in ("transported", "few_shot")]
    scores = old.with_models(list(cards), *tables)
    base = np.append(knowledge.base[rows], np.zeros(len(cards), dtype=bool))
    every = {**{name: knowledge.cards[name] for name in kept}, **cards}
    pairs = PairTable(every, scores, base)
    regimes = {name: _extend_regime(known, rows, len(cards), pairs) for name, known in knowledge.regimes.items()}
    transports = (*(knowledge.transports[row] for row in rows), *(found[name]["transport"] for name in cards))
    return Knowledge(every, base, knowledge.samples, scores, transports, regimes)


def _extend_regime(known: "RegimeKnowledge", rows: list[int], count: int, pairs: "PairTable") -> "RegimeKnowledge":
    from ptmrec.relations.registration import estimate_skills

    ranker, unmeasured = known.ranker, np.full(count, np.nan)
    measured = np.append(ranker.measured[rows], np.zeros(count, dtype=bool))
    own = {
        name: np.append(np.where(ranker.measured, row, np.nan)[rows], unmeasured) for name, row in ranker.skills.items()
    }
    estimated = estimate_skills(pairs, own)
    skills = {name: np.where(measured, row, estimated[name]) for name, row in own.items()}
    errors = known.errors.only(np.array([*rows, *[-1] * count]))
    return replace(known, ranker=replace(ranker, skills=skills, measured=measured), errors=errors)


class Prober:
    """Runs new models on the probe images and the battery.

    Args:
        knowledge: of the known data sets.
        references: reference space and models.
        config: battery and probes.
    """

    def __init__(self, knowledge: "Knowledge", references: "References", config: ConfigParser) -> None:
        from ptmrec.benchmark.battery import read_battery
        from ptmrec.benchmark.splits import read_splits
        from ptmrec.extractors.explanation import explanation_images

        paths = config.get(PathsConfig)
        known = [name for name in knowledge.scores.datasets if name in read_splits(paths.splits).known]
        settings = config.get(RelationConfig)
        self.known = knowledge.samples
        self.battery = {name: part for name, part in read_battery(paths.battery).items() if name in known}
        self.images = explanation_images(settings, paths.battery, known)
        self.origin = np.repeat(["", *self.battery], [settings.probes, *(len(p.labels) for p in self.battery.values())])
        self.coordinates = references.coordinates(self.images)
        self._explainers: dict[str, Explainer] = {}

    def run(self, snapshot: Snapshot) -> dict[str, np.ndarray]:
        """Run one model.

        Returns:
            ``transport (r, d)``, the share ``explained`` of its features, and the scores ``transported`` and
            ``few_shot`` ``(K,)`` on known data sets. The last is NaN where the battery has no images; a data set's own
            battery images have no part in the one before.
        """
        from ptmrec.relations.transport import transport_scores
        from ptmrec.zoo.features import extract_features

        model = snapshot.load()
        features = extract_features(model, self.images)
        transport, share = self._explainer("", slice(None)).explain(features)
        few_shot = [self._few_shot(model, sample) for sample in self.known]
        transported = []
        for sample in self.known:
            kept = self.origin != sample.name
            own = transport if kept.all() else self._explainer(sample.name, kept).explain(features[kept])[0]
            transported.append(transport_scores(sample.coordinates, sample.labels, [own])[0])
        arrays = {"transport": transport, "explained": share, "transported": transported, "few_shot": few_shot}
        return {name: np.asarray(values) for name, values in arrays.items()}

    def _explainer(self, without: str, kept: np.ndarray | slice) -> "Explainer":
        """The explainer of the images without those of one data set, fitted once for all models."""
        from ptmrec.relations.transport import Explainer

        if without not in self._explainers:
            self._explainers[without] = Explainer(self.coordinates[kept])
        return self._explainers[without]

    def _few_shot(self, model, sample: "DatasetSample") -> float:
        from ptmrec.relations.ridge import ridge_loo_score
        from ptmrec.zoo.features import extract_features

        if sample.name not in self.battery:
            return np.nan
        part = self.battery[sample.name]
        rows = np.concatenate([np.flatnonzero(part.labels == label)[:SHOTS] for label in np.unique(part.labels)])
        return ridge_loo_score(extract_features(model, part.images[rows]), part.labels[rows])


def register(
    knowledge: "Knowledge", references: "References", snapshots: Sequence[Snapshot], config: ConfigParser
) -> "Knowledge":
    """Extend knowledge to all of some models; unknown ones are run first.

    A model is known when its card, as it comes back from JSON, is the same.
    """
    known = knowledge.cards
    new = [s for s in snapshots if s.name not in known or known[s.name] != Card(**s.card.to_dict())]
    if not new:
        return knowledge
    prober = Prober(knowledge, references, config)
    found = {snapshot.name: prober.run(snapshot) for snapshot in progress(new, "running new models")}
    return extend(knowledge, {snapshot.name: snapshot.card for snapshot in new}, found)


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

    def add(self, source: str) -> str:
        """Add the model of one source.

        Returns:
            A line with the model, the seconds, and the share of its features that the references explain.

        Raises:
            PtmrecError: it cannot be opened or run; nothing is written then.
        """
        from ptmrec.zoo.sources import open_source

        started, folder = time.perf_counter(), self.paths.artifacts / ADDED
        snapshot = open_source(source, self.paths, self.random_weights)
        if getattr(snapshot, "problem", ""):
            write_added(folder, snapshot)
            return f"{snapshot.name} is ranked by its card only: {snapshot.problem}"
        found = self.prober.run(snapshot)
        if not np.isfinite(found["explained"]) or not np.isfinite(found["transport"]).all():
            raise ArtifactError(f"{source}: its features are not finite; its weights are damaged, fetch them again")
        write_added(folder, snapshot, found)
        seconds, share = time.perf_counter() - started, float(found["explained"])
        untrained = " (untrained)" if getattr(snapshot, "untrained", False) else ""
        what = f"the references explain {share:.0%} of its features"
        return f"{snapshot.name}{untrained} added in {seconds:.0f} s; {what}"
