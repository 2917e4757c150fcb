"""What the project compares: targets, baselines, and Cross-Select as one more method."""

import numpy as np
import pandas as pd

from experiments.evaluation.baselines import Evidence, build_baselines
from experiments.evaluation.compare import Method, Target, evaluate_methods
from ptmrec.benchmark.splits import KNOWN
from ptmrec.config.sections import REGIMES, EvaluationConfig
from ptmrec.dataloader.relation_tables import read_relation_tables
from ptmrec.pipeline.project import Project
from ptmrec.recommender.ensemble import Recommender, predict

OURS = "Cross-Select"
SINGLE = "Cross-Select, one network"
LINEAR_PART = "Cross-Select, linear part"
GROUPS = ("known data, left out", "blind data")
"""Of the known ones what was measured on the target itself is left out; `known data` alone looks it up."""


def list_targets(project: Project) -> list[Target]:
    """Known data sets with tokens from their test images, and the blind ones; each in both regimes.

    With ``[evaluation] every`` above 1, every so many of each only.
    """
    tokens, every = project.dataset_tokens("test").by_name(), project.config.get(EvaluationConfig).every
    known = [(GROUPS[0], name) for name in project.splits.known[::every]]
    blind = [(GROUPS[1], name) for name in project.splits.blind[::every]]
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


def our_methods(project: Project, recommender: Recommender, models: tuple[str, ...]) -> list[Method]:
    """Cross-Select as methods: its linear part, each network with its correction, and all together.

    One answer per draw of the images: a user has one draw, so metrics are means over the draws, not metrics of a mean.
    Where the correction earned nothing on validation, there are no networks, and the linear part is all.
    """
    tables, weights = read_relation_tables(project.relate(*KNOWN), models)

    def linear(target: Target) -> np.ndarray:
        return tables[target.regime, target.dataset] @ weights[target.regime]

    if not recommender.epochs:
        return [Method(OURS, linear)]
    networks = recommender.networks
    tokens = networks.tokens_of(list(models))

    def answers(target: Target) -> np.ndarray:
        return predict(networks.members, tokens, target.tokens, target.regime, tables[target.regime, target.dataset])

    return [
        Method(LINEAR_PART, linear),
        Method(SINGLE, answers),
        Method(OURS, lambda target: answers(target).mean(axis=0)),
    ]


def compare_methods(project: Project, recommender: Recommender) -> pd.DataFrame:
    """Metrics of every method on every target, see :func:`~experiments.evaluation.compare.evaluate_methods`."""
    evidence = gather_evidence(project)
    baselines = build_baselines(project.config.get(EvaluationConfig).baselines, evidence)
    methods = [*baselines, *our_methods(project, recommender, evidence.truth.models)]
    return evaluate_methods(list_targets(project), evidence.truth, methods)
