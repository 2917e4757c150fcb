"""From the committed files to relations of models to data sets."""

from pathlib import Path

import numpy as np

from ptmrec.config.sections import REGIMES
from ptmrec.dataloader.relation_tables import RELATIONS_NAME, write_relation_tables
from ptmrec.pipeline.committed import ProjectFiles
from ptmrec.relations.linear import LinearRanker, fit_linear_ranker
from ptmrec.relations.pairs import PairTable
from ptmrec.relations.scores import FIRST, SCORES_NAME, PairScores, read_scores


def read_known_scores(files: ProjectFiles, datasets: tuple[str, ...]) -> PairScores:
    """Scores of all models on some data sets, from the images that are known of them."""
    return read_scores(files.paths.reference / SCORES_NAME)[FIRST].only(datasets, list(files.cards))


def measured_rows(files: ProjectFiles, regime: str, datasets: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Data set -> measured accuracy ``(N,)`` of all models, NaN = not measured."""
    return {name: files.truth.row(regime, name) for name in datasets}


def base_models(files: ProjectFiles, roles: tuple[str, ...]) -> np.ndarray:
    """Which models ``(N,)`` teach: those with one of the roles that are measured in every regime."""
    teaching = set(files.models(*roles)) & set(files.embedded)
    return np.array([name in teaching for name in files.cards])


def write_relations(files: ProjectFiles, roles: tuple[str, ...], folder: Path) -> Path:
    """Fit the linear part on data sets and models with some roles, and write the relations of every pair.

    Args:
        files: the committed files.
        roles: ``("train",)`` to choose on validation, or all known ones.
        folder: where the tables go.
    """
    known = tuple(name for role in roles for name in getattr(files.splits, role))
    every = tuple(files.splits.all)
    pairs = PairTable(files.cards, read_known_scores(files, every), base_models(files, roles))
    tables, weights = {}, {}
    for regime in REGIMES:
        ranker: LinearRanker = fit_linear_ranker(pairs, measured_rows(files, regime, known))
        tables |= {(regime, name): ranker.inputs(pairs, name) for name in every}
        weights[regime] = ranker.weights
    return write_relation_tables(folder / RELATIONS_NAME, list(files.cards), tables, weights)
