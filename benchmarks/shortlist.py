"""Ranking very many models in two stages: inner products for all of them, the whole ranker for a shortlist.

All relations of the linear ranker but transport are inner products of a few numbers of the model with a few of the
data set. Transport needs a decomposition per model; of a low-rank copy of the explanation it is estimated by an inner
product as well, whose weights are fitted on landmarks of the catalogue that are judged in full. The estimate is rough,
but transport is a small part of the score, so the best of all models are among the shortlist (see the benchmarks).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ptmrec.relations.linear import LinearRanker
from ptmrec.relations.pairs import FARTHEST, RELATIONS, PairTable, shares, skill_logits
from ptmrec.relations.samples import DatasetSample
from ptmrec.relations.transport import transports_left_out

LANDMARKS, SHORTLIST = 256, 500
"""Models judged in full to fit the estimate of transport, and models that reach the second stage."""
CHUNK = 2000
"""Models whose virtual features are in memory at a time."""


@dataclass(frozen=True)
class Catalogue:
    """N models, as far as a ranking needs them; numbers in single precision.

    Attributes:
        skills: ``(N, K)`` skill on each known data set, measured or estimated; 0 where there is none.
        measured: ``(N,)`` bool, which skills are measured.
        facts: ``(N, 2)`` size and source accuracy, scaled as in :class:`~ptmrec.relations.pairs.PairTable`; 0: unknown.
        groups: ``(N,)`` row of the two below.
        source_sets: ``(U, K)`` bool, the known data sets that models of a group were trained on.
        skill_sets: ``(U, K)`` bool, those where they have a skill.
        codes: ``(N, L)`` of :func:`transport_codes`.
        transports: N maps ``(r, d)``, or an array ``(N, r, d)``, on disk if it is large.
    """

    skills: np.ndarray
    measured: np.ndarray
    facts: np.ndarray
    groups: np.ndarray
    source_sets: np.ndarray
    skill_sets: np.ndarray
    codes: np.ndarray
    transports: Sequence[np.ndarray]

    def __len__(self) -> int:
        return len(self.skills)


@dataclass(frozen=True)
class Question:
    """A data set as the inner products need it.

    Attributes:
        weights: ``(2, R)`` of the relations of measured models and of new ones; siblings, which say something of the
            few that were never measured, are left out.
        skill_shares: ``(4, K)`` weights of the known data sets in the mean skills.
        alike: ``(2, K)`` likeness to the known data sets.
        scales: ``(3, 2)`` mean and deviation, among the known models, of transport and of the likeness to sources in
            both ways.
        sample: the data set's images in the reference space.
    """

    weights: np.ndarray
    skill_shares: np.ndarray
    alike: np.ndarray
    scales: np.ndarray
    sample: DatasetSample


def ask(ranker: LinearRanker, pairs: PairTable, target: str, sample: DatasetSample) -> Question:
    """The question a data set is, from the relations of the known models to it.

    Args:
        ranker: the ranker.
        pairs: the known models, which fix every scale, and the data sets, the target among them.
        target: name of the data set.
        sample: its images, in the reference space of the catalogue's transports.
    """
    known = [name for name in ranker.skills if name != target]
    alike = pairs.likeness(target, known)
    skill_shares = np.stack([shares(np.zeros((len(known), 1)), row)[:, 0] for row in skill_logits(alike)])
    transport = pairs.scores.transport[pairs.scores.datasets.index(target)]
    fixed = [transport, *(pairs.source_likeness(known, row) for row in alike[:2])]
    scales = np.array([_scale(values[pairs.base & np.isfinite(values)]) for values in fixed])
    weights = ranker.weights[: 2 * len(RELATIONS)].reshape(2, -1)
    return Question(weights, skill_shares, alike[:2], scales, sample)


def _scale(values: np.ndarray) -> tuple[float, float]:
    """Mean and deviation; what does not vary says nothing, as if it varied without end."""
    deviation = values.std() if len(values) else 0.0
    return (values.mean(), deviation) if deviation >= 1e-12 else (0.0, np.inf)


def make_catalogue(
    ranker: LinearRanker, pairs: PairTable, transports: Sequence[np.ndarray], axes: np.ndarray
) -> Catalogue:
    """The models of a pair table as a catalogue; ``axes (r, m)`` as in :func:`transport_codes`."""
    skills = np.stack(list(ranker.skills.values()), axis=1)
    sets, groups = np.unique(
        np.hstack([pairs.sources(list(ranker.skills)), ~np.isnan(skills)]), axis=0, return_inverse=True
    )
    facts = np.clip(np.nan_to_num(np.stack([pairs.size, pairs.source_accuracy], axis=1)), -FARTHEST, FARTHEST)
    numbers = (np.nan_to_num(skills).astype(np.float32), ranker.measured, facts.astype(np.float32))
    return Catalogue(*numbers, groups, *np.hsplit(sets, 2), transport_codes(transports, axes), transports)


def transport_codes(transports: Sequence[np.ndarray], axes: np.ndarray) -> np.ndarray:
    """Low-rank copies of explanations ``(N, L)``, float32, made once in a model's life.

    Of ``axes (r, m)``: the upper triangle of the Gram matrix ``(m, m)`` of the map in the axes, relative to its size,
    and the logarithm of the number of features.
    """
    upper = np.triu_indices(axes.shape[1])
    codes = np.empty((len(transports), len(upper[0]) + 1), np.float32)
    for start in range(0, len(transports), CHUNK):
        for places, maps in _by_length(transports[start : start + CHUNK]):
            small = axes.T @ maps
            grams = small @ small.swapaxes(1, 2)
            size = np.maximum(np.trace(grams, axis1=1, axis2=2), 1e-12)
            codes[start + places, :-1] = grams[:, upper[0], upper[1]] / size[:, None]
            codes[start + places, -1] = np.log(maps.shape[2])
    return codes


def _by_length(transports: Sequence[np.ndarray]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Places of maps with equally many features, and the maps ``(n, r, d)``."""
    lengths = np.array([transport.shape[1] for transport in transports])
    for length in np.unique(lengths):
        places = np.flatnonzero(lengths == length)
        yield places, np.stack([transports[place] for place in places]).astype(np.float64)


