import numpy as np
import pandas as pd
import pytest

from experiments.evaluation.published.measuring import (
    JUDGED,
    OURS,
    SHIFTED,
    STATIC,
    Part,
    choice_results,
    interval_results,
    read_parts,
    summarise_measuring,
)
from experiments.evaluation.statistics import clustered_interval, mean_interval
from ptmrec.config.sections import PathsConfig
from ptmrec.relations.odds import accuracy_of
from ptmrec.relations.records import COMPLEMENTARY, HEAD


@pytest.fixture(scope="module")
def part():
    """Fourteen data sets of one level each, eighteen models in two camps."""
    generator = np.random.default_rng(0)
    camps = np.where(np.arange(18) < 12, 0.3, -0.3) * np.where(np.arange(14) % 3, 1, -3)[:, None]
    odds = generator.normal(0, 1, (14, 1)) + np.linspace(0.5, -0.5, 18) + camps + generator.normal(0, 0.1, (14, 18))
    names = [f"d{place}" for place in range(14)]
    return Part("toy", names, np.array(names), accuracy_of(odds), np.full(18, 1e8))


def test_tables_are_taken_by_rule_and_regimes_stay_apart():
    names = [part.name for part in read_parts(PathsConfig().published)]
    assert {"openclip", "transfergraph", "vtab1k", "mieb low data", "mieb zero shot"} < set(names)
    assert not {"timm", "aihub", "modelspider10"} & set(names)


def test_measuring_narrows_intervals_and_the_static_row_stays(part):
    frame = interval_results([part], images=(np.inf,))
    means = frame.groupby(["metric", "method", "measured"])["value"].mean()
    assert means["half", OURS, 3] < 0.7 * means["half", OURS, 0] == 0.7 * means["half", STATIC, 0]
    assert means["error", OURS, 3] < means["error", SHIFTED, 3] < means["error", STATIC, 3]
    assert set(frame["target"]) == set(part.datasets) and frame["value"].between(0, 1).all()


def test_complementary_sets_are_judged_beside_the_head(part):
    frame = choice_results([part])
    means = frame.groupby(["method", "measured"])["value"].mean()
    assert means[COMPLEMENTARY, 3] < means[HEAD, 3] and means[JUDGED, 3] <= means[HEAD, 3]
    assert set(frame["limit"]) == {"none"}
    summary = summarise_measuring(frame, HEAD, draws=200)
    row = summary.set_index(["table", "measured", "method"]).loc["pooled", 3, COMPLEMENTARY]
    assert row["gain"] == pytest.approx(means[HEAD, 3] - means[COMPLEMENTARY, 3]) and row["targets"] == 14
    assert row["gain_low"] <= row["gain"] <= row["gain_high"]


def test_data_sets_that_are_alike_are_drawn_together():
    values = np.random.default_rng(0).normal(size=30)
    apart = clustered_interval(values, np.arange(30), draws=500)
    assert apart.mean == pytest.approx(values.mean())
    assert apart.low == pytest.approx(mean_interval(values, 500).low, abs=0.1)
    together = clustered_interval(np.repeat(values[:5], 6), np.repeat(np.arange(5), 6))
    alone = clustered_interval(np.repeat(values[:5], 6), np.arange(30))
    assert together.high - together.low > 1.5 * (alone.high - alone.low)
    with pytest.raises(ValueError, match="finite"):
        clustered_interval(np.array([np.nan]), np.array([0]))


def test_a_summary_has_the_static_row_everywhere(part):
    frame = interval_results([part], images=(np.inf,))
    summary = summarise_measuring(frame, STATIC, draws=50)
    cases = summary.groupby(["table", "images", "measured", "metric"])["method"].agg(set)
    assert all(STATIC in methods for methods in cases) and isinstance(summary, pd.DataFrame)
