"""The lists on which numbers of candidate passes are compared: each data set left out in turn."""

import numpy as np

from experiments.evaluation.baselines.static import mean_rank
from experiments.studies.crossed import BLIND_DATA, FIRST, TARGET, Case, CrossedEvaluation
from experiments.studies.passes import PassTarget
from ptmrec.core.progress import progress
from ptmrec.relations.posterior import Posterior, fit_posterior

ROUNDS = {0.2: "2 per class", 0.5: "5 per class"}
"""Shares of a draw's images that successive halving runs first -> pair scores made from so many."""


def list_pass_targets(crossed: CrossedEvaluation) -> list[PassTarget]:
    """Every data set left out, in both regimes; what running a candidate reveals comes from its first draw that judges.

    Smaller shares of a draw are its first images per class, of which the variants with fewer images are made.
    """
    cases = [case for case in crossed.cases((BLIND_DATA,)) if case.draw == crossed.draws[0]]
    return [_pass_target(crossed, case) for case in progress(cases, "targets")]


def _pass_target(crossed: CrossedEvaluation, case: Case) -> PassTarget:
    true, pairs = crossed.judge(case), crossed.pairs(case)
    ranker, there = crossed.ranker(case, pairs), np.isfinite(true)
    prior = np.where(there, ranker.scores(pairs, TARGET), np.nan)
    transported = pairs.scores.transport[pairs.scores.datasets.index(TARGET)]
    posterior = _fit(crossed, case)
    place = crossed.datasets.index(case.dataset)
    revealed = crossed.few_shot(case)
    rounds = [crossed.scores[name].few_shot[place] for name in ROUNDS.values()]
    estimates = crossed.project.estimators[case.dataset]
    names = list(crossed.cards)

    def update(shown: np.ndarray) -> np.ndarray:
        whole = np.full(len(names), np.nan)
        whole[there] = shown
        return posterior.update(prior, transported, whole)[0][there]

    return PassTarget(
        case.regime,
        case.dataset,
        true[there],
        prior[there],
        mean_rank(crossed.truth, case.regime, case.known)[there],
        revealed[there],
        np.array([estimates[name]["logme"] for name in names])[there],
        np.array([*ROUNDS, 1.0]),
        np.stack([*rounds, revealed])[:, there],
        np.array([estimates[name]["seconds"]["forward"] for name in names])[there],
        update,
    )


def _fit(crossed: CrossedEvaluation, case: Case) -> Posterior:
    """What running candidates says, from the known data sets."""
    pairs = crossed.pairs(case)
    ranker, first = crossed.ranker(case, pairs), crossed.scores[FIRST].only(case.known, list(crossed.cards))
    priors = [np.where(pairs.trained_on(name), np.nan, ranker.scores(pairs, name)) for name in case.known]
    skills = [ranker.skills[name] for name in case.known]
    return fit_posterior(np.stack(priors), first.transport, first.few_shot, np.stack(skills))
