"""What is known of models and data sets: all that relations of a model to new images are computed from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ptmrec.config.sections import PROBED
from ptmrec.relations.expected import (
    ExpectedAccuracy,
    KnownSeparation,
    Separation,
    expect_left_out,
    fit_expected,
    separations,
)
from ptmrec.relations.linear import LinearRanker, fit_linear_ranker
from ptmrec.relations.pairs import PairTable
from ptmrec.relations.posterior import KnownErrors, Posterior, fit_errors, fit_posterior
from ptmrec.relations.samples import DatasetSample
from ptmrec.relations.scores import TARGET, PairScores, look_at, match_classes
from ptmrec.zoo.card import Card


@dataclass(frozen=True)
class RegimeKnowledge:
    """What is fitted for one regime.

    Attributes:
        ranker: the linear ranker.
        expected: expected accuracies.
        errors: expected and measured accuracies on the known data sets.
    """

    ranker: LinearRanker
    expected: ExpectedAccuracy
    errors: KnownErrors

    @cached_property
    def posterior(self) -> Posterior:
        """What measured accuracies say of all N models."""
        return fit_posterior(self.errors)


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

    def compare(self, whole: DatasetSample) -> np.ndarray:
        """How surely images are each of the known data sets, and, with 1, themselves ``(K + 1,)``."""
        return np.append(match_classes(whole, self.samples), 1.0)

    def look(self, sample: DatasetSample, same: np.ndarray | None = None) -> tuple[PairTable, Separation]:
        """Relations of the models to the known data sets and, as :data:`TARGET`, to a new one, whose separation too.

        Args:
            sample: a few images per class.
            same: of :meth:`compare`, where there are more images: whether they are known is asked of all, once.
        """
        row, right = look_at(sample, (*self.samples, sample), self.transports, same)
        pairs = PairTable(self.cards, self.scores.with_dataset(TARGET, row), self.base)
        return pairs, separations(sample, self.transports, right=right[:, None])[0]


def fit_knowledge(
    cards: Mapping[str, Card],
    base: np.ndarray,
    samples: Sequence[DatasetSample],
    scores: PairScores,
    transports: Sequence[np.ndarray],
    separations: Mapping[str, KnownSeparation],
    accuracies: Mapping[str, Mapping[str, np.ndarray]],
    runs: np.ndarray | None = None,
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
        runs: ``(K, N)`` accuracies of short fine-tunings, NaN = not run.
    """
    pairs, regimes = PairTable(cards, scores, base), {}
    for regime, rows in accuracies.items():
        ranker = fit_linear_ranker(pairs, rows)
        own = {name: ranker.scores(pairs, name) for name in rows}
        counted = {name: np.where(base & ~pairs.trained_on(name), row, np.nan) for name, row in rows.items()}
        left_out = expect_left_out(separations, own, counted)
        expected = fit_expected(separations, own, counted)
        shown = scores.probe if regime == PROBED else runs
        probes = np.full(scores.probe.shape, np.nan) if shown is None else shown
        measured = [np.where(pairs.trained_on(name), np.nan, row) for name, row in rows.items()]
        errors = fit_errors(np.stack(list(left_out.values())), np.stack(measured), probes)
        regimes[regime] = RegimeKnowledge(ranker, expected, errors)
    return Knowledge(dict(cards), base, tuple(samples), scores, tuple(transports), regimes)
