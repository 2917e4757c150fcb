"""From the project's files to what the rankers know of pairs."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ptmrec.benchmark.splits import KNOWN
from ptmrec.config.sections import REGIMES
from ptmrec.dataloader.relation_tables import write_relation_tables
from ptmrec.recommender.knowledge import Knowledge, fit_knowledge
from ptmrec.relations.expected import SEPARATIONS_NAME, read_separations
from ptmrec.relations.linear import LinearRanker, fit_linear_ranker
from ptmrec.relations.pairs import PairTable
from ptmrec.relations.samples import read_samples
from ptmrec.relations.scores import SCORES_NAME, PairScores, read_scores
from ptmrec.relations.transport_files import read_transports

if TYPE_CHECKING:
    from ptmrec.workflow.project import Project

FIRST = "draw 0"
"""The pair scores from the images that are known of known data sets."""


def read_known_scores(project: "Project", datasets: tuple[str, ...]) -> PairScores:
    """Scores of all models on some data sets, from the images that are known of them."""
    return read_scores(project.paths.reference / SCORES_NAME)[FIRST].only(datasets, list(project.cards))


def measured_rows(project: "Project", regime: str, datasets: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Data set -> measured accuracy ``(N,)`` of all models, NaN = not measured."""
    return {name: project.truth.row(regime, name) for name in datasets}


def base_models(project: "Project", roles: tuple[str, ...]) -> np.ndarray:
    """Which models ``(N,)`` teach: those with one of the roles that are measured in every regime."""
    teaching = set(project.models(*roles)) & set(project.embedded)
    return np.array([name in teaching for name in project.cards])


def write_relations(project: "Project", roles: tuple[str, ...], path: Path) -> Path:
    """Fit the linear part on data sets and models with some roles, and write the relations of every pair.

    Args:
        project: the project.
        roles: ``("train",)`` to choose on validation, or all known ones.
        path: where the tables go.
    """
    known = tuple(name for role in roles for name in getattr(project.splits, role))
    every = tuple(project.splits.all)
    pairs = PairTable(project.cards, read_known_scores(project, every), base_models(project, roles))
    tables, weights = {}, {}
    for regime in REGIMES:
        ranker: LinearRanker = fit_linear_ranker(pairs, measured_rows(project, regime, known))
        tables |= {(regime, name): ranker.inputs(pairs, name) for name in every}
        weights[regime] = ranker.weights
    return write_relation_tables(path, list(project.cards), tables, weights)


def make_knowledge(project: "Project") -> Knowledge:
    """Everything the recommender knows, fitted on the known data sets and taught by the known models."""
    known, names = tuple(project.splits.known), list(project.cards)
    folder = project.paths.reference
    samples = [read_samples(folder, name)[0] for name in known]
    transports = read_transports(project.explain(), names)
    found = read_separations(folder / SEPARATIONS_NAME)[FIRST]
    separations = {name: found[name] for name in known}
    accuracies = {regime: measured_rows(project, regime, known) for regime in REGIMES}
    scores = read_known_scores(project, known)
    return fit_knowledge(
        project.cards, base_models(project, KNOWN), samples, scores, transports, separations, accuracies
    )
