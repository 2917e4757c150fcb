"""Every method on every target, and the summary with paired intervals."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from experiments.evaluation.statistics import mean_interval, paired_bootstrap, truth_ceiling
from ptmrec.benchmark.ground_truth import GroundTruth
from ptmrec.core.progress import progress
from ptmrec.evaluation.metrics import METRICS, all_metrics


@dataclass(frozen=True)
class Target:
    """One data set to rank models for, in one regime.

    Attributes:
        group: which part of the table it belongs to, such as ``blind data``.
        dataset: its name.
        regime: ``low_data`` or ``fine_tuning``.
        tokens: dataset tokens ``(S, M, E)``: S draws of its images.
    """

    group: str
    dataset: str
    regime: str
    tokens: np.ndarray

    @property
    def mean_token(self) -> np.ndarray:
        """Mean ``(E,)`` of the tokens."""
        return self.tokens.astype(np.float64).mean(axis=(0, 1))


@dataclass(frozen=True)
class Method:
    """A way to rank models.

    Attributes:
        name: name of its row.
        rank: target -> scores ``(N,)``, or ``(K, N)`` for K answers whose metrics are averaged (draws of the
            target's images), or ``(G, K, N)`` for G seeds, whose spread is then reported too.
    """

    name: str
    rank: Callable[[Target], np.ndarray]


def evaluate_methods(targets: Sequence[Target], truth: GroundTruth, methods: Sequence[Method]) -> pd.DataFrame:
    """Metrics of every method on every target.

    Args:
        targets: data sets to rank models for.
        truth: accuracies of the candidates, in the order in which the methods score them.
        methods: what is compared.

    Returns:
        One row per target and method: ``group, dataset, regime, method``, the metrics of
        :data:`~ptmrec.evaluation.metrics.METRICS`, ``ceiling``, and ``tau_w_sd`` over seeds where there are some.
    """
    rows = []
    for target in progress(targets, "evaluating"):
        true = truth.row(target.regime, target.dataset)
        ceiling = truth_ceiling(truth, target.regime, target.dataset)
        place = {"group": target.group, "dataset": target.dataset, "regime": target.regime}
        for method in methods:
            scores = method.rank(target)
            rows.append({**place, "method": method.name, **_mean_metrics(true, scores), "ceiling": ceiling})
    return pd.DataFrame(rows)


def _mean_metrics(true: np.ndarray, scores: np.ndarray) -> dict[str, float]:
    """Metrics of scores in any of the shapes a method may answer with."""
    if scores.ndim == 1:
        return all_metrics(true, scores)
    parts = [_mean_metrics(true, part) for part in scores]
    means = {name: float(np.mean([part[name] for part in parts])) for name in parts[0]}
    if scores.ndim < 3:
        return means
    spread = float(np.std([part["tau_w"] for part in parts], ddof=1)) if len(parts) > 1 else 0.0
    return {**means, "tau_w_sd": spread}


def summarise(frame: pd.DataFrame, ours: str, draws: int = 10_000, level: float = 0.95) -> pd.DataFrame:
    """Means over targets with bootstrap intervals, and paired differences ours minus each method.

    Args:
        frame: result of :func:`evaluate_methods`.
        ours: name of the method the others are compared with.
        draws: resamples of the targets behind each interval.
        level: level of the intervals.

    Returns:
        One row per group, regime and method: means of the metrics, ``tau_w_low, tau_w_high``, ``of_ceiling``
        (mean tau_w over mean ceiling), ``gain, gain_low, gain_high``: ours minus this row, and of the points that the
        first model loses ``regret1_low, regret1_high`` and ``saved, saved_low, saved_high``: this row minus ours.
    """
    rows = []
    for (group, regime), part in frame.groupby(["group", "regime"], sort=False):
        reference = part[part["method"] == ours].set_index("dataset")[["tau_w", "regret1"]]
        for method, own in part.groupby("method", sort=False):
            paired = own.set_index("dataset").loc[reference.index]
            taus, points = (paired[name].to_numpy() for name in reference)
            interval, lost = mean_interval(taus, draws, level), mean_interval(points, draws, level)
            gain = paired_bootstrap(reference["tau_w"].to_numpy(), taus, draws, level)
            saved = paired_bootstrap(points, reference["regret1"].to_numpy(), draws, level)
            rows.append(
                {
                    "group": group,
                    "regime": regime,
                    "method": method,
                    "targets": len(own),
                    **own[list(METRICS)].mean().to_dict(),
                    "tau_w_low": interval.low,
                    "tau_w_high": interval.high,
                    "seed_sd": own["tau_w_sd"].mean() if "tau_w_sd" in own else float("nan"),
                    "of_ceiling": own["tau_w"].mean() / own["ceiling"].mean(),
                    "gain": gain.mean,
                    "gain_low": gain.low,
                    "gain_high": gain.high,
                    **{"regret1_low": lost.low, "regret1_high": lost.high},
                    **{"saved": saved.mean, "saved_low": saved.low, "saved_high": saved.high},
                }
            )
    return pd.DataFrame(rows)
