"""What the linear ranker owes to each of its parts: the same lists, ranked with a part changed or missing."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pandas as pd

from experiments.studies.crossed import BLIND_DATA, TARGET, Case, CrossedEvaluation
from ptmrec.core.progress import progress
from ptmrec.evaluation.metrics import top1_regret, weighted_tau
from ptmrec.relations.linear import NEW, fit_linear_ranker
from ptmrec.relations.pairs import RELATIONS, PairTable

FULL = "full"
BANKS = ("bank of 0", "bank of 2", "bank of 4", "bank of 12")
PROBES = ("probes by code", "probes of the battery")
IMAGES = ("1 per class", "2 per class", "5 per class", "unlabelled")
KNOWN_COUNTS, SEEDS = (4, 8, 14, 20), 3
"""Numbers of known data sets, and the random choices of so many whose metrics are averaged."""

Scores = Callable[[], np.ndarray]


def run_ablations(crossed: CrossedEvaluation) -> pd.DataFrame:
    """Metrics of Cross-Select with parts changed: known models, blind data, the first draw that judges only.

    Returns:
        One row per ``what, value, regime, target``: ``tau_w`` and ``regret1``. ``what`` is ``full`` for the ranker as
        it is; otherwise the part, and ``value`` what stands in its place.
    """
    rows = []
    cases = [case for case in crossed.cases((BLIND_DATA,)) if case.draw == crossed.draws[0]]
    for case in progress(cases, "ablations"):
        true, found = crossed.judge(case), {}
        for what, value, rank in _rankers(crossed, case):
            scores = rank()
            found.setdefault((what, value), []).append((weighted_tau(true, scores), top1_regret(true, scores)))
        for (what, value), metrics in found.items():
            tau, regret = np.mean(metrics, axis=0)
            place = {"what": what, "value": value, "regime": case.regime, "target": case.dataset}
            rows.append({**place, "tau_w": tau, "regret1": regret})
    return pd.DataFrame(rows)


def _rankers(crossed: CrossedEvaluation, case: Case) -> Iterator[tuple[str, str, Scores]]:
    """What is changed, to what, and the ranker that it gives; one several times where metrics are averaged."""
    pairs, accuracies = crossed.pairs(case), crossed.accuracies(case)
    yield FULL, "", lambda: _ranked(pairs, accuracies)
    for name in RELATIONS:
        yield "one relation", name, lambda name=name: _ranked(pairs, accuracies, (name,))
        rest = tuple(other for other in NEW if other != name)
        yield "relation left out", name, lambda rest=rest: _ranked(pairs, accuracies, rest)
    for what, values in (("bank", BANKS), ("probes", PROBES)):
        for value in values:
            made = [f"{value}, draw {draw}" for draw in (case.draw, 0)]
            yield what, value, lambda made=made: _ranked(crossed.pairs(case, *made), accuracies)
    for value in IMAGES:
        yield "images", value, lambda value=value: _ranked(crossed.pairs(case, value), accuracies)
    for count in KNOWN_COUNTS:
        for seed in range(SEEDS):
            part = _part(case, count, seed)
            yield "known data sets", str(count), lambda part=part: _of_known(crossed, part)
    yield "skills", "estimated", lambda: _ranked(pairs, accuracies, new=True)


def _ranked(
    pairs: PairTable, accuracies: dict[str, np.ndarray], relations: tuple[str, ...] = NEW, new: bool = False
) -> np.ndarray:
    """Scores ``(N,)`` for the target; ``new`` ranks every model as if it had never been measured."""
    ranker = fit_linear_ranker(pairs, accuracies, relations)
    return (ranker.as_new(pairs) if new else ranker).scores(pairs, TARGET)


def _part(case: Case, count: int, seed: int) -> Case:
    """The case with some of its known data sets, picked at random."""
    picked = np.random.default_rng(seed).choice(len(case.known), min(count, len(case.known)), replace=False)
    return replace(case, known=tuple(case.known[place] for place in sorted(picked)))


def _of_known(crossed: CrossedEvaluation, case: Case) -> np.ndarray:
    return _ranked(crossed.pairs(case), crossed.accuracies(case))
