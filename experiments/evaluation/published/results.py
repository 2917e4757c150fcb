"""Everything on the published benchmarks as one table: ours, what was run again, and what is cited."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from experiments.evaluation.published.lovm import IMAGENET, LOVM_METRICS, model_gpt
from experiments.evaluation.published.modelspider import estimator_taus
from experiments.evaluation.published.pooled import pooled_results
from experiments.evaluation.published.prediction import at_true_level, mean_accuracies, predict_accuracies
from experiments.evaluation.published.protocols import (
    BLIND_DATA,
    COLUMNS,
    GROUPS_OUT,
    blind_data,
    family_folds,
    held_out_models,
    random_folds,
    relate_targets,
)
from experiments.evaluation.statistics import mean_interval, paired_bootstrap
from ptmrec.benchmark.published import read_published
from ptmrec.benchmark.published_scores import FOLDER, PublishedScores, read_scores
from ptmrec.evaluation.published.benchmarks import OURS, PLAIN, Benchmark, load_benchmark

BENCHMARKS = ("modelspider10", "modelspider42", "transfergraph", "lovm", "openclip")
BLIND_MODELS = frozenset({"modelspider42", "transfergraph"})
"""Tables whose models differ enough in their cards to hold some out."""

ASKED = frozenset({"transfergraph", "openclip"})
"""Tables that answer for a folder of images, see :mod:`ptmrec.recommender.published`."""

RANKING, PREDICTION = BLIND_DATA, "accuracy prediction"


def published_results(folder: Path, names: Sequence[str] = BENCHMARKS) -> pd.DataFrame:
    """Every method, protocol and metric on published benchmarks.

    Args:
        folder: folder of the published zoos.
        names: benchmarks to run.

    Returns:
        Long frame ``benchmark, protocol, method, target, metric, value, source``; the source is ``ours`` (our ranker),
        ``rerun`` (run here: static rows, and published methods from their released scores), ``cited`` (printed) or
        ``hindsight`` (knows what no method could: a ceiling).

    Raises:
        ArtifactError: a file is missing or damaged.
    """
    parts, related = [], {}
    benchmarks = [load_benchmark(folder, name) for name in names]
    for name, benchmark in zip(names, benchmarks, strict=True):
        related[name] = relate_targets(benchmark)
        parts.append(blind_data(benchmark, related[name], BLIND_DATA))
        if name != "modelspider42":  # no two of its data sets are alike
            parts.append(blind_data(benchmark, relate_targets(benchmark, groups=True), GROUPS_OUT, groups=True))
        if name in ASKED:
            parts.append(blind_data(benchmark, relate_targets(benchmark, plain=True), PLAIN))
        if name in BLIND_MODELS:
            parts.append(held_out_models(benchmark, "random folds", random_folds(benchmark)))
            parts.append(held_out_models(benchmark, "families", family_folds(benchmark)))
        if name == "modelspider10":
            parts.append(_estimators(folder))
        if name == "lovm":
            parts.append(_lovm_methods(benchmark, read_scores(folder / FOLDER / "lovm.json")))
    if len(benchmarks) > 1:
        parts.append(pooled_results(benchmarks, related))
    return pd.concat(parts, ignore_index=True)


def _estimators(folder: Path) -> pd.DataFrame:
    scores = read_scores(folder / FOLDER / "modelspider10.json")
    frame = estimator_taus(read_published(folder / "modelspider10.json"), scores)
    run = [(*("modelspider10", RANKING), *row, "rerun") for row in _cells(frame)]
    cited = [
        ("modelspider10", RANKING, f"{method} (printed)", target, "tau_w", value, "cited")
        for method, cells in scores.cited.items()
        for target, value in cells.items()
    ]
    return pd.DataFrame(run + cited, columns=COLUMNS)


def _cells(frame: pd.DataFrame) -> list[tuple[str, str, str, float]]:
    return [(row.method, row.target, "tau_w", row.value) for row in frame.itertuples()]


def _lovm_methods(benchmark: Benchmark, scores: PublishedScores) -> pd.DataFrame:
    count = len(benchmark.targets)
    accuracy, values = benchmark.accuracy[:count], scores.aligned(benchmark.targets, benchmark.models)
    texts = values[1:].mean(axis=2)  # the first column is ImageNet's accuracy, a record and no text
    baseline = np.tile(accuracy[benchmark.targets.index(IMAGENET)], (count, 1))
    said = [
        (RANKING, "ImageNet baseline of LOVM", baseline, "rerun"),
        (RANKING, "ModelGPT, no search", model_gpt(accuracy, values, centred=True), "rerun"),
        (PREDICTION, "ImageNet baseline of LOVM", baseline, "rerun"),
        (PREDICTION, "ModelGPT, no search", model_gpt(accuracy, values, centred=False), "rerun"),
        (PREDICTION, "mean accuracy", mean_accuracies(benchmark), "rerun"),
        (PREDICTION, "level known (hindsight)", at_true_level(benchmark), "hindsight"),
        (PREDICTION, OURS, predict_accuracies(benchmark, texts), "ours"),
        (PREDICTION, f"{OURS}, cards alone", predict_accuracies(benchmark, texts[:0]), "ours"),
        (PREDICTION, f"{OURS}, with data sets of OpenCLIP", predict_accuracies(benchmark, texts, pooled=True), "ours"),
    ]
    kinds = {RANKING: ("r5", "tau5"), PREDICTION: ("l1", "mae")}
    rows = [
        (benchmark.name, protocol, method, target, metric, LOVM_METRICS[metric](true, guess), source)
        for protocol, method, matrix, source in said
        for target, true, guess in zip(benchmark.targets, accuracy, matrix, strict=True)
        for metric in kinds[protocol]
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def summarise_results(frame: pd.DataFrame, draws: int = 10_000, level: float = 0.95) -> pd.DataFrame:
    """Means over targets, and paired differences ours minus each row.

    Args:
        frame: result of :func:`published_results`.
        draws: resamples of the targets behind each interval.
        level: level of the intervals.

    Returns:
        One row per benchmark, protocol, metric (and ``regret1_caps``, the mean over FLOPs caps) and method:
        ``targets, value, low, high`` and ``gain, gain_low, gain_high``, ours minus this row over the same targets
        (NaN where ours has no such metric).
    """
    rows = []
    frame = pd.concat([frame, _cap_means(frame)], ignore_index=True)
    for place, part in frame.groupby(["benchmark", "protocol", "metric"], sort=False):
        tables = {method: own.set_index("target")["value"] for method, own in part.groupby("method", sort=False)}
        sources = part.groupby("method")["source"].first()
        ours = tables.get(OURS)
        for method, own in tables.items():
            interval = mean_interval(own.to_numpy(), draws, level)
            gain = (np.nan, np.nan, np.nan)
            if ours is not None:
                gain = tuple(paired_bootstrap(ours.loc[own.index].to_numpy(), own.to_numpy(), draws, level))
            rows.append((*place, method, sources[method], len(own), *interval, *gain))
    columns = ["benchmark", "protocol", "metric", "method", "source", "targets", "value", "low", "high"]
    return pd.DataFrame(rows, columns=[*columns, "gain", "gain_low", "gain_high"])


def _cap_means(frame: pd.DataFrame) -> pd.DataFrame:
    """Regret under FLOPs caps, as a mean over the caps for each target."""
    part = frame[frame["metric"].str.startswith("regret1_flops")]
    keys = ["benchmark", "protocol", "method", "target", "source"]
    means = part.groupby(keys, sort=False, as_index=False)["value"].mean()
    return means.assign(metric="regret1_caps")[list(COLUMNS)] if len(means) else part
