"""The headline table: every method on every list of the crossed evaluation."""

import time
from collections.abc import Callable
from itertools import groupby
from operator import attrgetter

import numpy as np
import pandas as pd

from experiments.evaluation.baselines import BASELINES, Evidence
from experiments.evaluation.baselines.measured import ROWS
from experiments.evaluation.compare import Target
from experiments.evaluation.statistics import ceiling_tau
from experiments.studies.crossed import (
    BLIND_DATA,
    BLIND_FAMILIES,
    BLIND_SOURCES,
    DOUBLE_BLIND,
    KNOWN_DATA,
    TARGET,
    Case,
    CrossedEvaluation,
)
from ptmrec.config.sections import REGIMES, EvaluationConfig, RelationConfig
from ptmrec.core.progress import progress
from ptmrec.evaluation.metrics import METRICS, all_metrics
from ptmrec.relations.pairs import PairTable

TRANSPORT, ONE_DRAW, FEATURES = "transport", "Cross-Select, one draw", "ridge, features"
LOOKING = (TRANSPORT, ONE_DRAW, FEATURES)
"""Methods that answer from one draw of the user's images: a row for each draw."""
SHIPPED, ENCODER_ONLY, ALL_DRAWS = "Cross-Select", "Cross-Select, encoder only", "ridge, features, four draws"
NOT_RUN = {ENCODER_ONLY: (BLIND_FAMILIES, BLIND_SOURCES)}
"""Quadrants that a method is left out of: they would say what the others say, at a quarter of the time of all."""
JOINED = {SHIPPED: ONE_DRAW, ENCODER_ONLY: ENCODER_ONLY}
"""Methods that answer as ``ptmrec recommend`` does, by the mean over the draws that judge -> what has these scores."""
MEASURED = ("mean rank", "k-NN, data sets", "kernel ridge, tokens", "learned tokens, self-attention")
"""Methods that need measurements of every candidate: they cannot rank a family that has none."""
SMALLEST = 5
"""Lists with fewer candidates are left out."""

HEADLINE = ("parameter count", "source accuracy", "mean rank", "LogME", ALL_DRAWS, SHIPPED)
"""Methods of the figure of the quadrants; there are bars for all."""
TITLES = {
    KNOWN_DATA: "known\ndata",
    BLIND_DATA: "blind\ndata",
    BLIND_FAMILIES: "blind\nfamilies",
    DOUBLE_BLIND: "both\nblind",
    BLIND_SOURCES: "sources\nblind too",
}
"""Quadrants by what stands below them in figures."""

Ranker = Callable[[Case, PairTable], np.ndarray]
"""Scores ``(N,)`` of the candidates for one list."""


def run_quadrants(crossed: CrossedEvaluation) -> pd.DataFrame:
    """Metrics of every method in all quadrants.

    Returns:
        One row per ``quadrant, regime, method, target, seed``: the metrics (means over the families left out),
        ``ceiling``, ``candidate_passes`` and ``reference_passes`` (models run on the target's images), and ``seconds``
        of one list, with the measured forward passes. Where a method cannot tell
        the candidates apart there is no row.
    """
    rankers, rows, kept = build_rankers(crossed), [], {}
    key = attrgetter("quadrant", "family", "dataset", "regime")
    for _, group in progress([(name, list(cases)) for name, cases in groupby(crossed.cases(), key)], "quadrants"):
        rows += _judge(crossed, group, rankers, kept)
    columns = ["quadrant", "regime", "method", "target", "seed"]
    return pd.DataFrame(rows).groupby(columns, sort=False, as_index=False).mean()


def _judge(crossed: CrossedEvaluation, draws: list[Case], rankers: dict[str, Ranker], kept: dict) -> list[dict]:
    """Rows of one list, of which the user has several draws.

    What does not read them is judged once, and only the ranker makes a difference between known and blind data:
    ``kept`` holds what was judged already.
    """
    true = crossed.judge(draws[0])
    there = np.isfinite(true)
    if there.sum() < SMALLEST:
        return []
    repeats = crossed.truth.repeats[draws[0].regime][crossed.truth.datasets.index(draws[0].dataset)]
    ceiling, rows = ceiling_tau(repeats[there].T), []
    answers: dict[str, list[tuple[np.ndarray, float]]] = {}
    for case in draws:
        pairs = crossed.pairs(case)
        for method, rank in rankers.items():
            if (case.family and method in MEASURED) or case.quadrant in NOT_RUN.get(method, ()):
                continue
            key = (method, there.tobytes(), case.dataset, case.regime, case.draw if method in LOOKING else 0)
            if key not in kept or method in JOINED.values():
                started = time.perf_counter()
                scores = rank(case, pairs)
                kept[key] = (_metrics(true, scores), time.perf_counter() - started)
                answers.setdefault(method, []).append((scores, kept[key][1]))
            if method not in JOINED:
                rows += _row(crossed, case, method, there, *kept[key])
    for method, one in JOINED.items():
        if one not in answers:
            continue
        scores, seconds = zip(*answers[one], strict=True)
        rows += _row(crossed, draws[0], method, there, _metrics(true, np.mean(scores, axis=0)), sum(seconds))
    return [{**row, "ceiling": ceiling} for row in rows]


