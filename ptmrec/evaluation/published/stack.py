"""A ridge on relations, shrunk towards the best static rule; rule and penalty are chosen as they will be tested.

The validation leaves out what the test leaves out: data sets (or groups of them), models (or families), or both. Its
predictions are put together to one list per data set and judged by the metric of the benchmark. The static rule has no
penalty, so a large penalty on the rest, and an infinite one exactly, gives the order of the static rule.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

PENALTIES = (np.inf, 10.0, 3.0, 1.0, 0.3, 0.1, 0.01, 0.001)
"""Per pair of model and data set; the nearest to the static rule first."""

Measure = Callable[[np.ndarray, np.ndarray], float]
"""Accuracies and scores ``(M,)`` of a data set to a number; larger is better."""
More = tuple[np.ndarray | float, np.ndarray | float, float]
"""Squares ``(K, K)``, products ``(K,)`` and count of pairs from elsewhere."""


@dataclass(frozen=True)
class Pairs:
    """Training pairs of data sets and models, none of whose relations uses what the test will not have.

    Attributes:
        names: of K relations.
        values: ``(S, K, M)`` relations.
        wanted: ``(S, M)`` normal scores, what they should add up to.
        accuracy: ``(S, M)``.
        rows: ``(S,)`` labels of data sets that are left out together; None: the test knows its data set.
        columns: ``(M,)`` labels of models that are left out together; None: the test knows its models.
    """

    names: tuple[str, ...]
    values: np.ndarray
    wanted: np.ndarray
    accuracy: np.ndarray
    rows: np.ndarray | None
    columns: np.ndarray | None


@dataclass(frozen=True)
class Stack:
    """A fitted ridge.

    Attributes:
        base: name of the static rule it is shrunk to.
        penalty: of the other relations, per pair; infinite: the static rule alone.
        weights: ``(K + 1,)``, the last one of the constant.
    """

    base: str
    penalty: float
    weights: np.ndarray

    def scores(self, relations: np.ndarray) -> np.ndarray:
        """Scores ``(..., N)`` from relations ``(..., K, N)``."""
        return np.einsum("...kn,k->...n", relations, self.weights[:-1]) + self.weights[-1]


def fit_stack(pairs: Pairs, static: Sequence[str], measure: Measure) -> Stack:
    """Choose one of some static rules, which are relations, and the penalty on what is left out; fit on everything."""
    scale = np.append(scale_of(pairs), 1)
    points = np.concatenate([pairs.values.transpose(0, 2, 1), np.ones((*pairs.wanted.shape, 1))], axis=2) / scale
    found = {name: judge(pairs.accuracy, points[..., pairs.names.index(name)], measure) for name in static}
    base = max(found, key=found.get)
    place = pairs.names.index(base)
    cells = Cells(points, pairs.wanted, pairs.rows, pairs.columns)

    def judged(penalty: float) -> float:
        if np.isinf(penalty):
            return found[base]
        return judge(pairs.accuracy, cells.left_out(penalty_of(len(scale), place, penalty)), measure)

    chosen = max(PENALTIES, key=judged)
    if np.isinf(chosen):
        return Stack(base, chosen, np.eye(len(scale))[place] / scale)
    return Stack(base, chosen, cells.fit(penalty_of(len(scale), place, chosen)) / scale)


def penalty_of(count: int, base: int, penalty: float) -> np.ndarray:
    """Penalties ``(count,)`` per pair: next to none for the static rule and for the constant, which is last."""
    penalties = np.full(count, penalty)
    penalties[[base, -1]] = 1e-6
    return penalties


def scale_of(pairs: Pairs) -> np.ndarray:
    """Spread ``(K,)`` of each relation over the pairs; 1 for one that is the same everywhere."""
    spread = pairs.values.transpose(1, 0, 2).reshape(len(pairs.names), -1).std(axis=1)
    return np.where(spread > 1e-9, spread, 1)


def judge(accuracy: np.ndarray, scores: np.ndarray, measure: Measure) -> float:
    """Mean of a metric over data sets, of accuracies and scores ``(S, M)``."""
    return float(np.mean([measure(true, said) for true, said in zip(accuracy, scores, strict=True)]))


class Cells:
    """Sums of squares of each block of data sets and models, from which any block left out follows by subtraction.

    Args:
        points: ``(S, M, K)``.
        wanted: ``(S, M)``.
        rows: ``(S,)`` labels or None; columns: ``(M,)`` labels or None.
    """

    def __init__(
        self, points: np.ndarray, wanted: np.ndarray, rows: np.ndarray | None, columns: np.ndarray | None
    ) -> None:
        self.points, self.blind = points, (rows is not None, columns is not None)
        self.row = _labels(rows, wanted.shape[0])
        self.column = _labels(columns, wanted.shape[1])
        size = points.shape[2]
        self.squares = np.zeros((self.row.max() + 1, self.column.max() + 1, size, size))
        self.products = np.zeros(self.squares.shape[:3])
        self.counts = np.zeros(self.squares.shape[:2])
        for i, j in np.ndindex(*self.counts.shape):
            block = points[self.row == i][:, self.column == j].reshape(-1, size)
            self.squares[i, j] = block.T @ block
            self.products[i, j] = block.T @ wanted[self.row == i][:, self.column == j].ravel()
            self.counts[i, j] = len(block)

    def fit(self, penalties: np.ndarray, more: More = (0.0, 0.0, 0.0)) -> np.ndarray:
        """Weights ``(K,)`` from all pairs; penalties ``(K,)`` count once per pair; more as in :meth:`left_out`."""
        parts = zip((self.squares, self.products, self.counts), more, strict=True)
        squares, products, count = (part.sum(axis=(0, 1)) + extra for part, extra in parts)
        return np.linalg.solve(squares + np.diag(penalties * count), products)

    def left_out(self, penalties: np.ndarray, more: More = (0.0, 0.0, 0.0)) -> np.ndarray:
        """Predictions ``(S, M)``, each from pairs that share neither left-out label with it.

        Args:
            penalties: ``(K,)``.
            more: pairs from elsewhere that always take part.
        """
        parts = zip((self.squares, self.products, self.counts), more, strict=True)
        squares, products, counts = (self._others(part) + extra for part, extra in parts)
        left = squares + counts[..., None, None] * np.diag(penalties)
        weights = np.linalg.solve(left, products[..., None])[..., 0]
        return np.einsum("smk,smk->sm", self.points, weights[self.row][:, self.column])

    def _others(self, sums: np.ndarray) -> np.ndarray:
        """Sums over all blocks but those left out with each block."""
        everything = sums.sum(axis=(0, 1), keepdims=True)
        row, column = sums.sum(axis=1, keepdims=True), sums.sum(axis=0, keepdims=True)
        match self.blind:
            case (True, True):
                return everything - row - column + sums
            case (True, False):
                return everything - row
            case (False, True):
                return everything - column
        return np.broadcast_to(everything, sums.shape)


def _labels(labels: np.ndarray | None, count: int) -> np.ndarray:
    return np.zeros(count, dtype=int) if labels is None else np.unique(labels, return_inverse=True)[1]
