"""Ways to choose a model under a hardware limit: filtering, Shadow, Fusion, and the largest model that fits."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from experiments.evaluation.baselines import BASELINES
from experiments.evaluation.compare import Target
from experiments.evaluation.statistics import mean_interval, paired_bootstrap
from experiments.studies.comparison import gather_evidence, our_methods
from experiments.studies.fusion import Fusion, known_costs, read_fusion, train_fusion
from experiments.studies.shadow import DEFAULT_WEIGHT, shadow
from ptmrec.benchmark.splits import KNOWN
from ptmrec.config.sections import REGIMES, EvaluationConfig, ZooConfig
from ptmrec.hardware.pareto import pareto_front
from ptmrec.pipeline.project import Project
from ptmrec.pipeline.step import Step

LEVELS = (0.1, 0.3, 0.5, 0.7, 0.9)
"""Share of the models that keep each value of a limit."""
FILTER, LARGEST = "filter: Cross-Select", "largest that fits"
SHADOW, SOFT_SHADOW = "Shadow within the limit", "Shadow"
FUSION, SOFT_FUSION = "Fusion within the limit", "Fusion"
BESIDE = {
    "parameter count": LARGEST,
    "mean rank": "filter: mean rank",
    "source accuracy": "filter: source accuracy",
    "k-NN, features": "filter: k-NN, features",
    "LogME": "filter: LogME",
}
"""Baselines that are filtered likewise, and their rows; the largest model that fits is what people take today."""


@dataclass(frozen=True)
class LimitTask:
    """What all methods choose from.

    Attributes:
        names: of the N candidates, all known models.
        costs: limit -> measured cost ``(N,)``.
        targets: blind data sets in both regimes.
    """

    names: tuple[str, ...]
    costs: Mapping[str, np.ndarray]
    targets: list[Target]


def make_limit_task(project: Project) -> LimitTask:
    """The candidates with their committed costs, and the blind data sets."""
    names, costs = project.models(*KNOWN), known_costs(project)
    tokens, every = project.dataset_tokens("test").by_name(), project.config.get(EvaluationConfig).every
    blind = project.splits.blind[::every]
    return LimitTask(
        names, costs, [Target("", name, regime, tokens[name].features) for name in blind for regime in REGIMES]
    )


def compare_choices(project: Project) -> pd.DataFrame:
    """The first pick of every method for every blind data set and limit; of Fusion when ``[evaluation] fusion`` is set.

    Returns:
        One row per ``method, target, regime, limit, value, seed``: ``accuracy`` of the pick, ``feasible_best`` of the
        models that keep the limit, ``regret`` their difference, and ``violations``: 1 where the pick breaks the limit
        (it cannot be used then, whatever its accuracy).
    """
    bench = make_limit_task(project)
    truth = project.truth.only(bench.names)
    seeds = range(project.ranker_config.seeds if project.config.get(EvaluationConfig).fusion else 0)
    hard, soft = _static_scores(project, bench), [_fusion(project, seed) for seed in seeds]
    rows = []
    for target in bench.targets:
        true = truth.row(target.regime, target.dataset)
        for limit, cost in bench.costs.items():
            for value in np.quantile(cost, LEVELS):
                fits = cost <= value
                place = {"target": target.dataset, "regime": target.regime, "limit": limit, "value": float(value)}
                for method, seed, pick in picks(hard[target.dataset, target.regime], soft, target, limit, cost, fits):
                    rows.append({"method": method, **place, "seed": seed, **outcome(true, fits, pick)})
    return pd.DataFrame(rows)


def outcome(true: np.ndarray, fits: np.ndarray, pick: int) -> dict[str, float]:
    """What a pick is worth, see :func:`compare_choices`; accuracies ``(N,)``, and which models keep the limit."""
    best = float(true[fits].max())
    accuracy = float(true[pick])
    return {
        "accuracy": accuracy,
        "feasible_best": best,
        "regret": best - accuracy,
        "violations": int(not fits[pick]),
    }


def picks(
    scores: Mapping[str, np.ndarray],
    fused: list[Fusion],
    target: Target,
    limit: str,
    cost: np.ndarray,
    fits: np.ndarray,
) -> list[tuple[str, int, int]]:
    """Method, seed and picked model of every method.

    Args:
        scores: ``(N,)`` of the methods that are filtered.
        fused: rankers that read the limit, one for each seed.
        target: the data set.
        limit: its name.
        cost: ``(N,)`` what it is on.
        fits: ``(N,)`` bool, the models that keep it.
    """

    def first(values: np.ndarray) -> int:
        return int(np.argmax(np.where(fits, values, -np.inf)))

    votes = shadow(scores[FILTER], {limit: cost}, DEFAULT_WEIGHT)
    found = [(method, 0, first(values)) for method, values in scores.items()]
    found += [(SOFT_SHADOW, 0, int(votes.argmax())), (SHADOW, 0, first(votes))]
    for seed, fusion in enumerate(fused):
        values = fusion.scores(target, limit, float(cost[fits].max()))
        found += [(SOFT_FUSION, seed, int(values.argmax())), (FUSION, seed, first(values))]
    return found


def _static_scores(project: Project, bench: LimitTask) -> dict[tuple[str, str], dict[str, np.ndarray]]:
    """Scores ``(N,)`` of the methods that are filtered, by data set and regime."""
    evidence = gather_evidence(project)
    ours, found = our_methods(project, project.recommender(), bench.names)[-1], {}
    for target in bench.targets:
        key = (target.dataset, target.regime)
        first = {FILTER: np.atleast_2d(ours.rank(target)).mean(axis=0)}
        found[key] = first | {row: BASELINES[name](target, evidence) for name, row in BESIDE.items()}
    return found


def _fusion(project: Project, seed: int) -> Fusion:
    """The one of a seed, trained on the known data sets; nothing is chosen on anything."""
    step = fusion_step(project, project.embed(), project.relate(*KNOWN), seed)
    return read_fusion(project, project.embed(), project.relate(*KNOWN), step.settings[0], seed, project.run(step))


def fusion_step(project: Project, tokens: Path, relations: Path, seed: int) -> Step:
    """The step that trains a ranker that reads limits."""
    config = replace(project.ranker_config, seed=project.ranker_config.seed + seed)
    committed = [project.token_folder, project.paths.ground_truth, project.paths.costs, project.paths.splits]
    return Step(
        f"fusion-{seed}",
        [*project.model_files, tokens, relations, *committed],
        [config, project.config.get(ZooConfig)],
        partial(train_fusion, project, tokens, relations, config, seed),
        project.paths.artifacts / "fusion" / str(seed),
    )


def summarise_choices(frame: pd.DataFrame, draws: int = 10_000, level: float = 0.95) -> pd.DataFrame:
    """Means over data sets with bootstrap intervals, and paired differences.

    Returns:
        One row per regime and method: ``accuracy``, ``regret`` with ``regret_low, regret_high`` (of picks that keep the
        limit), ``violations`` (share of the picks), and ``gain, gain_low, gain_high``: how much more regret than
        filtering by Cross-Select.
    """
    usable = frame.assign(regret=frame["regret"].where(frame["violations"] == 0))
    columns = ["accuracy", "regret", "violations"]
    means = usable.groupby(["regime", "method", "target"], sort=False)[columns].mean().reset_index()
    rows = []
    for (regime, method), own in means.groupby(["regime", "method"], sort=False):
        reference = (means["regime"] == regime) & (means["method"] == FILTER)
        ours = means[reference].set_index("target")["regret"]
        both = own.set_index("target")["regret"].dropna()
        paired = paired_bootstrap(both.to_numpy(), ours.loc[both.index].to_numpy(), draws, level)
        regret = mean_interval(both.to_numpy(), draws, level)
        rows.append(
            {
                **{"regime": regime, "method": method, "targets": len(both), "accuracy": own["accuracy"].mean()},
                **{"regret": regret.mean, "regret_low": regret.low, "regret_high": regret.high},
                "violations": own["violations"].mean(),
                **{"gain": paired.mean, "gain_low": paired.low, "gain_high": paired.high},
            }
        )
    return pd.DataFrame(rows)


def add_committed(summary: pd.DataFrame, path: Path) -> pd.DataFrame:
    """The summary, with the rows of Fusion from another one where it has none; ``committed`` says which these are."""
    rows = pd.read_csv(path)
    rows = rows[rows["method"].isin({FUSION, SOFT_FUSION} - set(summary["method"]))]
    both = pd.concat([summary.assign(committed=False), rows.assign(committed=True)])
    return both.sort_values("regime", key=lambda column: column.map(REGIMES.index), kind="stable", ignore_index=True)


def cost_board(project: Project, regime: str = "low_data") -> pd.DataFrame:
    """Mean measured accuracy of the known models over all data sets against their latency, with the Pareto front.

    Returns:
        Columns as :func:`~ptmrec.plots.pareto.plot_pareto` reads them.
    """
    bench, truth = make_limit_task(project), project.truth.only(project.models(*KNOWN))
    accuracy = np.nanmean([truth.row(regime, name) for name in truth.datasets], axis=0)
    latency = bench.costs["max_latency"]
    return pd.DataFrame(
        {
            "model": bench.names,
            "family": [project.cards[name].family for name in bench.names],
            "parameters": bench.costs["max_params"],
            "expected_accuracy": accuracy,
            "latency_high_ms": latency,
            "latency_basis": "table",
            "on_pareto": pareto_front(accuracy, latency),
        }
    )