def _row(
    crossed: CrossedEvaluation, case: Case, method: str, there: np.ndarray, metrics: dict[str, float], seconds: float
) -> list[dict]:
    """The row of a method for one list, or none when it cannot tell the candidates apart."""
    if not metrics:
        return []
    candidates, references, paid = _passes(crossed, case, method, there)
    place = {"quadrant": case.quadrant, "regime": case.regime, "method": method, "target": case.dataset}
    costs = {"candidate_passes": candidates, "reference_passes": references, "seconds": seconds + paid}
    return [{**place, "seed": case.draw, **metrics, **costs}]


def _metrics(true: np.ndarray, scores: np.ndarray) -> dict[str, float]:
    """Every metric; empty when all candidates have the same score."""
    return all_metrics(true, scores) if np.ptp(scores[np.isfinite(true)]) else {}


def _passes(crossed: CrossedEvaluation, case: Case, method: str, candidates: np.ndarray) -> tuple[int, int, float]:
    """Passes of candidates and of references over the target's images, and their measured seconds.

    The image encoder is a reference whose seconds were not measured beside the others'; they are left out. A method of
    several draws runs a model once on the images of each.
    """
    if method in ROWS or method in (FEATURES, ALL_DRAWS):
        names = np.array(list(crossed.cards))[candidates]
        return len(names), 0, crossed.seconds(case, ROWS.get(method), names)
    if method == ENCODER_ONLY:
        return 0, 1, 0.0
    if method not in (*LOOKING, SHIPPED):
        return 0, 0, 0.0
    references = crossed.project.config.get(RelationConfig).references
    return 0, len(references) + 1, crossed.seconds(case, None, references)


def build_rankers(crossed: CrossedEvaluation) -> dict[str, Ranker]:
    """The methods compared, by the name of their row."""
    settings = crossed.project.config.get(EvaluationConfig)
    tokens = crossed.project.dataset_tokens("train", "validation", "test").by_name()
    features = {name: tokens[name].features for name in crossed.datasets}

    evidence: dict[tuple, Evidence] = {}

    def gather(case: Case) -> Evidence:
        key = (case.family, case.known)
        if key not in evidence:
            known = {other: features[other] for other in case.known}
            parts = (crossed.known_truth(case.family), known, crossed.project.estimators, settings.neighbours)
            evidence[key] = Evidence(crossed.cards, *parts)
        return evidence[key]

    targets = {
        (name, regime): Target("", name, regime, features[name]) for name in crossed.datasets for regime in REGIMES
    }

    def baseline(name: str) -> Ranker:
        return lambda case, pairs: BASELINES[name](targets[case.dataset, case.regime], gather(case))

    def encoder_only(case: Case, _: PairTable) -> np.ndarray:
        pairs = crossed.pairs(case, *(f"bank of 0, draw {draw}" for draw in (case.draw, 0)))
        return crossed.ranker(case, pairs).scores(pairs, TARGET)

    return {
        **{name: baseline(name) for name in settings.baselines},
        FEATURES: lambda case, pairs: crossed.few_shot(case),
        ALL_DRAWS: lambda case, pairs: crossed.few_shot(case, every=True),
        TRANSPORT: lambda case, pairs: pairs.transported(TARGET),
        ONE_DRAW: lambda case, pairs: crossed.ranker(case, pairs).scores(pairs, TARGET),
        ENCODER_ONLY: encoder_only,
    }


def seed_means(frame: pd.DataFrame) -> pd.DataFrame:
    """Means over seeds, for :func:`~experiments.evaluation.compare.summarise`, with ``tau_w_sd`` over seeds."""
    named = frame.rename(columns={"quadrant": "group", "target": "dataset"})
    groups = named.groupby(["group", "regime", "method", "dataset"], sort=False)
    means = groups[[*METRICS, "ceiling", "candidate_passes", "reference_passes", "seconds"]].mean()
    return means.assign(tau_w_sd=groups["tau_w"].std(ddof=1)).reset_index()
