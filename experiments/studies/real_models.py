"""New models put to the test: the real ones, ranked without any of their measurements."""

import numpy as np
import pandas as pd

from experiments.studies.crossed import FIRST, TARGET
from ptmrec.pipeline.project import Project
from ptmrec.relations.linear import fit_linear_ranker
from ptmrec.relations.pairs import PairTable, rank_share
from ptmrec.relations.scores import SCORES_NAME, read_scores

REGIME = "low_data"
"""The regime in which real models are measured."""
BROUGHT = "draw 1"


def place_real_models(project: Project) -> pd.DataFrame:
    """Where real models are ranked among all models, each data set left out in turn, and where they were measured.

    What is known of them is what ``ptmrec zoo add`` finds: how the references explain them, and their few-shot
    scores on the battery.

    Returns:
        One row per ``model, dataset``: ``predicted`` and ``measured``, the share of all models that rank below. Empty
        where no real model is installed.
    """
    names, datasets = list(project.cards), tuple(project.splits.all)
    new = ~np.isin(names, project.embedded)
    variants = read_scores(project.paths.reference / SCORES_NAME)
    first, brought = (variants[name].only(datasets, names) for name in (FIRST, BROUGHT))
    first = first.few_shot_only_on(project.battery_sets)
    rows = []
    for target in datasets if new.any() else ():
        known = [name for name in datasets if name != target]
        scores = first.only(known, names).with_dataset(TARGET, brought.as_new_dataset(target, known))
        pairs = PairTable(project.cards, scores, ~new)
        accuracies = {name: np.where(new, np.nan, project.truth.row(REGIME, name)) for name in known}
        predicted = rank_share(fit_linear_ranker(pairs, accuracies).scores(pairs, TARGET))
        measured = rank_share(project.truth.row(REGIME, target))
        for model in np.flatnonzero(new):
            shares = {"predicted": predicted[model], "measured": measured[model]}
            rows.append({"model": names[model], "dataset": target, **shares})
    return pd.DataFrame(rows, columns=["model", "dataset", "predicted", "measured"])
