"""Numbers about a pair: every relation of every model to one data set.

Each is normalised against the known models' values for the same data set, which do not depend on who else is
listed: a model's score does not change with the other candidates.
"""

from collections.abc import Iterable, Mapping
from functools import cached_property

import numpy as np
import pandas as pd

from ptmrec.relations.scores import PairScores
from ptmrec.zoo.card import Card

RELATIONS = (
    *("transport", "skill_encoder", "skill_reference", "skill_transport", "mean_skill"),
    *("source_encoder", "source_reference", "size", "source_accuracy"),
)
"""Columns of a table of relations."""
KIN = ("source", "size")
"""What makes models of different families siblings: trained on the same data set, or of the same size."""
SIBLINGS = tuple(f"{kin} siblings {name}" for kin in KIN for name in ("encoder", "reference", "transport", "mean"))
"""Columns of the skills of siblings, which speak for models that were never measured."""
ENCODER_SHARPNESS, REFERENCE_SHARPNESS, TRANSPORT_SHARPNESS = 6.0, 4.0, 4.0
"""How fast the weight of a known data set falls with its unlikeness: factors in the softmax over similarities."""

FARTHEST = 3.0
"""Largest deviation of a relation that counts: what lies further out than any known model is not carried further."""


class PairTable:
    """Relations of models to data sets.

    Args:
        cards: N models by name.
        scores: their scores on data sets, known ones and targets; of the same models in the same order.
        base: ``(N,)`` bool, the known models, whose values fix every scale; all without it.

    Raises:
        ValueError: cards and scores list different models.
    """

    def __init__(self, cards: Mapping[str, Card], scores: PairScores, base: np.ndarray | None = None) -> None:
        if tuple(cards) != scores.models:
            raise ValueError("cards and pair scores list different models, or in another order")
        self.cards, self.scores = dict(cards), scores
        self.base = np.ones(len(cards), dtype=bool) if base is None else base
        self.size = standard(np.log([card.num_params for card in cards.values()]), self.base)
        reached = np.array([card.source_accuracy for card in cards.values()], np.float64)  # None, unknown, becomes NaN
        self.source_accuracy = standard(reached, self.base)
        self._sources = np.array([[name in card.datasets for name in scores.datasets] for card in cards.values()])
        ranks = pd.DataFrame(scores.transport[:, self.base]).rank(axis=1).to_numpy()
        spread = np.maximum(ranks.std(axis=1, keepdims=True), 1e-12)
        self._transport_ranks = (ranks - ranks.mean(axis=1, keepdims=True)) / spread

    def trained_on(self, name: str) -> np.ndarray:
        """Which models ``(N,)`` were trained on a data set: what they reach there says nothing of new data."""
        return np.array([name in card.datasets for card in self.cards.values()])

    def transported(self, name: str) -> np.ndarray:
        """Transport score ``(N,)`` of every model on a data set, standardised."""
        return standard(self.scores.transport[self._place(name)], self.base)

    def likeness(self, target: str, known: list[str]) -> np.ndarray:
        """Likeness ``(3, K)`` of a data set to known ones: by the encoder, in the reference space, and by transport.

        The third compares how well the known models would separate the classes of each: data sets are alike when
        the same models would do well. Ranks are taken about their mean over the data sets, so that what all data
        sets have in common does not count.
        """
        place, places = self._place(target), [self._place(name) for name in known]
        rows = self._transport_ranks[[place, *places]]
        rows = rows - rows.mean(axis=0)
        lengths = np.maximum(np.linalg.norm(rows, axis=1), 1e-12)
        agreement = rows[1:] @ rows[0] / (lengths[1:] * lengths[0])
        return np.stack([self.scores.encoder[place, places], self.scores.reference[place, places], agreement])

    def recognise(self, target: str, known: Iterable[str]) -> tuple[str, float]:
        """The known data set whose images a target shows, and how surely, 0 to 1; ``""`` and 0 when it is new."""
        names = [name for name in known if name != target]
        sure = np.nan_to_num(self.scores.same[self._place(target), [self._place(name) for name in names]])
        return (names[int(sure.argmax())], float(sure.max())) if sure.any() else ("", 0.0)

    def relations(self, target: str, skills: Mapping[str, np.ndarray]) -> np.ndarray:
        """Relations ``(N, R)`` of every model to a data set, columns as :data:`RELATIONS`.

        Args:
            target: the data set.
            skills: known data set -> skill ``(N,)`` of every model there, see :func:`skill_of`; NaN where a
                model has none. The target's own is never used.
        """
        others = [name for name in skills if name != target]
        table = np.stack([skills[name] for name in others])
        alike = self.likeness(target, others)
        columns = [
            self.transported(target),
            *(weighted_mean(table, logits) for logits in skill_logits(alike)),
            *(standard(self.source_likeness(others, row), self.base) for row in alike[:2]),
            self.size,
            self.source_accuracy,
        ]
        return np.clip(np.nan_to_num(np.stack(columns, axis=1)), -FARTHEST, FARTHEST)

    def siblings(self, target: str, skills: Mapping[str, np.ndarray]) -> np.ndarray:
        """How much better than their families the siblings of every model did, ``(N, 8)`` as :data:`SIBLINGS`.

        What a family is good at, and what a source or a size adds to it, come apart: so a model of a family that was
        never measured is known by models of other families that learned from the same images, or are as large.

        Args:
            target: the data set; its own skills are never used.
            skills: known data set -> measured skill ``(N,)``; NaN where nothing was measured.
        """
        others = [name for name in skills if name != target]
        table = np.stack([skills[name] for name in others])
        table = np.where(self.base, table - self._family_means(table), np.nan)
        there, logits = ~np.isnan(table), skill_logits(self.likeness(target, others))
        columns = []
        for kin in self._kin:
            count = there @ kin
            means = np.divide(np.nan_to_num(table) @ kin, count, out=np.full(count.shape, np.nan), where=count > 0)
            columns += [weighted_mean(means, row) for row in logits]
        return np.clip(np.nan_to_num(np.stack(columns, axis=1)), -FARTHEST, FARTHEST)

    def _family_means(self, table: np.ndarray) -> np.ndarray:
        """Mean ``(K, N)`` of what the known models of each one's family have in a table ``(K, N)``."""
        there = ~np.isnan(table) & self.base
        count = there @ self.family
        total = np.where(there, np.nan_to_num(table), 0) @ self.family
        return np.divide(total, count, out=np.full(count.shape, np.nan), where=count > 0)

    @cached_property
    def family(self) -> np.ndarray:
        """Which models are of one family, ``(N, N)``."""
        families = np.array([card.family for card in self.cards.values()])
        return (families[:, None] == families).astype(np.float64)

    @cached_property
    def _kin(self) -> list[np.ndarray]:
        """Which models are siblings, by source and by size, ``(N, N)`` each."""
        sources = np.array([str(card.source_dataset) for card in self.cards.values()])
        sizes = np.array([str(card.architecture.get("size", "")) for card in self.cards.values()])
        known = [(values[:, None] == values) & (values != "") & (values != "None") for values in (sources, sizes)]
        return [(alike & (self.family == 0)).astype(np.float64) for alike in known]

    def source_likeness(self, known: list[str], alike: np.ndarray) -> np.ndarray:
        """Likeness ``(N,)`` of a target and the likest data set each model was trained on; NaN where unknown.

        Args:
            known: K data sets.
            alike: ``(K,)`` their likeness to the target.
        """
        best = np.where(self.sources(known), alike, -np.inf).max(axis=1)
        return np.where(np.isfinite(best), best, np.nan)

    def sources(self, known: list[str]) -> np.ndarray:
        """Which of K data sets each model was trained on, ``(N, K)`` bool."""
        return self._sources[:, [self._place(name) for name in known]]

    def _place(self, name: str) -> int:
        return self.scores.datasets.index(name)


