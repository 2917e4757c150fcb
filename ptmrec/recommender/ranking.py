"""The ranking: images become samples, samples relations, relations scores, and scores a table with ties."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import REGIMES, DatasetTokenConfig, PathsConfig, RelationConfig
from ptmrec.core.errors import ArtifactError, ConfigError, DataError
from ptmrec.core.words import suggest
from ptmrec.dataloader.dataset_tokens import class_tokens, cluster_labels
from ptmrec.dataloader.model_datasets import find_recommender
from ptmrec.recommender.ensemble import Recommender, predict
from ptmrec.recommender.knowledge import TARGET, Knowledge
from ptmrec.recommender.references import ENCODER, References, one_thread
from ptmrec.recommender.request import Request
from ptmrec.recommender.verify import Verification, verify_candidates
from ptmrec.relations.conformal import LEVELS
from ptmrec.relations.distance import fit_surroundings
from ptmrec.relations.expected import Separation
from ptmrec.relations.pairs import PairTable, skill_logits
from ptmrec.relations.reasons import Reasons, explain_score
from ptmrec.relations.samples import DatasetSample
from ptmrec.zoo.snapshot import Snapshot

if TYPE_CHECKING:
    from PIL import Image

SIZE = 32
"""Height and width in which the models of the zoo see images."""
SHOTS, DRAWS, CLASSES = 10, 3, 50
"""Images per class of a sample, as many as of known data sets; samples; and the classes a sample holds at most."""


@dataclass(frozen=True)
class Ranking:
    """Scores of candidates for images, and all they were computed from.

    Attributes:
        request: the question.
        knowledge: of N models.
        candidates: every candidate; snapshots: those within the limits, C of them.
        sample: the first draw of the images in the reference space.
        drawn: images ``(n, 32, 32, 3)`` uint8 and labels ``(n,)`` of that draw, on which candidates are run.
        tables: relations of the models, one table for each of S draws; separations: how far the classes separate.
        prior: ``(N,)`` scores before any candidate was run.
        pseudo: ``(K, S, N)`` jackknife pseudo-values of the scores.
        stand_ins: model known by its card only -> the known model it is ranked as; it cannot be run.
        verification: results of candidates that were run; None without any.
    """

    request: Request
    knowledge: Knowledge
    candidates: Sequence[Snapshot]
    snapshots: Sequence[Snapshot]
    sample: DatasetSample
    drawn: tuple[np.ndarray, np.ndarray]
    tables: Sequence[PairTable]
    separations: Sequence[Separation]
    prior: np.ndarray
    pseudo: np.ndarray
    stand_ins: dict[str, str] = field(default_factory=dict)
    verification: Verification | None = None

    runnable = True
    """Models have weights: they can be run, loaded and explained."""

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
    def scores(self) -> np.ndarray:
        """Scores ``(N,)`` of the models, updated by the candidates that were run."""
        if self.verification is None:
            return self.prior
        revealed = np.full(len(self.prior), np.nan)
        revealed[self.listed] = self.verification.revealed
        pairs = self.tables[0]
        transported = pairs.scores.transport[pairs.scores.datasets.index(TARGET)]
        return self.knowledge.posterior(self.request.regime).update(self.prior, transported, revealed)[0]

    @cached_property
    def frame(self) -> pd.DataFrame:
        """The snapshots best first, see :class:`~ptmrec.recommender.recommendation.Recommendation`."""
        known, listed = self.knowledge.regimes[self.request.regime], self.listed
        predictions = [known.expected.predict(separation, self.scores) for separation in self.separations]
        expected = np.mean(predictions, axis=0)[listed]
        cards = [snapshot.card for snapshot in self.snapshots]
        columns = {
            "model": [card.name for card in cards],
            "source": [snapshot.source for snapshot in self.snapshots],
            "family": [card.family for card in cards],
            "parameters": [card.num_params for card in cards],
            "licence": [card.licence for card in cards],
            "trained_on": [card.source_dataset for card in cards],
            "score": self.scores[listed],
            "expected_accuracy": expected,
        }
        for level in LEVELS:
            low, high = known.conformal.interval(expected, level)
            columns |= {f"low_{level * 100:.0f}": low, f"high_{level * 100:.0f}": high}
        spread = self.pseudo[..., listed] - self.pseudo[..., listed].mean(axis=(0, 1)) + self.scores[listed]
        columns["tied_with_best"] = tied_with_best(spread)
        if self.verification is not None:
            columns["verified"] = ~np.isnan(self.verification.seconds)
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
        cards = f"Ranked by their cards only, as the nearest known model: {by_card}." if by_card else ""
        return tuple(note for note in (known if same else "", cards, *self.doubts) if note)

    @cached_property
    def doubts(self) -> tuple[str, ...]:
        """Warnings against relying on the answer."""
        known = self.knowledge.regimes[self.request.regime]
        surroundings = fit_surroundings({other.name: other for other in self.knowledge.samples})
        labelled = self.request.images.num_classes > 1
        doubts = (known.expected.doubt(self.separations[0]) if labelled else "", surroundings.warning(self.sample))
        return tuple(doubt for doubt in doubts if doubt)

    @cached_property
    def nearest(self) -> dict[str, float]:
        """The three known data sets whose measurements weigh most, with their share of the weight."""
        names = list(self.knowledge.regimes[self.request.regime].ranker.skills)
        parts = [np.exp(logits - logits.max()) for logits in skill_logits(self.tables[0].likeness(TARGET, names))[:3]]
        weights = np.mean([part / part.sum() for part in parts], axis=0)
        return {names[index]: float(weights[index]) for index in np.argsort(-weights, kind="stable")[:3]}

    def narrow(self, names: Collection[str]) -> "Ranking":
        """The ranking of the candidates of these names, before any was run."""
        kept = [snapshot for snapshot in self.candidates if snapshot.name in names]
        return replace(self, snapshots=kept, verification=None)

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
        raise ConfigError(f"no model {model!r} was ranked{suggest(model, [one.name for one in self.snapshots])}")

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

        Args:
            count: this many; all without a time limit.
            time_limit: for as long as this, in seconds.

        Raises:
            DataError: the images have no labels.
        """
        if self.request.images.num_classes < 2:
            raise DataError("candidates can be verified on labelled images of two classes or more; give labels")
        before, scores = self.verification, self.scores[self.listed].copy()
        if before is not None:
            scores[~np.isnan(before.seconds)] = np.nan
        scores[[snapshot.name in self.stand_ins for snapshot in self.snapshots]] = np.nan
        loaders = [snapshot.load for snapshot in self.snapshots]
        with one_thread(self.request.config):
            found = verify_candidates(scores, loaders, *self.drawn, count, time_limit)
        return replace(self, verification=found if before is None else before.joined(found))


