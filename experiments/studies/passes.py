"""Quality against cost: what each way to choose a model makes of a number of candidate passes.

In low data a pass is one candidate run on all images of the user's draw. Every method may spend from 0 passes to as
many as there are candidates; running half the images counts as half a pass. In fine-tuning a pass is a short
fine-tuning of a candidate on the training images, and only the first candidates of each order were run.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from experiments.evaluation.statistics import mean_interval
from ptmrec.core.progress import progress
from ptmrec.evaluation.metrics import top1_regret, weighted_tau

PASSES = (0, 1, 2, 3, 5, 8, 16, 32, 64)
"""Numbers of passes that are compared; all candidates come last."""
VERIFIED, MEAN_RANK, RANDOM = "Cross-Select", "mean rank", "random order"
LOGME, HALVING = "LogME, four draws", "successive halving"
DRAWS, FIRST_RUN = 20, 8
"""Random orders whose metrics are averaged; candidates of each order that were fine-tuned shortly."""


@dataclass(frozen=True)
class PassTarget:
    """One data set to choose a model for, in one regime, with everything running its N candidates would reveal.

    Attributes:
        regime: ``low_data`` or ``fine_tuning``.
        target: its name.
        truth: ``(N,)`` measured accuracies; candidates only, so none is NaN.
        prior: ``(N,)`` scores without running a candidate.
        mean_rank: ``(N,)`` mean skill on known data sets.
        revealed: ``(N,)`` scores of the true features on all images of the draw.
        logme: ``(N,)`` LogME, measured on four draws of as many images.
        shares: ``(S,)`` shares of the images that successive halving has run after each of its rounds, ascending to 1.
        rounds: ``(S, N)`` scores of the true features on those shares of the images.
        seconds: ``(N,)`` time to run each candidate on all images.
        update: revealed scores ``(N,)`` with NaN = not run -> scores ``(N,)``, see
            :meth:`ptmrec.relations.posterior.Posterior.update`.
        random: random orders ``(D, N)`` to run candidates in.
    """

    regime: str
    target: str
    truth: np.ndarray
    prior: np.ndarray
    mean_rank: np.ndarray
    revealed: np.ndarray
    logme: np.ndarray
    shares: np.ndarray
    rounds: np.ndarray
    seconds: np.ndarray
    update: Callable[[np.ndarray], np.ndarray]
    random: np.ndarray

    @property
    def runs(self) -> bool:
        """Whether a pass is a short fine-tuning, of which there are few."""
        return bool(np.isnan(self.revealed).any())


def compare_passes(targets: Sequence[PassTarget], passes: Sequence[int] = PASSES) -> pd.DataFrame:
    """What every method reaches with every number of passes.

    Args:
        targets: data sets and regimes.
        passes: numbers of passes; those above a target's candidates count as all, which is there where all were run.

    Returns:
        One row per target, method and number: ``regime, target, method, k, all, tau_w, regret1, seconds``. ``k`` is
        what a method may spend, ``all`` whether that runs every candidate, and ``seconds`` the time of what it did
        spend. LogME needs them all.
    """
    rows = []
    for target in progress(targets, "candidate passes"):
        most = FIRST_RUN if target.runs else len(target.truth)
        place = {"regime": target.regime, "target": target.target}
        for k in sorted({*(k for k in passes if k < most), most}):
            own = {**place, "k": k, "all": k == len(target.truth)}
            for method, answers in _answers(target, k).items():
                rows.append({**own, "method": method, **_judge(target.truth, answers)})
    return pd.DataFrame(rows)


def _answers(target: PassTarget, k: int) -> dict[str, list[tuple[np.ndarray, float]]]:
    """Scores and seconds of each method with k passes, one pair for each random order."""
    answers = {
        VERIFIED: [_verified(target, k)],
        MEAN_RANK: [_first(target.mean_rank, target, k)],
        RANDOM: [run_in_order(_ran(order, target)[:k], target) for order in target.random],
    }
    if not target.runs:
        answers[HALVING] = [halve(order, target, k) for order in target.random]
    if k == len(target.truth):
        answers[LOGME] = [(target.logme, float(target.seconds.sum()))]
    return answers


def summarise_passes(frame: pd.DataFrame, draws: int = 10_000, level: float = 0.95) -> pd.DataFrame:
    """Means over targets with bootstrap intervals, and how much more each method loses than ours, paired by target.

    Where all candidates of a target are run, the largest number of all stands for theirs.

    Args:
        frame: result of :func:`compare_passes`.
        draws: resamples of the targets behind each interval.
        level: level of the intervals.

    Returns:
        One row per ``regime, method, k``: ``regret1``, ``tau_w`` and ``more`` (regret minus ours), each with its
        ``_low`` and ``_high``.
    """
    frame = frame.assign(k=frame["k"].mask(frame["all"], frame["k"].max()))
    rows = []
    for (regime, k), part in frame.groupby(["regime", "k"], sort=False):
        table = part.pivot(index="target", columns="method", values=["regret1", "tau_w"])
        for method in part["method"].unique():
            own = {name: table[name, method].to_numpy() for name in ("regret1", "tau_w")}
            own["more"] = own["regret1"] - table["regret1", VERIFIED].to_numpy()
            row = {"regime": regime, "method": method, "k": k}
            for name, values in own.items():
                found = mean_interval(values, draws, level)
                row |= {name: found.mean, f"{name}_low": found.low, f"{name}_high": found.high}
            rows.append(row)
    return pd.DataFrame(rows)


def run_in_order(run: np.ndarray, target: PassTarget) -> tuple[np.ndarray, float]:
    """Scores ``(N,)`` when nothing is known but what running the candidates ``(k,)`` revealed, and the time.

    Those that were not run are tied at the end.
    """
    scores = np.full(len(target.truth), np.nanmin(target.revealed) - 1)
    scores[run] = target.revealed[run]
    return scores, float(target.seconds[run].sum())


def halve(order: np.ndarray, target: PassTarget, k: int) -> tuple[np.ndarray, float]:
    """Successive halving with at most k passes, and the time it took.

    As many of the candidates as k pays for start, in the order ``(N,)`` given. All run on the first share of the
    images, the better half goes on to the next, and so on. Who gets further ranks higher.
    """
    fresh = np.diff(target.shares, prepend=0.0)  # images already run are not run again
    start = max((n for n in range(len(order) + 1) if _sizes(n, len(fresh)) @ fresh <= k + 1e-9), default=0)
    scores, alive, seconds = np.full(len(order), -1.0), order[:start], 0.0
    for stage, size in enumerate(_sizes(start, len(fresh))):
        alive = alive[:size]
        seconds += fresh[stage] * target.seconds[alive].sum()
        alive = alive[np.argsort(-target.rounds[stage, alive], kind="stable")]
        scores[alive] = stage + np.linspace(1, 0.5, len(alive))
    return scores, float(seconds)


def _sizes(start: int, stages: int) -> np.ndarray:
    """Candidates in each round; the last one left stays."""
    sizes = [start]
    for _ in range(stages - 1):
        sizes.append(-(-sizes[-1] // 2))
    return np.array(sizes)


def _ran(order: np.ndarray, target: PassTarget) -> np.ndarray:
    """Those of an order that were run: all, but where the zoo is looked at in part and short runs are of the whole."""
    return order[~np.isnan(target.revealed[order])]


def _verified(target: PassTarget, k: int) -> tuple[np.ndarray, float]:
    run = _ran(np.argsort(-target.prior, kind="stable"), target)[:k]
    shown = np.full(len(target.truth), np.nan)
    shown[run] = target.revealed[run]
    return target.update(shown), float(target.seconds[run].sum())


def _first(prior: np.ndarray, target: PassTarget, k: int) -> tuple[np.ndarray, float]:
    """The first k of a ranking in the order of what running them revealed, the others after them as they were."""
    order = np.argsort(-prior, kind="stable")
    first = _ran(order, target)[:k]
    first = first[np.argsort(-target.revealed[first], kind="stable")]
    order = np.concatenate([first, order[~np.isin(order, first)]])
    scores = np.empty(len(prior))
    scores[order] = -np.arange(len(prior), dtype=np.float64)
    return scores, float(target.seconds[first].sum())


def _judge(truth: np.ndarray, answers: list[tuple[np.ndarray, float]]) -> dict[str, float]:
    """Means over the answers."""
    values = [(weighted_tau(truth, scores), top1_regret(truth, scores), seconds) for scores, seconds in answers]
    return dict(zip(("tau_w", "regret1", "seconds"), np.mean(values, axis=0).tolist(), strict=True))
