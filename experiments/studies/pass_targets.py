"""The lists on which numbers of candidate passes are compared: each data set left out in turn."""

import numpy as np

from experiments.evaluation.baselines.static import mean_rank
from experiments.studies.crossed import BLIND_DATA, FIRST, Case, CrossedEvaluation
from experiments.studies.passes import DRAWS, PassTarget
from experiments.zoo_build.short_runs import random_scores
from ptmrec.config.sections import PROBED, RelationConfig
from ptmrec.core.progress import progress
from ptmrec.images.datasets import IMAGES
from ptmrec.relations.posterior import fit_posterior, reordered

ROUNDS = {0.2: "2 per class", 0.5: "5 per class"}
"""Shares of a draw's images that successive halving runs first -> pair scores made from so many."""


def list_pass_targets(crossed: CrossedEvaluation) -> list[PassTarget]:
    """Every data set left out, in both regimes.

    Running a candidate reveals the accuracy of its split probe in low data, that of a short run in fine-tuning. Smaller
    shares of a draw, of which successive halving runs the first, are its first images per class.
    """
    cases = [case for case in crossed.cases((BLIND_DATA,)) if case.draw == crossed.draws[0]]
    return [_pass_target(crossed, case) for case in progress(cases, "targets")]


def _pass_target(crossed: CrossedEvaluation, case: Case) -> PassTarget:
    true, shipped = crossed.judge(case), crossed.shipped(case)
    there, place = np.isfinite(true), crossed.datasets.index(case.dataset)
    posterior, expected = fit_posterior(shipped.errors), shipped.expected()
    probed = crossed.scores[FIRST].probe[place] if case.regime == PROBED else crossed.short_runs([case.dataset])[0]
    rounds = [crossed.scores[name].few_shot[place] for name in ROUNDS.values()]
    estimates, names = crossed.project.estimators[case.dataset], list(crossed.cards)

    def update(shown: np.ndarray) -> np.ndarray:
        """As answers are ordered; without a pass scores tell apart what is clipped."""
        whole, noisy = np.full(len(names), np.nan), case.regime != PROBED
        if (~np.isnan(shown)).sum() < 1 + noisy:
            return shipped.scores[there]
        whole[there] = shown
        mean = posterior.update(expected, whole, IMAGES, noisy)[0]
        return reordered(shipped.scores[there], expected[there], mean[there]) if noisy else mean[there]

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
        _seconds(crossed, case)[there],
        update,
        _random_orders(crossed, case, there),
    )


def _random_orders(crossed: CrossedEvaluation, case: Case, there: np.ndarray) -> np.ndarray:
    """Random orders ``(D, N)`` of the candidates; in fine-tuning the one whose first were run."""
    if case.regime == PROBED:
        return np.stack([np.random.default_rng([0, draw]).permutation(there.sum()) for draw in range(DRAWS)])
    return np.argsort(-random_scores(crossed, case)[there], kind="stable")[None]


def _seconds(crossed: CrossedEvaluation, case: Case) -> np.ndarray:
    """Seconds ``(N,)`` that running each candidate takes."""
    if case.regime != PROBED:
        return crossed.short_runs([case.dataset], "seconds")[0]
    estimates = crossed.project.estimators[case.dataset]
    return np.array([estimates[name]["seconds"]["forward"] for name in crossed.cards]) * _times(crossed, case.dataset)


def _times(crossed: CrossedEvaluation, dataset: str) -> float:
    """How many times the images of one draw are run: all that are used, at most."""
    samples = crossed.project.config.get(RelationConfig).shots * crossed.separations[FIRST][dataset].own.classes
    return max(1.0, IMAGES / samples)
