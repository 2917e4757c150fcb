"""Every method on every target: known data (unseen images) and blind data sets."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ptmrec.config.sections import REGIMES, EvaluationConfig
from ptmrec.dataloader.dataset_tokens import DatasetTokens
from ptmrec.evaluation.baselines.knn import dataset_distance
from ptmrec.evaluation.baselines.static import mean_rank, parameter_count, source_accuracy
from ptmrec.evaluation.metrics import all_metrics
from ptmrec.evaluation.statistics import mean_interval, paired_bootstrap
from ptmrec.progress import progress
from ptmrec.project import KNOWN, Project
from ptmrec.recommender import Recommender, predict

OURS = "Cross-Select"
SINGLE = "Cross-Select, one network"
GROUPS = ("known data", "blind data")


@dataclass(frozen=True)
class Target:
    """One data set to rank models for, in one regime."""

    group: str
    dataset: str
    regime: str
    tokens: DatasetTokens


def list_targets(project: Project) -> list[Target]:
    """Known data sets with tokens from their test images, and the blind ones; each in both regimes."""
    tokens = project.dataset_tokens("test").by_name()
    known = [(GROUPS[0], name) for name in project.splits.known]
    blind = [(GROUPS[1], name) for name in project.splits.blind]
    return [Target(group, name, regime, tokens[name]) for group, name in known + blind for regime in REGIMES]


def evaluate_methods(project: Project, recommender: Recommender) -> pd.DataFrame:
    """Metrics of every method on every target, for the known models.

    Returns:
        One row per target and method: ``group, dataset, regime, method``, the metrics of
        :func:`~ptmrec.evaluation.metrics.all_metrics`, ``ceiling``, and ``tau_w_sd`` over seeds for ours.
    """
    config = project.config.get(EvaluationConfig)
    known = project.dataset_tokens(*KNOWN).by_name()
    truth_of_known = project.truth.only(project.models(*KNOWN))
    rows = []
    for target in progress(list_targets(project), "evaluating"):
        truth = truth_of_known.row(target.regime, target.dataset)
        ceiling = truth_of_known.ceiling(target.regime, target.dataset)
        place = {"group": target.group, "dataset": target.dataset, "regime": target.regime}
        for method, scores in baseline_scores(project, target, known, config.neighbours):
            rows.append({**place, "method": method, **all_metrics(truth, scores), "ceiling": ceiling})
        tokens = recommender.tokens_of(truth_of_known.models)
        rows += [{**place, **row, "ceiling": ceiling} for row in _our_rows(recommender, tokens, target, truth)]
    return pd.DataFrame(rows)


def baseline_scores(
    project: Project, target: Target, known: dict[str, DatasetTokens], neighbours: int
) -> Iterator[tuple[str, np.ndarray]]:
    """Scores ``(N,)`` of the known models by each rival. The target's own measurements are used by none."""
    models = project.models(*KNOWN)
    cards = {name: project.cards[name] for name in models}
    truth = project.truth.only(models)
    others = [name for name in project.splits.known if name != target.dataset]
    yield "parameter count", parameter_count(cards)
    yield "source accuracy", source_accuracy(cards)
    yield "mean rank", mean_rank(truth, target.regime, others)
    nearest = sorted(others, key=lambda name: dataset_distance(target.tokens.features, known[name].features))
    yield "k-NN, data sets", mean_rank(truth, target.regime, nearest[:neighbours])
    estimates = project.estimators[target.dataset]
    yield "k-NN, features", np.array([estimates[name]["knn"] for name in models])
    yield "LogME", np.array([estimates[name]["logme"] for name in models])


def _our_rows(recommender: Recommender, tokens: np.ndarray, target: Target, truth: np.ndarray) -> list[dict]:
    """Our rows; metrics are means over the draws of the target's images, since a user has one draw."""
    together = _mean_metrics(recommender.members, tokens, target, truth)
    alone = [_mean_metrics([member], tokens, target, truth) for member in recommender.members]
    spread = float(np.std([row["tau_w"] for row in alone], ddof=1)) if len(alone) > 1 else 0.0
    single = {key: float(np.mean([row[key] for row in alone])) for key in alone[0]}
    return [{"method": SINGLE, **single, "tau_w_sd": spread}, {"method": OURS, **together}]


def _mean_metrics(members: list, tokens: np.ndarray, target: Target, truth: np.ndarray) -> dict[str, float]:
    answers = [predict(members, tokens, draw, target.regime).scores for draw in target.tokens.features]
    metrics = [all_metrics(truth, scores) for scores in answers]
    return {key: float(np.mean([row[key] for row in metrics])) for key in metrics[0]}


def summarise(frame: pd.DataFrame, config: EvaluationConfig) -> pd.DataFrame:
    """Means over targets with bootstrap intervals, and paired differences ours minus each rival.

    Args:
        frame: result of :func:`evaluate_methods`.
        config: bootstrap draws and level.

    Returns:
        One row per group, regime and method: means of the metrics, ``tau_w_low, tau_w_high``, ``of_ceiling``
        (mean tau_w over mean ceiling), and ``gain, gain_low, gain_high``: Cross-Select minus this row.
    """
    rows = []
    metrics = ["tau_w", "tau_w_default", "kendall", "spearman", "ndcg5", "regret1", "hit5"]
    for (group, regime), part in frame.groupby(["group", "regime"], sort=False):
        ours = part[part["method"] == OURS].set_index("dataset")["tau_w"]
        for method, own in part.groupby("method", sort=False):
            taus = own.set_index("dataset")["tau_w"].loc[ours.index]
            interval = mean_interval(taus.to_numpy(), config.bootstrap_draws, config.level)
            gain = paired_bootstrap(ours.to_numpy(), taus.to_numpy(), config.bootstrap_draws, config.level)
            rows.append(
                {
                    "group": group,
                    "regime": regime,
                    "method": method,
                    "targets": len(own),
                    **own[metrics].mean().to_dict(),
                    "tau_w_low": interval.low,
                    "tau_w_high": interval.high,
                    "seed_sd": own["tau_w_sd"].mean(),
                    "of_ceiling": own["tau_w"].mean() / own["ceiling"].mean(),
                    "gain": gain.mean,
                    "gain_low": gain.low,
                    "gain_high": gain.high,
                }
            )
    return pd.DataFrame(rows)


def calibration(project: Project, recommender: Recommender) -> pd.DataFrame:
    """Expected against measured accuracy of every known model on every target.

    Returns:
        One row per target and model: ``group, dataset, regime, model, expected, std, measured``.
    """
    models = project.models(*KNOWN)
    truth = project.truth.only(models)
    parts = []
    for target in list_targets(project):
        answer = recommender.predict(recommender.tokens_of(models), target.tokens.features, target.regime)
        parts.append(
            pd.DataFrame(
                {
                    "group": target.group,
                    "dataset": target.dataset,
                    "regime": target.regime,
                    "model": models,
                    "expected": answer.accuracy,
                    "std": answer.spread,
                    "measured": truth.row(target.regime, target.dataset),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def interval_coverage(frame: pd.DataFrame, level: float = 0.9) -> pd.Series:
    """Share of measured accuracies inside the central normal interval of a level, by group and regime."""
    from scipy.stats import norm

    inside = (frame["measured"] - frame["expected"]).abs() <= norm.ppf((1 + level) / 2) * frame["std"]
    return inside.groupby([frame["group"], frame["regime"]], sort=False).mean()
