"""The ranking: images become samples, samples relations, relations scores, and scores a table with ties."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import PROBED, REGIMES, DatasetTokenConfig, PathsConfig, RelationConfig
from ptmrec.core.errors import ArtifactError, ConfigError
from ptmrec.core.files import read_json
from ptmrec.core.words import suggest
from ptmrec.dataloader.dataset_tokens import class_tokens
from ptmrec.dataloader.model_datasets import find_recommender
from ptmrec.images.arrays import shrink
from ptmrec.images.parts import read_parts
from ptmrec.recommender.ensemble import Recommender, predict
from ptmrec.recommender.knowledge import TARGET, Knowledge
from ptmrec.recommender.measured import SCALES, Measurements, measured_columns, place_measured, wilson_interval
from ptmrec.recommender.references import ENCODER, References, draw_samples, one_thread, pseudo_labels
from ptmrec.recommender.request import Request
from ptmrec.recommender.short_runs import Plan, RunBook, open_book, usual_plans, verify_by_runs
from ptmrec.recommender.verify import Verification, check_labels, verify_candidates
from ptmrec.relations.conformal import LEVELS
from ptmrec.relations.distance import fit_surroundings
from ptmrec.relations.expected import Separation
from ptmrec.relations.odds import Moved, odds_posterior
from ptmrec.relations.pairs import PairTable, skill_logits
from ptmrec.relations.posterior import Accuracies, reordered
from ptmrec.relations.reasons import Reasons, explain_score
from ptmrec.relations.samples import DatasetSample
from ptmrec.zoo.snapshot import Snapshot

SURE = 0.99
"""Level at which a measured accuracy shows that classes can be told apart."""


@dataclass(frozen=True)
class Ranking:
    """Scores of candidates for images, and all they were computed from.

    Attributes:
        request: the question.
        knowledge: of N models.
        candidates: every candidate; snapshots: those within the limits, C of them.
        sample: the first draw of the images in the reference space.
        shown: images ``(n, 32, 32, 3)`` uint8 and labels ``(n,)``, all that are used; candidates are run on them.
        tables: relations of the models, one table for each of S draws; separations: how far the classes separate.
        prior: ``(N,)`` scores before any candidate was run.
        stand_ins: model known by its card only -> the known model it is ranked as; it cannot be run.
        verification: results of candidates that were run; None without any.
    """

    request: Request
    knowledge: Knowledge
    candidates: Sequence[Snapshot]
    snapshots: Sequence[Snapshot]
    sample: DatasetSample
    shown: tuple[np.ndarray, np.ndarray]
    tables: Sequence[PairTable]
    separations: Sequence[Separation]
    prior: np.ndarray
    stand_ins: dict[str, str] = field(default_factory=dict)
    verification: Verification | None = None

    runnable = True
    """Models have weights: they can be run, loaded and explained."""
    worth = "expected_accuracy"
    """Column of what models are chosen by."""

    def __post_init__(self) -> None:
        """Refuse measurements of models that are no candidates, before anything is made of them."""
        if self.request.measured:
            self.told.count  # noqa: B018

    @property
    def ranked_by(self) -> Path:
        """Folder of the recommender."""
        return find_recommender(self.request.paths)

    @cached_property
    def listed(self) -> np.ndarray:
        """Indices ``(C,)`` of the snapshots among the models."""
        index = {name: place for place, name in enumerate(self.knowledge.cards)}
        return np.array([index[snapshot.name] for snapshot in self.snapshots])

    @cached_property
    def told(self) -> Measurements:
        """What the user measured, of all N models; limits do not count.

        Raises:
            ConfigError: of a model that is no candidate.
        """
        index = {name: place for place, name in enumerate(self.knowledge.cards)}
        places = {name: index[one.name] for one in self.candidates for name in (one.name, one.source)}
        return place_measured(self.request.measured, places, len(index), self.request.images.total)

    @cached_property
    def measured(self) -> Measurements:
        """What was measured of all N models: by the user, or else by running them."""
        run = self.verification
        if run is None:
            return self.told
        return self.told.joined(self._ran, run.judged)

    @property
    def _ran(self) -> np.ndarray:
        """Accuracies ``(N,)`` of the models that were run, NaN for the others."""
        accuracies = np.full(len(self.prior), np.nan)
        accuracies[self.listed] = self.verification.accuracies
        return accuracies

    @cached_property
    def accuracies(self) -> Accuracies | Moved:
        """Accuracies of the snapshots: expected, or moved by those that were measured."""
        told, found, expected = self.told, self.measured, self.expected
        posterior = self.knowledge.regimes[self.request.regime].posterior
        if found is told and told.count:
            moved = odds_posterior(expected, posterior.known).answer(told.accuracies, told.images)
            return moved.only(self.listed)
        if not found.count:
            return posterior.answer(expected, listed=self.listed)
        bias = np.where(np.isnan(told.accuracies), 0, posterior.bias)  # probes and runs alone err by it
        return posterior.answer(expected, found.accuracies + bias, found.images, self.noisy, self.listed)

    @property
    def noisy(self) -> bool:
        """Whether running a candidate tells its accuracy up to chance only, as another run would tell another one."""
        return self.request.regime != PROBED

    @cached_property
    def expected(self) -> np.ndarray:
        """Accuracies ``(N,)`` of all models before anything was measured."""
        known = self.knowledge.regimes[self.request.regime].expected
        return np.mean([known.predict(separation, self.prior) for separation in self.separations], axis=0)

    def _moved(self, found: Accuracies | Moved) -> np.ndarray:
        """Scores ``(C,)`` by which models are ordered once some were measured."""
        prior, expected = self.prior[self.listed], self.expected[self.listed]
        if isinstance(found, Moved):
            return found.scores(prior)
        if not self.noisy:
            return found.mean
        if self.measured.count == 1:  # one run says how hard the images are, and is compared with none
            return prior
        return reordered(prior, expected, found.mean)

    @cached_property
    def frame(self) -> pd.DataFrame:
        """The snapshots best first, see :class:`~ptmrec.recommender.recommendation.Recommendation`."""
        found, run = self.accuracies, self.verification
        cards = [snapshot.card for snapshot in self.snapshots]
        columns = {
            "model": [card.name for card in cards],
            "source": [snapshot.source for snapshot in self.snapshots],
            "family": [card.family for card in cards],
            "parameters": [card.num_params for card in cards],
            "licence": [card.licence for card in cards],
            "trained_on": [card.source_dataset for card in cards],
            "score": self.prior[self.listed],
            "expected_accuracy": found.mean,
        }
        for level in LEVELS:
            low, high = found.interval(level)
            columns |= {f"low_{level * 100:.0f}": low, f"high_{level * 100:.0f}": high}
        columns["tied_with_best"] = found.tied
        if run is not None:
            columns["verified"] = ~np.isnan(run.seconds)
        if self.measured.count:
            columns |= measured_columns(self.measured.only(self.listed))
            columns["score"] = self._moved(found)
        return ranked(pd.DataFrame(columns))

    @cached_property
    def notes(self) -> tuple[str, ...]:
        """Remarks beside the order, a sentence each."""
        same, weight = self.tables[0].recognise(TARGET, self.knowledge.regimes[self.request.regime].ranker.skills)
        known = (
            f"Class by class these images look like {same}, which is known: what was measured there counts for "
            f"{weight:.0%} of the order."
        )
        by_card = ", ".join(f"{name} (as {other})" for name, other in self.stand_ins.items())
        found = self.accuracies
        told = self.told.describe(SCALES[self.request.regime], found if isinstance(found, Moved) else None)
        cards = f"Ranked by their cards only, as the nearest known model: {by_card}." if by_card else ""
        names = list(self.knowledge.cards)
        twice = "" if self.verification is None else self.told.differing(names, self._ran)
        return tuple(note for note in (known if same else "", cards, told, twice, *self.doubts) if note)

    @cached_property
    def doubts(self) -> tuple[str, ...]:
        """Warnings against relying on the answer."""
        known = self.knowledge.regimes[self.request.regime]
        surroundings = fit_surroundings({other.name: other for other in self.knowledge.samples})
        judged = self.request.images.num_classes > 1 and not self._above_guessing
        doubts = (known.expected.doubt(self.separations[0]) if judged else "", surroundings.warning(self.sample))
        return tuple(doubt for doubt in doubts if doubt)

    @property
    def _above_guessing(self) -> bool:
        """Whether an accuracy measured on the images is surely above that of always naming the largest class."""
        found, labels = self.measured, self.request.images.labels
        if not found.count:
            return False
        low, _ = wilson_interval(found.accuracies, found.images, SURE)
        return bool(np.nanmax(low) > np.bincount(labels).max() / len(labels))

    @cached_property
    def nearest(self) -> dict[str, float]:
        """The three known data sets whose measurements weigh most, with their share of the weight."""
        names = list(self.knowledge.regimes[self.request.regime].ranker.skills)
        parts = [np.exp(logits - logits.max()) for logits in skill_logits(self.tables[0].likeness(TARGET, names))[:3]]
        weights = np.mean([part / part.sum() for part in parts], axis=0)
        return {names[index]: float(weights[index]) for index in np.argsort(-weights, kind="stable")[:3]}

    @cached_property
    def runs(self) -> RunBook:
        """Fine-tunings of candidates on the images, all of them."""
        return open_book(self.request.paths.artifacts, read_parts(*self.request.source))

    @cached_property
    def plans(self) -> dict[str, Plan]:
        """How each known model is fine-tuned."""
        return usual_plans(read_json(self.request.paths.ground_truth))

    def narrow(self, names: Collection[str]) -> "Ranking":
        """The ranking of the candidates of these names, before any was run."""
        kept = [snapshot for snapshot in self.candidates if snapshot.name in names]
        return replace(self, snapshots=kept, verification=None)

    def asked(self, request: Request) -> "Ranking":
        """The ranking for a request that says more of what was measured."""
        return replace(self, request=request)

    def best_of(self, names: Collection[str]) -> tuple[str, float]:
        """The first of the candidates of these names and its expected accuracy, before any was run."""
        first = self.narrow(names).frame.iloc[0]
        return str(first["model"]), float(first["expected_accuracy"])

    def find(self, model: str) -> Snapshot:
        """Find a snapshot by name or source.

        Raises:
            ConfigError: no such model was ranked.
        """
        for snapshot in self.snapshots:
            if model in (snapshot.name, snapshot.source):
                return snapshot
        known = [one.name for one in self.snapshots]
        raise ConfigError(f"no model {model!r} was ranked{suggest(model, known, 'see --format ids')}")

    def explain(self, model: str, by_class: bool = True) -> Reasons:
        """Reasons of a model's rank, with or without single classes.

        Raises:
            ConfigError: no such model was ranked.
        """
        index = list(self.knowledge.cards).index(self.find(model).name)
        ranker, transport = self.knowledge.regimes[self.request.regime].ranker, self.knowledge.transports[index]
        return explain_score(ranker, self.tables[0], TARGET, index, self.sample if by_class else None, transport)

    def verify(self, count: int | None = None, time_limit: float | None = None) -> "Ranking":
        """Run candidates that were not run yet, best first, and rank anew.

        In low data a probe of frozen features judges them, in fine-tuning a short run of the whole model.

        ``count`` and ``time_limit`` are those of :func:`~ptmrec.recommender.verify.run_first`.

        Raises:
            DataError: the images have no labels.
        """
        check_labels(self.request.images)
        before, scores = self.verification, self.frame.set_index("model")["score"]
        scores = scores[[snapshot.name for snapshot in self.snapshots]].to_numpy(copy=True)
        if before is not None:
            scores[~np.isnan(before.seconds)] = np.nan
        scores[[snapshot.name in self.stand_ins for snapshot in self.snapshots]] = np.nan
        with one_thread(self.request.config):
            if self.request.regime == PROBED:
                loaders = [snapshot.load for snapshot in self.snapshots]
                found = verify_candidates(scores, loaders, *self.shown, count, time_limit)
            else:
                found = verify_by_runs(self.runs, scores, self.snapshots, self.plans, count, time_limit)
        return replace(self, verification=found if before is None else before.joined(found))


def rank(
    request: Request,
    recommender: Recommender,
    knowledge: Knowledge,
    references: References,
    candidates: Sequence[Snapshot],
    stand_ins: dict[str, str] | None = None,
) -> Ranking:
    """Rank candidates, all of which the knowledge is about, for the images of a request."""
    settings, small = request.config.get(DatasetTokenConfig), shrink(request.images.images)
    features = references.features(small)
    labels = pseudo_labels(features[ENCODER], request.images.labels, settings.clusters, settings.seed)
    coordinates = references.space.encode(features)
    samples = draw_samples(features[ENCODER], coordinates, labels, settings.seed)
    same = knowledge.compare(DatasetSample(TARGET, samples[0].token, coordinates, labels))
    tables, separations = zip(*(knowledge.look(sample, same) for sample in samples), strict=True)
    ranker = knowledge.regimes[request.regime].ranker
    prior = np.mean([ranker.scores(pairs, TARGET) for pairs in tables], axis=0)
    if recommender.epochs:
        tokens = class_tokens(features[ENCODER], labels, settings.shots, settings.draws, settings.seed)
        prior += correct(recommender, knowledge, tables, tokens, request.regime)
    return Ranking(
        *(request, knowledge, candidates, candidates, samples[0], (small, labels), tables, separations, prior),
        stand_ins or {},
    )


def correct(
    recommender: Recommender, knowledge: Knowledge, tables: Sequence[PairTable], tokens: np.ndarray, regime: str
) -> np.ndarray:
    """Corrections ``(N,)`` that the rankers add to the linear part; 0 for models the recommender holds no tokens of.

    The rankers read the relations as well, as in training, so that their linear part comes with the answer and is
    taken off. Tokens are ``(S, M, E)`` of S draws of the images.
    """
    networks = recommender.networks
    names = [name for name in knowledge.cards if name in networks.model_names]
    ranker, rows = knowledge.regimes[regime].ranker, [list(knowledge.cards).index(name) for name in names]
    relations = np.mean([ranker.inputs(pairs, TARGET) for pairs in tables], axis=0)[rows]
    answers = predict(networks.members, networks.tokens_of(names), tokens, regime, relations).mean(axis=1)
    linear = [relations @ member.linear[REGIMES.index(regime)].double().numpy() for member in networks.members]
    own = dict(zip(names, np.mean(answers - np.stack(linear), axis=0), strict=True))
    return np.array([own.get(name, 0.0) for name in knowledge.cards])


_opened: dict[tuple, tuple[Recommender, References]] = {}
"""The last recommender that was opened, by its settings and the state of its files."""


def load_cached(config: ConfigParser) -> tuple[Recommender, References]:
    """Read the recommender in force and its references, once a process while their files stay as they are.

    Raises:
        ArtifactError: a file is missing or damaged, or the encoder is not the one the ranker was trained with.
    """
    paths = config.get(PathsConfig)
    bank = [paths.zoo / name for name in config.get(RelationConfig).references]
    folders = (find_recommender(paths), paths.encoder, paths.reference, *bank)
    stats = {path: path.stat() for folder in folders for path in sorted(folder.rglob("*"))}
    state = tuple((str(path), status.st_mtime_ns, status.st_size) for path, status in stats.items())
    if (key := (repr(config.to_dict()), state)) not in _opened:
        recommender, references = Recommender.load(folders[0]), References(config)
        name = f"{references.encoder.name}:{references.encoder.hash}"
        if name != recommender.encoder:
            raise ArtifactError(
                f"encoder {name} is not the one the ranker was trained with ({recommender.encoder}); "
                "change [encoder] back or run: ptmrec reproduce"
            )
        _opened.clear()
        _opened[key] = recommender, references
    return _opened[key]


def ranked(frame: pd.DataFrame) -> pd.DataFrame:
    """Sort models best first and rank them: all before the first that is told apart tie with the best.

    Args:
        frame: with ``score``, ``model`` and ``tied_with_best``, False for models that are told apart from the best. A
            model behind one that is told apart ties with none.

    Returns:
        The frame in order, with ``rank`` first: 1 for all that tie with the best, their place for all others.
    """
    frame = frame.sort_values(["score", "model"], ascending=[False, True], ignore_index=True)
    tied = np.logical_and.accumulate(frame["tied_with_best"].to_numpy(dtype=bool))
    ranks = np.where(tied, 1, np.arange(1, len(frame) + 1))
    rest = [name for name in frame if name != "rank"]
    return frame.assign(tied_with_best=tied, rank=ranks)[["rank", *rest]]
