"""What was aimed for on published benchmarks, beside what came out."""

from dataclasses import dataclass

import pandas as pd

from experiments.evaluation.published.pooled import ONE_FOR_ALL
from experiments.evaluation.published.protocols import BEST_OTHER, BLIND_DATA, FOREST, LEVEL_KNOWN
from ptmrec.evaluation.published.benchmarks import OURS

LESS_IS_BETTER = ("mae", "l1", "regret1")
"""Beginnings of the names of metrics of which less is better."""
RULES = ("mean rank", "mean accuracy", "ImageNet accuracy", "parameters", FOREST)
"""Rows to beat: static rules, and where models have no records a plain forest on their cards."""
CEILINGS = (BEST_OTHER, LEVEL_KNOWN, "level known (hindsight)")
PREDICTION = "accuracy prediction"


@dataclass(frozen=True)
class Goal:
    """A mean over targets to reach, set before the ranker was made.

    Attributes:
        benchmark, protocol, metric: where.
        value: the goal; None: half of the best rule's.
    """

    benchmark: str
    protocol: str
    metric: str
    value: float | None


GOALS = (
    Goal("transfergraph", BLIND_DATA, "tau_w_default", 0.64),
    Goal("transfergraph", "blind models, random folds", "tau_w_default", 0.70),
    Goal("transfergraph", "blind models, families", "tau_w_default", 0.60),
    Goal("transfergraph", "both blind, random folds", "tau_w_default", 0.50),
    Goal("transfergraph", "both blind, families", "tau_w_default", 0.50),
    Goal("modelspider42", BLIND_DATA, "tau_w", 0.70),
    Goal("modelspider10", BLIND_DATA, "tau_w", 0.85),
    Goal("openclip", BLIND_DATA, "tau_w", 0.75),
    Goal("openclip", BLIND_DATA, "r5", 0.50),
    Goal("openclip", BLIND_DATA, "regret1_caps", None),
    Goal("lovm", BLIND_DATA, "r5", 0.52),
    Goal("lovm", BLIND_DATA, "kendall", 0.55),
    Goal("lovm", BLIND_DATA, "regret1", 0.04),
    Goal("lovm", PREDICTION, "mae", 0.12),
)


def against_goals(summary: pd.DataFrame) -> pd.DataFrame:
    """Ours beside the best rule, the ceiling and the goal.

    Args:
        summary: means and paired intervals of every benchmark, protocol, metric and method.

    Returns:
        One row per goal whose benchmark was run: ``benchmark, protocol, metric, targets, value, low, high, rule,
        rule_value, gain, gain_low, gain_high, pooled, ceiling, goal, met``. The rule is the best one on the targets,
        known afterwards; the gain is ours minus it. NaN where there is no pooled ranker or ceiling.
    """
    rows = []
    for goal in GOALS:
        part = summary[
            (summary["benchmark"] == goal.benchmark)
            & (summary["protocol"] == goal.protocol)
            & (summary["metric"] == goal.metric)
        ].set_index("method")
        if OURS not in part.index:
            continue
        less, ours = goal.metric.startswith(LESS_IS_BETTER), part.loc[OURS]
        rules = part[part.index.isin(RULES)]
        rule = rules.loc[rules["value"].idxmin() if less else rules["value"].idxmax()]
        aim = rule["value"] / 2 if goal.value is None else goal.value
        ceiling = part[part.index.isin(CEILINGS)]["value"]
        rows.append(
            {
                **{"benchmark": goal.benchmark, "protocol": goal.protocol, "metric": goal.metric},
                **ours[["targets", "value", "low", "high"]].to_dict(),
                **{"rule": rule.name, "rule_value": rule["value"]},
                **rule[["gain", "gain_low", "gain_high"]].to_dict(),
                "pooled": _pooled(summary, goal),
                "ceiling": ceiling.iloc[0] if len(ceiling) else float("nan"),
                **{"goal": aim, "met": bool(ours["value"] <= aim if less else ours["value"] >= aim)},
            }
        )
    return pd.DataFrame(rows)


def _pooled(summary: pd.DataFrame, goal: Goal) -> float:
    """Mean of the ranker trained on all benchmarks, for what it was run on."""
    chosen = (summary["benchmark"] == goal.benchmark) & (summary["metric"] == goal.metric)
    values = summary.loc[chosen & (summary["method"] == ONE_FOR_ALL), "value"]
    return float(values.iloc[0]) if goal.protocol == BLIND_DATA and len(values) else float("nan")
