"""What the project compares: targets, baselines, and Cross-Select as one more method."""

import numpy as np
import pandas as pd

from ptmrec.benchmark.splits import KNOWN
from ptmrec.config.sections import REGIMES, EvaluationConfig
from ptmrec.evaluation.baselines import Evidence, build_baselines
from ptmrec.evaluation.compare import Method, Target, evaluate_methods
from ptmrec.recommender.ensemble import Recommender, predict
from ptmrec.workflow.project import Project

OURS = "Cross-Select"
SINGLE = "Cross-Select, one network"
GROUPS = ("known data", "blind data")


def list_targets(project: Project) -> list[Target]:
    """Known data sets with tokens from their test images, and the blind ones; each in both regimes."""
    tokens = project.dataset_tokens("test").by_name()
    known = [(GROUPS[0], name) for name in project.splits.known]
    blind = [(GROUPS[1], name) for name in project.splits.blind]
    return [Target(group, name, regime, tokens[name].features) for group, name in known + blind for regime in REGIMES]


def gather_evidence(project: Project) -> Evidence:
    """What the baselines may know of the known models: nothing of a blind data set but its images' estimates."""
    models = project.models(*KNOWN)
    tokens = project.dataset_tokens(*KNOWN).by_name()
    return Evidence(
        {name: project.cards[name] for name in models},
        project.truth.only(models),
        {name: tokens[name].features for name in project.splits.known},
        project.estimators,
        project.config.get(EvaluationConfig).neighbours,
    )


def our_methods(recommender: Recommender, models: tuple[str, ...]) -> list[Method]:
    """Cross-Select as methods: each network by itself, and all together; one answer per draw of the images.

    A user has one draw, so metrics are means over the draws, not metrics of a mean.
    """
    tokens = recommender.tokens_of(list(models))

    def answers(members: list, target: Target) -> np.ndarray:
        return np.stack([predict(members, tokens, draw, target.regime).scores for draw in target.tokens])

    return [
        Method(SINGLE, lambda target: np.stack([answers([member], target) for member in recommender.members])),
        Method(OURS, lambda target: answers(recommender.members, target)),
    ]


def compare_methods(project: Project, recommender: Recommender) -> pd.DataFrame:
    """Metrics of every method on every target, see :func:`~ptmrec.evaluation.compare.evaluate_methods`."""
    evidence = gather_evidence(project)
    baselines = build_baselines(project.config.get(EvaluationConfig).baselines, evidence)
    methods = [*baselines, *our_methods(recommender, evidence.truth.models)]
    return evaluate_methods(list_targets(project), evidence.truth, methods)


def calibration(project: Project, recommender: Recommender) -> pd.DataFrame:
    """Expected against measured accuracy of every known model on every target.

    Returns:
        One row per target and model: ``group, dataset, regime, model, expected, std, measured``.
    """
    models = project.models(*KNOWN)
    truth = project.truth.only(models)
    parts = []
    for target in list_targets(project):
        answer = recommender.predict(recommender.tokens_of(list(models)), target.tokens, target.regime)
        measured = truth.row(target.regime, target.dataset)
        place = {"group": target.group, "dataset": target.dataset, "regime": target.regime, "model": models}
        values = {"expected": answer.accuracy, "std": answer.spread, "measured": measured}
        parts.append(pd.DataFrame({**place, **values}))
    return pd.concat(parts, ignore_index=True)
