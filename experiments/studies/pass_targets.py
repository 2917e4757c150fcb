"""The lists on which numbers of candidate passes are compared: each data set left out in turn."""

import numpy as np

from experiments.evaluation.baselines.static import mean_rank
from experiments.studies.crossed import BLIND_DATA, FIRST, Case, CrossedEvaluation
from experiments.studies.passes import PassTarget
from ptmrec.config.sections import PROBED, RelationConfig
from ptmrec.core.progress import progress
from ptmrec.images.datasets import IMAGES
from ptmrec.relations.posterior import fit_posterior

ROUNDS = {0.2: "2 per class", 0.5: "5 per class"}
"""Shares of a draw's images that successive halving runs first -> pair scores made from so many."""


def list_pass_targets(crossed: CrossedEvaluation) -> list[PassTarget]:
    """Every data set left out, in both regimes; running a candidate reveals the accuracy of its split probe.

    Smaller shares of a draw, of which successive halving runs the first, are its first images per class.
    """
    cases = [case for case in crossed.cases((BLIND_DATA,)) if case.draw == crossed.draws[0]]
    return [_pass_target(crossed, case) for case in progress(cases, "targets")]


def _pass_target(crossed: CrossedEvaluation, case: Case) -> PassTarget:
    true, shipped = crossed.judge(case), crossed.shipped(case)
    there, place = np.isfinite(true), crossed.datasets.index(case.dataset)
    posterior, expected = fit_posterior(shipped.errors), shipped.expected()
    probed = crossed.scores[FIRST].probe[place]
    rounds = [crossed.scores[name].few_shot[place] for name in ROUNDS.values()]
    estimates, names = crossed.project.estimators[case.dataset], list(crossed.cards)

    def update(shown: np.ndarray) -> np.ndarray:
        """In fine-tuning a pass of frozen features moves nothing; without a pass scores tell apart what is clipped."""
        if case.regime != PROBED or np.isnan(shown).all():
            return shipped.scores[there]
        whole = np.full(len(names), np.nan)
        whole[there] = shown
        return posterior.update(expected, whole, IMAGES)[0][there]

    return PassTarget(
        case.regime,
        case.dataset,
        true[there],
        shipped.scores[there],
        mean_rank(crossed.truth, case.regime, case.known)[there],
        probed[there],
        np.array([estimates[name]["logme"] for name in names])[there],
        np.array([*ROUNDS, 1.0]),
        np.stack([*rounds, probed])[:, there],
        np.array([estimates[name]["seconds"]["forward"] for name in names])[there] * _times(crossed, case.dataset),
        update,
    )


def _times(crossed: CrossedEvaluation, dataset: str) -> float:
    """How many times the images of one draw are run: all that are used, at most."""
    samples = crossed.project.config.get(RelationConfig).shots * crossed.separations[FIRST][dataset].own.classes
    return max(1.0, IMAGES / samples)
