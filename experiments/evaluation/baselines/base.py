"""What a baseline reads and answers, and the registry of baselines."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from experiments.evaluation.compare import Method, Target
from ptmrec.benchmark.ground_truth import GroundTruth
from ptmrec.core.errors import ConfigError
from ptmrec.relations.pairs import skill_of
from ptmrec.zoo.card import Card


@dataclass(frozen=True)
class Evidence:
    """What is known when models are ranked for a target.

    Attributes:
        cards: cards of the N candidates by name, in order.
        truth: accuracies of the same candidates, in the same order, on the known data sets.
        tokens: dataset tokens ``(S, M, E)`` of the known data sets.
        estimates: data set -> model -> estimator -> score, measured on the target's images.
        neighbours: data sets behind the rows that look for similar ones.
    """

    cards: Mapping[str, Card]
    truth: GroundTruth
    tokens: Mapping[str, np.ndarray]
    estimates: Mapping[str, Mapping[str, Mapping[str, float]]]
    neighbours: int = 3

    def others(self, target: Target) -> list[str]:
        """The known data sets without the target, whose own measurements no baseline may use."""
        return [name for name in self.tokens if name != target.dataset]

    @cached_property
    def mean_tokens(self) -> dict[str, np.ndarray]:
        """Mean token ``(E,)`` of each known data set."""
        return {name: tokens.astype(np.float64).mean(axis=(0, 1)) for name, tokens in self.tokens.items()}

    def skills(self, regime: str, names: Sequence[str]) -> np.ndarray:
        """Skill ``(K, N)`` of the candidates on some data sets; NaN where never measured, or trained on the data."""
        return np.stack([skill_of(np.where(self._seen(name), np.nan, self.truth.row(regime, name))) for name in names])

    def _seen(self, name: str) -> np.ndarray:
        return np.array([name in card.datasets for card in self.cards.values()])


Baseline = Callable[[Target, Evidence], np.ndarray]
"""Scores ``(N,)`` of the candidates for a target, larger is better."""

BASELINES: dict[str, Baseline] = {}
"""Every baseline by the name of its row in results."""


def register_baseline(name: str) -> Callable[[Baseline], Baseline]:
    """Decorator: make a baseline known under the name of its row."""

    def register(baseline: Baseline) -> Baseline:
        BASELINES[name] = baseline
        return baseline

    return register


def build_baselines(names: Sequence[str], evidence: Evidence) -> list[Method]:
    """The baselines named, as methods to compare.

    Raises:
        ConfigError: a name that is none.
    """
    unknown = [name for name in names if name not in BASELINES]
    if unknown:
        raise ConfigError(f"[evaluation] baselines: {unknown[0]!r} is unknown; known: {', '.join(BASELINES)}")
    return [Method(name, lambda target, rank=BASELINES[name]: rank(target, evidence)) for name in names]
