"""New models: explained by the references and run on the battery once, then ranked like any other.

Nothing of them is fine-tuned. Their skills on known data sets are estimated, see :mod:`ptmrec.relations.registration`.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ptmrec.benchmark.battery import read_battery
from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import PathsConfig, RelationConfig
from ptmrec.core.progress import progress
from ptmrec.extractors.explanation import explanation_images
from ptmrec.recommender.knowledge import Knowledge, RegimeKnowledge
from ptmrec.recommender.references import References
from ptmrec.recommender.registered import REGISTERED, read_registered, write_registered
from ptmrec.relations.pairs import PairTable
from ptmrec.relations.registration import estimate_skills
from ptmrec.relations.ridge import ridge_loo_score
from ptmrec.relations.samples import DatasetSample
from ptmrec.relations.transport import Explainer, transport_scores
from ptmrec.zoo.card import Card
from ptmrec.zoo.features import extract_features
from ptmrec.zoo.snapshot import Snapshot

__all__ = ["REGISTERED", "Registrar", "extend", "read_registered", "register", "write_registered"]
SHOTS = 10
"""Images per class of the battery a new model is judged on, as many as the known ones were."""


class Registrar:
    """Runs new models on the images they are explained and judged on.

    Args:
        knowledge: of the known data sets.
        references: reference space and models.
        config: battery and probes.
    """

    def __init__(self, knowledge: Knowledge, references: References, config: ConfigParser) -> None:
        paths, known = config.get(PathsConfig), knowledge.scores.datasets
        settings = config.get(RelationConfig)
        self.known = knowledge.samples
        self.battery = {name: part for name, part in read_battery(paths.battery).items() if name in known}
        self.images = explanation_images(settings, paths.battery, known)
        self.origin = np.repeat(["", *self.battery], [settings.probes, *(len(p.labels) for p in self.battery.values())])
        self.coordinates = references.coordinates(self.images)
        self._explainers: dict[str, Explainer] = {}

    def run(self, snapshot: Snapshot) -> dict[str, np.ndarray]:
        """``transport (r, d)`` of a model, and its scores ``transported`` and ``few_shot`` ``(K,)`` on known data sets.

        The second is NaN where the battery has no images; in the first a data set's own battery images have no part.
        """
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

    def _explainer(self, without: str, kept: np.ndarray | slice) -> Explainer:
        """The images without those of one data set; made once for all models."""
        if without not in self._explainers:
            self._explainers[without] = Explainer(self.coordinates[kept])
        return self._explainers[without]

    def _few_shot(self, model, sample: DatasetSample) -> float:
        if sample.name not in self.battery:
            return np.nan
        part = self.battery[sample.name]
        rows = np.concatenate([np.flatnonzero(part.labels == label)[:SHOTS] for label in np.unique(part.labels)])
        return ridge_loo_score(extract_features(model, part.images[rows]), part.labels[rows])


def register(
    knowledge: Knowledge, references: References, snapshots: Sequence[Snapshot], config: ConfigParser
) -> Knowledge:
    """Knowledge that covers some models, too; those it does not cover yet are run first.

    A model counts as known when its card is the same.
    """
    new = [s for s in snapshots if s.name not in knowledge.cards or knowledge.cards[s.name] != _plain(s.card)]
    if not new:
        return knowledge
    registrar = Registrar(knowledge, references, config)
    found = {snapshot.name: registrar.run(snapshot) for snapshot in progress(new, "running new models")}
    return extend(knowledge, {snapshot.name: snapshot.card for snapshot in new}, found)


def extend(knowledge: Knowledge, cards: dict[str, Card], found: dict[str, dict[str, np.ndarray]]) -> Knowledge:
    """Knowledge with more models, from what :class:`Registrar` found of each; they replace others of their name."""
    kept = [name for name in knowledge.cards if name not in cards]
    places = [list(knowledge.cards).index(name) for name in kept]
    old = knowledge.scores.only(knowledge.scores.datasets, kept)
    tables = [np.stack([found[name][key] for name in cards], axis=1) for key in ("transported", "few_shot")]
    scores = old.with_models(list(cards), *tables)
    base = np.append(knowledge.base[places], np.zeros(len(cards), dtype=bool))
    every = {**{name: knowledge.cards[name] for name in kept}, **cards}
    pairs = PairTable(every, scores, base)
    regimes = {name: _extend_regime(known, places, len(cards), pairs) for name, known in knowledge.regimes.items()}
    transports = (*(knowledge.transports[place] for place in places), *(found[name]["transport"] for name in cards))
    return Knowledge(every, base, knowledge.samples, scores, transports, regimes)


def _extend_regime(known: RegimeKnowledge, places: list[int], count: int, pairs: PairTable) -> RegimeKnowledge:
    ranker, unmeasured = known.ranker, np.full(count, np.nan)
    measured = np.append(ranker.measured[places], np.zeros(count, dtype=bool))
    own = {
        name: np.append(np.where(ranker.measured, row, np.nan)[places], unmeasured)
        for name, row in ranker.skills.items()
    }
    estimated = estimate_skills(pairs, own)
    skills = {name: np.where(measured, row, estimated[name]) for name, row in own.items()}
    return replace(known, ranker=replace(ranker, skills=skills, measured=measured))


def _plain(card: Card) -> Card:
    """A card as it comes back from JSON."""
    return Card(**card.to_dict())
