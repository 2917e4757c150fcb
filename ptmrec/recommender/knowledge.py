"""What is known of models and data sets: all that relations of a model to new images are computed from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ptmrec.relations.conformal import Conformal, fit_conformal
from ptmrec.relations.expected import (
    ExpectedAccuracy,
    KnownSeparation,
    Separation,
    fit_expected,
    left_out_errors,
    separations,
)
from ptmrec.relations.linear import LinearRanker, fit_linear_ranker, left_out_weights
from ptmrec.relations.pairs import PairTable
from ptmrec.relations.posterior import Posterior, fit_posterior
from ptmrec.relations.samples import DatasetSample
from ptmrec.relations.scores import TARGET, PairScores, look_at, match_classes
from ptmrec.zoo.card import Card


@dataclass(frozen=True)
class RegimeKnowledge:
    """What is fitted for one regime.

    Attributes:
        ranker: the linear ranker.
        left_out: ``(K, 2 R)`` weights of the ranker without each known data set.
        expected: expected accuracies.
        conformal: their intervals.
    """

    ranker: LinearRanker
    left_out: np.ndarray
    expected: ExpectedAccuracy
    conformal: Conformal


@dataclass(frozen=True)
class Knowledge:
    """What is known of N models and K data sets.

    Attributes:
        cards: cards of the models by name, in order.
        base: ``(N,)`` bool, the models that taught the rankers and fix every scale.
        samples: samples of the known data sets.
        scores: pair scores of the models on the known data sets.
        transports: N maps from reference coordinates to features, see :mod:`ptmrec.relations.transport`.
        regimes: what is fitted, by regime.
    """

    cards: dict[str, Card]
    base: np.ndarray
    samples: tuple[DatasetSample, ...]
    scores: PairScores
    transports: tuple[np.ndarray, ...]
    regimes: dict[str, RegimeKnowledge]

    def pairs(self, sample: DatasetSample) -> PairTable:
        """Relations of the models to the known data sets and, as :data:`TARGET`, to a new one."""
        return self.look(sample)[0]

    def compare(self, whole: DatasetSample) -> np.ndarray:
        """How surely images are each of the known data sets, and, with 1, themselves ``(K + 1,)``."""
        return np.append(match_classes(whole, self.samples), 1.0)

    def look(self, sample: DatasetSample, same: np.ndarray | None = None) -> tuple[PairTable, Separation]:
        """:meth:`pairs`, and how far the classes of the new data set separate.

        Args:
            sample: a few images per class.
            same: of :meth:`compare`, where there are more images: whether they are known is asked of all, once.
        """
        row, right = look_at(sample, (*self.samples, sample), self.transports, same)
        pairs = PairTable(self.cards, self.scores.with_dataset(TARGET, row), self.base)
        return pairs, separations(sample, self.transports, right=right[:, None])[0]

    def posterior(self, regime: str) -> Posterior:
        """What running candidates says, learned from the known data sets, on which all of them were run."""
        known, pairs = self.regimes[regime], PairTable(self.cards, self.scores, self.base)
        names = list(known.ranker.skills)
        never = {name: pairs.trained_on(name) for name in names}
        priors = [np.where(never[name], np.nan, known.ranker.scores(pairs, name)) for name in names]
        return fit_posterior(
            np.stack(priors),
            self.scores.transport,
            self.scores.few_shot,
            np.stack(list(known.ranker.skills.values())),
        )

    def rank(self, pairs: PairTable, regime: str) -> tuple[np.ndarray, np.ndarray]:
        """Scores of the models for the target, and how far they rest on single data sets.

        Returns:
            ``(N,)`` scores, and ``(K, N)`` jackknife pseudo-values, whose mean's variance is that of the scores when
            the known data sets are seen as a sample of all there are.
        """
        known, values = self.regimes[regime], []
        scores, recognised = known.ranker.scores(pairs, TARGET), pairs.recognise(TARGET, known.ranker.skills)
        count = len(known.ranker.skills)
        for name, weights in zip(known.ranker.skills, known.left_out, strict=True):
            skills = {other: skill for other, skill in known.ranker.skills.items() if other != name}
            part = LinearRanker(weights, skills, known.ranker.measured).inputs(pairs, TARGET) @ weights
            part = known.ranker.blend(part, *recognised)  # what was measured on the images themselves stays
            values.append(count * scores - (count - 1) * part)
        return scores, np.stack(values)


def fit_knowledge(
    cards: Mapping[str, Card],
    base: np.ndarray,
    samples: Sequence[DatasetSample],
    scores: PairScores,
    transports: Sequence[np.ndarray],
    separations: Mapping[str, KnownSeparation],
    accuracies: Mapping[str, Mapping[str, np.ndarray]],
) -> Knowledge:
    """Fit everything on known data sets.

    Args:
        cards: N models.
        base: ``(N,)`` bool, the models that may teach.
        samples: K known data sets.
        scores: of the models on these data sets, in the same order.
        transports: of the models.
        separations: how far the classes of each known data set separate.
        accuracies: regime -> known data set -> measured accuracy ``(N,)``, NaN = not measured.
    """
    pairs, regimes = PairTable(cards, scores, base), {}
    for regime, rows in accuracies.items():
        ranker = fit_linear_ranker(pairs, rows)
        own = {name: ranker.scores(pairs, name) for name in rows}
        counted = {name: np.where(base & ~pairs.trained_on(name), row, np.nan) for name, row in rows.items()}
        conformal = fit_conformal(left_out_errors(separations, own, counted).values())
        expected = fit_expected(separations, own, counted)
        regimes[regime] = RegimeKnowledge(ranker, left_out_weights(pairs, rows), expected, conformal)
    return Knowledge(dict(cards), base, tuple(samples), scores, tuple(transports), regimes)
