"""Our ranker and the static rows on a published benchmark, under each protocol."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pandas as pd
from scipy.stats import rankdata
from sklearn.ensemble import RandomForestRegressor
from sklearn.model_selection import KFold

from ptmrec.evaluation.metrics import kendall_tau_b, top1_regret, weighted_tau, weighted_tau_default
from ptmrec.evaluation.published.benchmarks import Benchmark
from ptmrec.evaluation.published.cards import log_size, model_features
from ptmrec.evaluation.published.lovm import recall_of_best
from ptmrec.evaluation.published.ranker import normal_scores, rank_models, skills_by_card
from ptmrec.progress import progress

COLUMNS = ("benchmark", "protocol", "method", "target", "metric", "value", "source")
OURS = "ours"
FOREST = "random forest on cards"
FOLDS = 10
FEWEST_OF_FAMILY = 5
CAPS = (0.2, 0.4, 0.6, 0.8, 1.0)
"""FLOPs caps, as shares of the candidates that meet them."""

Scores = dict[str, np.ndarray]
"""Method -> scores ``(N,)``."""

MEASURES: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "tau_w": weighted_tau,
    "tau_w_default": weighted_tau_default,
    "kendall": kendall_tau_b,
    "r5": recall_of_best,
    "regret1": lambda true, scores: top1_regret(true, scores) / 100,
}
"""Metric -> function of accuracies and scores ``(N,)``; ``regret1`` is a share, 0..1, as in the published tables."""


def evaluate_benchmark(benchmark: Benchmark, groups: bool = True, blind_models: bool = True) -> pd.DataFrame:
    """Every protocol on one benchmark.

    Args:
        benchmark: the table.
        groups: also leave out all data sets that are near-identical to the target.
        blind_models: also hold out models: ten random folds and whole families, scored together.

    Returns:
        Long frame of :data:`COLUMNS`.
    """
    parts = [blind_data(benchmark, groups=False)]
    if groups:
        parts.append(blind_data(benchmark, groups=True))
    if blind_models:
        for name, folds in (("random folds", random_folds(benchmark)), ("families", family_folds(benchmark))):
            parts.append(held_out_models(benchmark, name, folds))
    return pd.concat(parts, ignore_index=True)


def blind_data(benchmark: Benchmark, groups: bool) -> pd.DataFrame:
    """Each target left out in turn, every model has records on the others.

    Where cards state FLOPs, rows ``regret1_flops0.2`` and so on are of the candidates under a cap.
    """
    protocol = "blind data, groups out" if groups else "blind data"
    rows: list[tuple] = []
    flops = log_size(benchmark.cards, "gflops")
    for place, target in enumerate(progress(benchmark.targets, f"{benchmark.name}: {protocol}")):
        usable = benchmark.others(place, groups)
        scores = {OURS: rank_models(benchmark.problem(place, usable, np.ones(len(benchmark.models), dtype=bool)))}
        scores |= static_scores(benchmark, usable)
        rows += _measured(benchmark, protocol, target, benchmark.accuracy[place], scores)
        if flops is not None:
            rows += _capped(benchmark, protocol, target, benchmark.accuracy[place], scores, flops)
    return pd.DataFrame(rows, columns=COLUMNS)


def static_scores(benchmark: Benchmark, usable: np.ndarray) -> Scores:
    """Rows that do not look at the target: mean rank on the usable data sets, ImageNet accuracy, parameters."""
    scores = {"mean rank": rankdata(benchmark.accuracy[usable], axis=1).mean(axis=0)}
    imagenet, size = benchmark.imagenet(usable), log_size(benchmark.cards)
    if imagenet is not None:
        scores["ImageNet accuracy"] = imagenet
    if size is not None and np.ptp(size):
        scores["parameters"] = size
    return scores


def random_folds(benchmark: Benchmark) -> list[np.ndarray]:
    """Ten random parts of the models, as places; the same on every call."""
    return [part for _, part in KFold(FOLDS, shuffle=True, random_state=0).split(benchmark.models)]


def family_folds(benchmark: Benchmark) -> list[np.ndarray]:
    """Every family of at least five models, as places."""
    families, counts = np.unique(benchmark.families, return_counts=True)
    return [np.flatnonzero(benchmark.families == name) for name in families[counts >= FEWEST_OF_FAMILY]]


def held_out_models(benchmark: Benchmark, name: str, folds: list[np.ndarray]) -> pd.DataFrame:
    """Models without records, on data sets with records (``blind models``) and without (``both blind``).

    The scores of all parts are put together and judged as one list per target; for ``within`` each part is a list of
    its own, and a target has the mean over parts.
    """
    targets = range(len(benchmark.targets))
    alone = {method: np.full(benchmark.accuracy.shape, np.nan) for method in (OURS, FOREST)}
    blind = np.full((len(targets), len(benchmark.models)), np.nan)
    for fold in progress(folds, f"{benchmark.name}: blind models, {name}"):
        known = ~np.isin(np.arange(len(benchmark.models)), fold)
        for method, answer in _by_card(benchmark, known):
            alone[method][:, fold] = answer[:, fold]
        for place in targets:
            problem = benchmark.problem(place, benchmark.others(place, groups=False), known)
            blind[place, fold] = rank_models(problem)[fold]
    size = log_size(benchmark.cards)
    static = {"parameters": np.tile(size, (len(targets), 1))} if size is not None and np.ptp(size) else {}
    together = [np.sort(np.concatenate(folds))]
    rows: list[tuple] = []
    for kind, matrices in (("blind models", {**alone, **static}), ("both blind", {OURS: blind, **static})):
        for place, target in enumerate(benchmark.targets):
            scores = {method: matrix[place] for method, matrix in matrices.items()}
            for protocol, lists in ((f"{kind}, {name}", together), (f"{kind}, {name}, within", folds)):
                rows += _measured(benchmark, protocol, target, benchmark.accuracy[place], scores, lists)
    return pd.DataFrame(rows, columns=COLUMNS)


def _by_card(benchmark: Benchmark, known: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Scores ``(S, N)`` of models without records from the cards of the others, by ours and by a plain forest."""
    skills = np.full(benchmark.accuracy.shape, np.nan)
    skills[:, known] = normal_scores(benchmark.accuracy[:, known])
    cards = model_features(benchmark.models, benchmark.cards)
    yield OURS, skills_by_card(cards, skills)
    forest = RandomForestRegressor(100, random_state=0).fit(cards[known], benchmark.accuracy[:, known].T)
    yield FOREST, forest.predict(cards).T


def _source(method: str) -> str:
    return "rerun" if method != OURS else OURS


def _measured(
    benchmark: Benchmark,
    protocol: str,
    target: str,
    true: np.ndarray,
    scores: Scores,
    lists: Sequence[np.ndarray] | None = None,
) -> Iterator[tuple[str, str, str, str, str, float, str]]:
    """Rows of a target; each value is the mean over the lists of places, or of the one list of all models."""
    places = [np.arange(len(true))] if lists is None else lists
    for method, said in scores.items():
        for metric, function in MEASURES.items():
            value = float(np.mean([function(true[part], said[part]) for part in places]))
            yield (benchmark.name, protocol, method, target, metric, value, _source(method))


def _capped(
    benchmark: Benchmark, protocol: str, target: str, true: np.ndarray, scores: Scores, flops: np.ndarray
) -> Iterator[tuple[str, str, str, str, str, float, str]]:
    for share in CAPS:
        allowed = flops <= np.quantile(flops, share)
        for method, said in scores.items():
            regret = MEASURES["regret1"](true[allowed], said[allowed])
            yield (benchmark.name, protocol, method, target, f"regret1_flops{share:.1f}", regret, _source(method))