def score_all(catalogue: Catalogue, question: Question, places: np.ndarray | None = None) -> np.ndarray:
    """Scores of the models at ``places (n,)``, or of all, by the whole ranker."""
    places = np.arange(len(catalogue)) if places is None else places
    parts = np.split(places, range(CHUNK, len(places), CHUNK))
    return np.concatenate([_linear(catalogue, question, part, _transport(catalogue, question, part)) for part in parts])


def rank_two_stage(
    catalogue: Catalogue, question: Question, count: int = 10, shortlist: int = SHORTLIST
) -> tuple[np.ndarray, np.ndarray]:
    """The best models of a catalogue without judging each in full.

    Args:
        catalogue: the models.
        question: the data set.
        count: models wanted.
        shortlist: models that are judged in full.

    Returns:
        Places ``(count,)`` of the best, best first, and their scores.
    """
    landmarks = np.unique(np.linspace(0, len(catalogue) - 1, LANDMARKS).astype(int))
    weights, constant = _fit(catalogue.codes[landmarks], _transport(catalogue, question, landmarks))
    rough = _linear(catalogue, question, None, catalogue.codes @ weights + constant)
    kept = min(shortlist, len(rough))
    places = np.argpartition(-rough, kept - 1)[:kept]
    scores = score_all(catalogue, question, places)
    best = np.lexsort((places, -scores))[:count]
    return places[best], scores[best]


def _fit(codes: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.float32]:
    """Weights ``(L,)`` and constant of a ridge from codes ``(n, L)`` to transport scores ``(n,)``."""
    from sklearn.linear_model import RidgeCV
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(codes)
    ridge = RidgeCV((0.1, 1.0, 10.0, 100.0)).fit(scaler.transform(codes), scores)
    weights = (ridge.coef_ / scaler.scale_).astype(np.float32)
    return weights, np.float32(ridge.intercept_ - scaler.mean_ @ weights)


def _transport(catalogue: Catalogue, question: Question, places: np.ndarray) -> np.ndarray:
    """Transport scores, as they are."""
    sample, maps = question.sample, catalogue.transports
    chosen = maps[places] if isinstance(maps, np.ndarray) else [maps[place] for place in places]
    return transports_left_out(sample.coordinates, sample.labels, list(chosen))[0]


def _linear(catalogue: Catalogue, question: Question, places: np.ndarray | None, transport: np.ndarray) -> np.ndarray:
    """Scores from transport scores ``(n,)`` and inner products; of all models where ``places`` is None."""
    rows = slice(None) if places is None else places
    mean, deviation = question.scales[0]
    transported = np.clip((transport - mean) / deviation, -FARTHEST, FARTHEST)
    means = catalogue.skills[rows] @ question.skill_shares.T.astype(np.float32)
    facts, groups, found = catalogue.facts[rows], catalogue.groups[rows], []
    present = np.maximum(catalogue.skill_sets @ question.skill_shares.T, 1e-12)  # the means are over what is there
    sources = np.stack([_of_sources(catalogue, question, way) for way in (0, 1)], axis=1)
    for weights in question.weights:
        scores = np.einsum("nk,nk->n", means, (weights[1:5] / present).astype(np.float32)[groups])
        scores += facts @ weights[7:].astype(np.float32) + (sources @ weights[5:7])[groups]
        found.append(scores + weights[0] * transported)
    return np.where(catalogue.measured[rows], *found)


def _of_sources(catalogue: Catalogue, question: Question, way: int) -> np.ndarray:
    """Likeness ``(U,)`` of the target and the likest data set of each set of sources, scaled; 0 where there is none."""
    mean, deviation = question.scales[1 + way]
    best = np.where(catalogue.source_sets, question.alike[way], -np.inf).max(axis=1)
    return np.clip(np.nan_to_num((best - mean) / deviation, neginf=0.0), -FARTHEST, FARTHEST)
