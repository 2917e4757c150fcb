"""Our ranker and the static rows on a published benchmark, under each protocol."""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from scipy.stats import rankdata
from sklearn.ensemble import RandomForestRegressor
from sklearn.model_selection import KFold

from ptmrec.core.progress import progress
from ptmrec.evaluation.published.benchmarks import MEASURES, OURS, Benchmark, measure_of
from ptmrec.evaluation.published.cards import log_size, model_features
from ptmrec.evaluation.published.ranker import normal_scores, rank_models, rank_unknown, relate, static_names
from ptmrec.evaluation.published.stack import Pairs, Stack, fit_stack

COLUMNS = ("benchmark", "protocol", "method", "target", "metric", "value", "source")
FOREST = "random forest on cards"
BEST_OTHER = "best other data set (hindsight)"
LEVEL_KNOWN = "ours, level of each part known (hindsight)"
BLIND_DATA, GROUPS_OUT = "blind data", "blind data, groups out"
FOLDS = 10
FEWEST_OF_FAMILY = 5
CAPS = (0.2, 0.4, 0.6, 0.8, 1.0)
"""FLOPs caps, as shares of the candidates that meet them."""

Scores = dict[str, np.ndarray]
"""Method -> scores ``(N,)``."""

Related = tuple[Pairs, np.ndarray]
"""Training pairs, and relations ``(K, N)`` to a target."""


def stack_of(pairs: Pairs, benchmark: Benchmark) -> Stack:
    """Our ranker, fitted on training pairs of a benchmark."""
    return fit_stack(pairs, static_names(pairs.names), measure_of(benchmark))


def relate_targets(benchmark: Benchmark, groups: bool = False, plain: bool = False) -> list[Related]:
    """Relations for each target in turn, every model with records on the other data sets.

    Args:
        benchmark: the table.
        groups: leave out data sets like the target, too.
        plain: of the target only classes and pixels are known.
    """
    everyone = np.ones(len(benchmark.models), dtype=bool)
    return [
        relate(benchmark.problem(place, benchmark.others(place, groups), everyone, groups=groups, plain=plain))
        for place, _ in enumerate(progress(benchmark.targets, f"{benchmark.name}: relations"))
    ]


def blind_data(benchmark: Benchmark, related: Sequence[Related], protocol: str, groups: bool = False) -> pd.DataFrame:
    """Each target left out in turn, every model has records on the others.

    Where cards state FLOPs, rows ``regret1_flops0.2`` and so on are of the candidates under a cap. The row of the
    other data set that agrees best is hindsight: it shows what the records of one data set can tell of another.

    Args:
        benchmark: the table.
        related: relations for each target.
        protocol: its name in the table.
        groups: data sets like the target were left out.
    """
    rows: list[tuple] = []
    flops, measure = log_size(benchmark.cards, "gflops"), measure_of(benchmark)
    for place, (target, (pairs, new)) in enumerate(zip(benchmark.targets, related, strict=True)):
        usable, true = benchmark.others(place, groups), benchmark.accuracy[place]
        scores = {OURS: stack_of(pairs, benchmark).scores(new)}
        scores |= static_scores(benchmark, usable)
        scores[BEST_OTHER] = max(benchmark.accuracy[usable], key=lambda row, true=true: measure(true, row))
        rows += measured(benchmark, protocol, target, true, scores)
        if flops is not None:
            rows += _capped(benchmark, protocol, target, true, scores, flops)
    return pd.DataFrame(rows, columns=COLUMNS)


def static_scores(benchmark: Benchmark, usable: np.ndarray) -> Scores:
    """Rows that do not look at the target: mean rank and accuracy elsewhere, ImageNet accuracy, parameters."""
    scores = {
        "mean rank": rankdata(benchmark.accuracy[usable], axis=1).mean(axis=0),
        "mean accuracy": benchmark.accuracy[usable].mean(axis=0),
    }
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
    its own, and a target has the mean over parts. The row with the level known moves the scores of each part to
    their true mean and spread: what is lost between parts, not inside them.
    """
    targets, measure = range(len(benchmark.targets)), measure_of(benchmark)
    kin = benchmark.families if name == "families" else None
    alone = {method: np.full(benchmark.accuracy.shape, np.nan) for method in (OURS, FOREST)}
    blind = np.full((len(targets), len(benchmark.models)), np.nan)
    every, cards = np.ones(len(benchmark.places), dtype=bool), model_features(benchmark.models, benchmark.cards)
    for fold in progress(folds, f"{benchmark.name}: blind models, {name}"):
        known = ~np.isin(np.arange(len(benchmark.models)), fold)
        alone[OURS][:, fold] = rank_unknown(benchmark.problem(0, every, known, kin), measure)[:, fold]
        forest = RandomForestRegressor(100, random_state=0).fit(cards[known], benchmark.accuracy[:, known].T)
        alone[FOREST][:, fold] = forest.predict(cards[fold]).T
        for place in targets:
            problem = benchmark.problem(place, benchmark.others(place, groups=False), known, kin)
            blind[place, fold] = rank_models(problem, measure)[fold]
    size = log_size(benchmark.cards)
    static = {"parameters": np.tile(size, (len(targets), 1))} if size is not None and np.ptp(size) else {}
    together = [np.sort(np.concatenate(folds))]
    rows: list[tuple] = []
    for kind, matrices in (("blind models", {**alone, **static}), ("both blind", {OURS: blind, **static})):
        for place, target in enumerate(benchmark.targets):
            scores = {method: matrix[place] for method, matrix in matrices.items()}
            scores[LEVEL_KNOWN] = _at_true_level(normal_scores(benchmark.accuracy[place]), scores[OURS], folds)
            for protocol, lists in ((f"{kind}, {name}", together), (f"{kind}, {name}, within", folds)):
                rows += measured(benchmark, protocol, target, benchmark.accuracy[place], scores, lists)
    return pd.DataFrame(rows, columns=COLUMNS)


def _at_true_level(true: np.ndarray, scores: np.ndarray, folds: Sequence[np.ndarray]) -> np.ndarray:
    """Scores ``(N,)`` whose mean and spread in each part are those of the truth ``(N,)``."""
    moved = np.full(scores.shape, np.nan)
    for fold in folds:
        spread = scores[fold].std()
        centred = scores[fold] - scores[fold].mean()
        moved[fold] = true[fold].mean() + centred * (true[fold].std() / spread if spread > 0 else 1)
    return moved


def _source(method: str) -> str:
    return "hindsight" if method in (BEST_OTHER, LEVEL_KNOWN) else "ours" if method.startswith(OURS) else "rerun"


def measured(
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
