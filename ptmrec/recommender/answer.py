"""From images to a ranking: samples, relations, correction, verification, and what to say beside the order."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import DatasetTokenConfig
from ptmrec.dataloader.dataset_tokens import class_tokens
from ptmrec.errors import DataError
from ptmrec.recommender.ensemble import Recommender, predict
from ptmrec.recommender.images import UserImages
from ptmrec.recommender.knowledge import TARGET, Knowledge
from ptmrec.recommender.references import ENCODER, References
from ptmrec.recommender.ties import tied_with_best
from ptmrec.recommender.user_samples import draw_samples, pseudo_labels, shrink
from ptmrec.recommender.verify import Verification, verify_candidates
from ptmrec.relations.conformal import LEVELS
from ptmrec.relations.distance import fit_surroundings
from ptmrec.relations.expected import Separation, separations
from ptmrec.relations.pairs import PairTable
from ptmrec.relations.reasons import Reasons, explain_score
from ptmrec.relations.samples import DatasetSample
from ptmrec.zoo.snapshot import Snapshot

EXPLAINED = 3
"""How many of the first models are explained."""


@dataclass(frozen=True)
class Answer:
    """A ranking and what to say beside it.

    Attributes:
        frame: models best first, see :class:`~ptmrec.recommender.recommendation.Recommendation`.
        notes: sentences.
        verification: what running candidates gave and cost, None when none was run.
        reasons: why the first models rank where they do.
    """

    frame: pd.DataFrame
    notes: tuple[str, ...]
    verification: Verification | None
    reasons: tuple[Reasons, ...]


@dataclass(frozen=True)
class _Looked:
    """What was made of the images: small images, labels (clusters where there are none), samples of them."""

    images: np.ndarray
    labels: np.ndarray
    tokens: np.ndarray
    samples: list[DatasetSample]
    first: np.ndarray


def answer(
    recommender: Recommender,
    knowledge: Knowledge,
    references: References,
    snapshots: Sequence[Snapshot],
    chosen: UserImages,
    regime: str,
    config: ConfigParser,
    verify: int | None = None,
    time_limit: float | None = None,
) -> Answer:
    """Rank models for images; arguments as in :func:`ptmrec.recommender.ranking.recommend`.

    Raises:
        DataError: candidates are to be run on images without labels.
    """
    looked = _look(references, chosen, config)
    listed = np.array([list(knowledge.cards).index(snapshot.name) for snapshot in snapshots])
    tables = [knowledge.pairs(sample) for sample in looked.samples]
    ranked = [knowledge.rank(pairs, regime) for pairs in tables]
    scores = np.mean([own for own, _ in ranked], axis=0) + _correction(recommender, knowledge, looked, regime)
    pseudo = np.stack([values for _, values in ranked], axis=1)
    verification = None
    if verify or time_limit:
        verification = _verify(scores[listed], snapshots, looked, chosen, verify, time_limit)
        scores = _update(knowledge, regime, scores, tables[0], listed, verification)
    found = [separations(sample, knowledge.transports)[0] for sample in looked.samples]
    frame = _frame(knowledge, regime, scores, pseudo, found, listed, snapshots)
    if verification is not None:
        run = dict(zip((s.name for s in snapshots), ~np.isnan(verification.seconds), strict=True))
        frame["verified"] = frame["model"].map(run)
    ranker, names, reasons = knowledge.regimes[regime].ranker, list(knowledge.cards), []
    for name in frame["model"].head(EXPLAINED):
        place = names.index(name)
        transport = knowledge.transports[place]
        reasons.append(explain_score(ranker, tables[0], TARGET, place, looked.samples[0], transport))
    notes = _notes(knowledge, regime, tables[0], looked, found[0], chosen)
    return Answer(frame, notes, verification, tuple(reasons))


def _look(references: References, chosen: UserImages, config: ConfigParser) -> _Looked:
    settings, small = config.get(DatasetTokenConfig), shrink(chosen.images)
    features = references.features(small)
    labels = pseudo_labels(features[ENCODER], chosen.labels, settings.clusters, settings.seed)
    tokens = class_tokens(features[ENCODER], labels, settings.shots, settings.draws, settings.seed)
    samples, positions = draw_samples(features, labels, references.space, settings.seed)
    return _Looked(small, labels, tokens, samples, positions[0])


def _correction(recommender: Recommender, knowledge: Knowledge, looked: _Looked, regime: str) -> np.ndarray:
    """What the rankers add to the linear part, ``(N,)``; 0 for models the recommender holds no tokens of."""
    if not recommender.epochs:
        return np.zeros(len(knowledge.cards))
    names = [name for name in knowledge.cards if name in recommender.model_names]
    added = predict(recommender.members, recommender.tokens_of(names), looked.tokens, regime).mean(axis=(0, 1))
    own = dict(zip(names, added, strict=True))
    return np.array([own.get(name, 0.0) for name in knowledge.cards])


def _verify(
    scores: np.ndarray,
    snapshots: Sequence[Snapshot],
    looked: _Looked,
    chosen: UserImages,
    count: int | None,
    time_limit: float | None,
) -> Verification:
    if chosen.num_classes < 2:
        raise DataError("candidates can be verified on labelled images of two classes or more; give labels")
    loaders = [snapshot.load for snapshot in snapshots]
    return verify_candidates(
        scores, loaders, looked.images[looked.first], looked.labels[looked.first], count, time_limit
    )


def _update(
    knowledge: Knowledge,
    regime: str,
    scores: np.ndarray,
    pairs: PairTable,
    listed: np.ndarray,
    verification: Verification,
) -> np.ndarray:
    revealed = np.full(len(scores), np.nan)
    revealed[listed] = verification.revealed
    transported = pairs.scores.transport[pairs.scores.datasets.index(TARGET)]
    return knowledge.posterior(regime).update(scores, transported, revealed)[0]


def _frame(
    knowledge: Knowledge,
    regime: str,
    scores: np.ndarray,
    pseudo: np.ndarray,
    found: list[Separation],
    listed: np.ndarray,
    snapshots: Sequence[Snapshot],
) -> pd.DataFrame:
    known = knowledge.regimes[regime]
    expected = np.mean([known.expected.predict(separation, scores) for separation in found], axis=0)[listed]
    cards = [snapshot.card for snapshot in snapshots]
    columns = {
        "model": [card.name for card in cards],
        "family": [card.family for card in cards],
        "parameters": [card.num_params for card in cards],
        "trained_on": [card.source_dataset for card in cards],
        "score": scores[listed],
        "expected_accuracy": expected,
    }
    for level in LEVELS:
        low, high = known.conformal.interval(expected, level)
        columns |= {f"low_{level * 100:.0f}": low, f"high_{level * 100:.0f}": high}
    spread = pseudo[..., listed] - pseudo[..., listed].mean(axis=(0, 1)) + scores[listed]
    columns["tied_with_best"] = tied_with_best(spread)
    frame = pd.DataFrame(columns).sort_values(["score", "model"], ascending=[False, True], ignore_index=True)
    frame.insert(0, "rank", np.arange(1, len(frame) + 1))
    return frame


def _notes(
    knowledge: Knowledge,
    regime: str,
    pairs: PairTable,
    looked: _Looked,
    separation: Separation,
    chosen: UserImages,
) -> tuple[str, ...]:
    known, sample = knowledge.regimes[regime], looked.samples[0]
    same = known.ranker.recognise(pairs, TARGET)
    surroundings = fit_surroundings({other.name: other for other in knowledge.samples})
    notes = [
        f"These images look like {same}, which is known: what was measured there decides the order." if same else "",
        known.expected.doubt(separation) if chosen.num_classes > 1 else "",
        surroundings.warning(sample),
    ]
    return tuple(note for note in notes if note)