def rank(
    request: Request,
    recommender: Recommender,
    knowledge: Knowledge,
    references: References,
    candidates: Sequence[Snapshot],
    stand_ins: dict[str, str] | None = None,
) -> Ranking:
    """Rank candidates for the images of a request.

    Args:
        request: the question.
        recommender: the trained rankers.
        knowledge: of all candidates.
        references: of the reference space.
        candidates: models to rank.
        stand_ins: see :class:`Ranking`.
    """
    settings, small = request.config.get(DatasetTokenConfig), shrink(request.images.images)
    features = references.features(small)
    labels = pseudo_labels(features[ENCODER], request.images.labels, settings.clusters, settings.seed)
    coordinates = references.space.encode(features)
    samples, rows = draw_samples(features[ENCODER], coordinates, labels, settings.seed)
    same = knowledge.compare(DatasetSample(TARGET, samples[0].token, coordinates, labels))
    tables, separations = zip(*(knowledge.look(sample, same) for sample in samples), strict=True)
    scored = [knowledge.rank(pairs, request.regime) for pairs in tables]
    prior = np.mean([scores for scores, _ in scored], axis=0)
    if recommender.epochs:
        tokens = class_tokens(features[ENCODER], labels, settings.shots, settings.draws, settings.seed)
        prior += correct(recommender, knowledge, tables, tokens, request.regime)
    pseudo = np.stack([values for _, values in scored], axis=1)
    drawn = small[rows[0]], labels[rows[0]]
    return Ranking(
        *(request, knowledge, candidates, candidates, samples[0], drawn, tables, separations, prior, pseudo),
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


def shrink(images: "np.ndarray | Sequence[Image.Image]") -> np.ndarray:
    """Images ``(n, 32, 32, 3)`` uint8, as the zoo's models take them."""
    from PIL import Image

    pictures = [Image.fromarray(image) if isinstance(image, np.ndarray) else image for image in images]
    return np.stack(
        [np.asarray(picture.convert("RGB").resize((SIZE, SIZE), Image.Resampling.BICUBIC)) for picture in pictures]
    )


def pseudo_labels(tokens: np.ndarray, labels: np.ndarray | None, clusters: int, seed: int) -> np.ndarray:
    """The labels ``(n,)``, or clusters of the encoder's features ``(n, E)`` where there are fewer than two classes."""
    if labels is not None and len(np.unique(labels)) > 1:
        return labels
    return cluster_labels(tokens, clusters, seed)


def draw_samples(
    tokens: np.ndarray, coordinates: np.ndarray, labels: np.ndarray, seed: int = 0
) -> tuple[list[DatasetSample], list[np.ndarray]]:
    """Draw samples of images, with the rows of each; one is enough where the draws would be the same.

    Args:
        tokens: ``(n, E)`` features of the image encoder.
        coordinates: ``(n, r)`` in the reference space.
        labels: ``(n,)`` class indices.
        seed: seed of the draws.
    """
    generator = np.random.default_rng(seed)
    classes = np.unique(labels)
    kept = classes if len(classes) <= CLASSES else generator.choice(classes, CLASSES, replace=False)
    groups = [np.flatnonzero(labels == label) for label in kept]
    samples, drawn = [], []
    for _ in range(DRAWS if max(map(len, groups)) > SHOTS else 1):
        rows = np.sort(np.concatenate([generator.permutation(group)[:SHOTS] for group in groups]))
        token = tokens[rows].astype(np.float64).mean(axis=0)
        samples.append(DatasetSample(TARGET, token, coordinates[rows], labels[rows]))
        drawn.append(rows)
    return samples, drawn


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


def tied_with_best(samples: np.ndarray) -> np.ndarray:
    """Mark the models that are not told apart from the best one, itself included.

    A model is tied when its mean score is behind the best by less than twice the standard error of that difference,
    taken in pairs: what moves both scores alike says nothing about their order. Members and draws both add to the
    error; the draws of one member are not counted as independent answers, as they share its training.

    Args:
        samples: ``(K, S, N)`` scores of each member on each draw.

    Returns:
        ``(N,)`` bool; with one member and one draw, the models whose score equals the best.
    """
    best = samples.mean(axis=(0, 1)).argmax()
    behind = samples[..., [best]] - samples
    variance = _variance_of_mean(behind.mean(axis=1)) + _variance_of_mean(behind.mean(axis=0))
    gap = behind.mean(axis=(0, 1))
    return (gap < 2 * np.sqrt(variance)) | (gap <= 0)


def _variance_of_mean(values: np.ndarray) -> np.ndarray:
    """Variance ``(N,)`` of the mean over the rows of ``(k, N)``; 0 for a single row."""
    return values.var(axis=0, ddof=1) / len(values) if len(values) > 1 else np.zeros(values.shape[1])
