import numpy as np
import pandas as pd
import pytest
from scipy.stats import rankdata

from experiments.evaluation.published.protocols import (
    BEST_OTHER,
    BLIND_DATA,
    COLUMNS,
    MEASURES,
    _at_true_level,
    blind_data,
    family_folds,
    held_out_models,
    random_folds,
    relate_targets,
)
from ptmrec.config.sections import PathsConfig
from ptmrec.evaluation.metrics import top1_regret, weighted_tau
from ptmrec.evaluation.published import ranker
from ptmrec.evaluation.published.benchmarks import load_benchmark

FOLDER = PathsConfig().published


@pytest.fixture(autouse=True)
def few_trees(monkeypatch):
    monkeypatch.setattr(ranker, "TREES", 20)


def rows_of(benchmark):
    return blind_data(benchmark, relate_targets(benchmark), BLIND_DATA)


def cell(frame, **wanted):
    rows = frame[np.logical_and.reduce([frame[key] == value for key, value in wanted.items()])]
    (value,) = rows["value"]
    return value


def test_blind_data_gives_every_row_and_static_ones_by_hand():
    benchmark = load_benchmark(FOLDER, "modelspider10")
    frame = rows_of(benchmark)
    assert tuple(frame.columns) == COLUMNS
    assert len(frame) == 8 * 6 * len(MEASURES)
    assert frame["value"].notna().all()
    means = rankdata(benchmark.accuracy[1:], axis=1).mean(axis=0)
    target = benchmark.targets[0]
    assert cell(frame, target=target, method="mean rank", metric="tau_w") == weighted_tau(benchmark.accuracy[0], means)
    assert set(frame["source"]) == {"ours", "rerun", "hindsight"}


def test_static_bars_are_those_that_were_known():
    frame = rows_of(load_benchmark(FOLDER, "modelspider10"))
    means = frame[frame["metric"] == "tau_w"].groupby("method")["value"].mean().round(3)
    assert (means["parameters"], means["ImageNet accuracy"], means["mean rank"]) == (0.747, 0.730, 0.693)
    assert means["mean accuracy"] == 0.765


def test_caps_leave_the_candidates_that_meet_them(monkeypatch):
    benchmark = load_benchmark(FOLDER, "openclip")
    few = type(benchmark)(
        *("few", benchmark.targets[1:2], benchmark.models, benchmark.cards),
        *(benchmark.places[1:2] + benchmark.places[:1] + benchmark.places[4:8],),
        *(benchmark.accuracy[[1, 0, 4, 5, 6, 7]], benchmark.texts[:, :6]),
    )
    frame = rows_of(few)
    flops = np.array([card["gflops"] for card in benchmark.cards])
    allowed = np.log10(flops) <= np.quantile(np.log10(flops), 0.4)
    expected = top1_regret(few.accuracy[0, allowed], few.accuracy[1, allowed]) / 100
    assert cell(frame, method="ImageNet accuracy", metric="regret1_flops0.4") == expected
    assert cell(frame, method="ours", metric="regret1_flops1.0") == cell(frame, method="ours", metric="regret1")


def test_folds_hold_every_model_out_once_and_families_together():
    benchmark = load_benchmark(FOLDER, "transfergraph")
    folds = random_folds(benchmark)
    assert sorted(np.concatenate(folds)) == list(range(175))
    for fold in family_folds(benchmark):
        (family,) = set(benchmark.families[fold])
        assert (benchmark.families == family).sum() == len(fold) >= 5


def test_models_held_out_are_scored_without_their_records():
    benchmark = load_benchmark(FOLDER, "modelspider42")
    fold = [np.arange(0, 42, 3)]
    frame = held_out_models(benchmark, "part", fold)
    assert set(frame["protocol"]) == {
        *("blind models, part", "both blind, part"),
        *("blind models, part, within", "both blind, part, within"),
    }
    one, same = (frame[frame["protocol"] == name]["value"] for name in ("both blind, part", "both blind, part, within"))
    np.testing.assert_array_equal(one, same)
    benchmark.accuracy[:, fold[0]] = np.random.default_rng(0).random((7, 14))
    after = held_out_models(benchmark, "part", fold)
    key = ["protocol", "method", "target"]
    merged = pd.merge(frame, after, on=[*key, "metric"])
    assert (merged["value_x"] != merged["value_y"]).any()
    # Were their records used, scores would follow them.
    taus = after[(after["method"] == "ours") & (after["metric"] == "tau_w")]["value"]
    assert abs(taus.mean()) < 0.35


def test_the_level_alone_orders_parts_but_not_inside_them():
    true, scores = np.array([0.0, 1.0, 5.0, 9.0]), np.array([7.0, 6.0, 1.0, 2.0])
    moved = _at_true_level(true, scores, [np.array([0, 1]), np.array([2, 3])])
    np.testing.assert_allclose(moved, [1, 0, 5, 9])


def test_hindsight_is_the_other_data_set_that_agrees_best():
    benchmark = load_benchmark(FOLDER, "modelspider10")
    frame = rows_of(benchmark)
    taus = [weighted_tau(benchmark.accuracy[0], row) for row in benchmark.accuracy[1:]]
    assert cell(frame, target=benchmark.targets[0], method=BEST_OTHER, metric="tau_w") == max(taus)
