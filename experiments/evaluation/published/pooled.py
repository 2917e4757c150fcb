"""One ranker on the records of all benchmarks, to be compared with training on each alone.

Every relation has a weight shared by all benchmarks and, as the token of a benchmark's recipe, a deviation from it for
each benchmark (Daume, 2007, with a ridge); relations that a benchmark lacks are masked. Every benchmark counts alike.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from experiments.evaluation.published.protocols import COLUMNS, Related, measured, stack_of
from ptmrec.evaluation.published.benchmarks import OURS, Benchmark, measure_of
from ptmrec.evaluation.published.stack import PENALTIES, Cells, judge, scale_of

POOLED = "pooled"
ONE_FOR_ALL = "ours, one ranker for all"


def pooled_results(benchmarks: Sequence[Benchmark], related: Mapping[str, Sequence[Related]]) -> pd.DataFrame:
    """Blind data, by a ranker trained on all benchmarks and by one trained on the target's own.

    Args:
        benchmarks: at least two.
        related: by benchmark, relations for each of its targets.

    Returns:
        Rows of the protocol ``pooled``.
    """
    union = Union(benchmarks, related)
    rows: list[tuple] = []
    for benchmark in benchmarks:
        for place, target in enumerate(benchmark.targets):
            pairs, new = related[benchmark.name][place]
            scores = {OURS: stack_of(pairs, benchmark).scores(new), ONE_FOR_ALL: union.scores(benchmark, place)}
            rows += measured(benchmark, POOLED, target, benchmark.accuracy[place], scores)
    return pd.DataFrame(rows, columns=COLUMNS)


class Union:
    """Relations of all benchmarks side by side: shared ones first, then the deviations of each benchmark.

    Args:
        benchmarks: the tables; related: by benchmark, relations for each target.
    """

    def __init__(self, benchmarks: Sequence[Benchmark], related: Mapping[str, Sequence[Related]]) -> None:
        self.benchmarks, self.related = list(benchmarks), related
        names = {name for parts in related.values() for pairs, _ in parts for name in pairs.names}
        self.names = [*sorted(names), "constant"]

    def scores(self, benchmark: Benchmark, place: int) -> np.ndarray:
        """Scores ``(N,)`` for a target of a benchmark."""
        pairs, new = self.related[benchmark.name][place]
        measure, base = measure_of(benchmark), stack_of(pairs, benchmark).base
        scale = scale_of(pairs)
        cells = Cells(self._points(benchmark, pairs.names, pairs.values, scale), pairs.wanted, pairs.rows, None)
        more = self._elsewhere(benchmark, place, cells.counts.sum())

        def judged(penalty: float) -> float:
            if np.isinf(penalty):
                return judge(pairs.accuracy, pairs.values[:, pairs.names.index(base)], measure)
            return judge(pairs.accuracy, cells.left_out(self._penalties(benchmark, base, penalty), more), measure)

        chosen = max(PENALTIES, key=judged)
        if np.isinf(chosen):
            return new[pairs.names.index(base)]
        weights = cells.fit(self._penalties(benchmark, base, chosen), more)
        return (self._points(benchmark, pairs.names, new[None], scale) @ weights)[0]

    def _points(self, benchmark: Benchmark, names: Sequence[str], values: np.ndarray, scale: np.ndarray) -> np.ndarray:
        """Points ``(S, M, (1 + B) U)`` of relations ``(S, K, M)``; what a benchmark lacks is 0."""
        own = np.zeros((len(values), values.shape[2], len(self.names)))
        own[..., [self.names.index(name) for name in names]] = (values / scale[:, None]).transpose(0, 2, 1)
        own[..., -1] = 1
        blocks = [own if other is benchmark else np.zeros_like(own) for other in self.benchmarks]
        return np.concatenate([own, *blocks], axis=2)

    def _penalties(self, benchmark: Benchmark, base: str, penalty: float) -> np.ndarray:
        """Next to none for the static rule of the target's benchmark, and for constants."""
        size = len(self.names)
        penalties = np.full((1 + len(self.benchmarks), size), penalty)
        penalties[:, -1] = 1e-6
        penalties[[0, 1 + self.benchmarks.index(benchmark)], self.names.index(base)] = 1e-6
        return penalties.ravel()

    def _elsewhere(self, benchmark: Benchmark, place: int, count: float) -> tuple[np.ndarray, np.ndarray, float]:
        """Squares, products and count of the other benchmarks' pairs, without data sets like the target."""
        group, total = benchmark.places[place].group, (1 + len(self.benchmarks)) * len(self.names)
        squares, products = np.zeros((total, total)), np.zeros(total)
        others = [other for other in self.benchmarks if other is not benchmark]
        for other in others:
            groups = {card.name: card.group for card in other.places}
            near = [i for i in range(len(other.targets)) if other.places[i].group == group]
            pairs, _ = self.related[other.name][near[0] if near else 0]
            kept = np.array([groups[name] != group for name in pairs.rows])
            points = self._points(other, pairs.names, pairs.values[kept], scale_of(pairs)).reshape(-1, products.size)
            weight = count / len(points)
            squares += weight * points.T @ points
            products += weight * points.T @ pairs.wanted[kept].ravel()
        return squares, products, count * len(others)