def skill_logits(alike: np.ndarray) -> np.ndarray:
    """Logits ``(4, K)`` of the weights of known data sets in the four mean skills, from their likeness ``(3, K)``."""
    sharpness = np.array([ENCODER_SHARPNESS, REFERENCE_SHARPNESS, TRANSPORT_SHARPNESS])
    return np.vstack([sharpness[:, None] * alike, np.zeros((1, alike.shape[1]))])


def rank_share(accuracies: np.ndarray) -> np.ndarray:
    """Rank ``(N,)`` of accuracies as a share, 0 to 1, larger is better; NaN = not measured stays NaN."""
    ranks = np.full(len(accuracies), np.nan)
    measured = ~np.isnan(accuracies)
    ranks[measured] = (pd.Series(accuracies[measured]).rank().to_numpy() - 0.5) / max(measured.sum(), 1)
    return ranks


def skill_of(accuracies: np.ndarray) -> np.ndarray:
    """Standardised rank ``(N,)`` of accuracies; NaN = not measured stays NaN."""
    return (rank_share(accuracies) - 0.5) * np.sqrt(12)


def standard(values: np.ndarray, base: np.ndarray) -> np.ndarray:
    """Values ``(N,)``, NaN where there is none, on the scale on which those of ``base`` have mean 0 and deviation 1."""
    fixed = values[base & np.isfinite(values)]
    deviation = fixed.std() if len(fixed) else 0.0
    if deviation < 1e-12:
        return np.where(np.isnan(values), np.nan, 0.0)
    return (values - fixed.mean()) / deviation


def weighted_mean(table: np.ndarray, logits: np.ndarray) -> np.ndarray:
    """Mean ``(N,)`` of a table ``(K, N)`` over its rows with softmax weights; NaN entries are left out."""
    weights = shares(table, logits)
    return np.where(weights.any(axis=0), (weights * np.nan_to_num(table)).sum(axis=0), np.nan)


def shares(table: np.ndarray, logits: np.ndarray) -> np.ndarray:
    """Softmax weights ``(K, N)`` of the rows of a table ``(K, N)`` in each column; 0 where the entry is NaN."""
    weights = np.exp(logits - logits.max())[:, None] * ~np.isnan(table)
    return weights / np.maximum(weights.sum(axis=0), 1e-300)
