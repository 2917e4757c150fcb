import numpy as np
import pandas as pd
import pytest

from experiments.evaluation.published.protocols import COLUMNS
from experiments.evaluation.published.results import _lovm_methods, published_results, read_scores, summarise_results
from experiments.evaluation.statistics import paired_bootstrap
from ptmrec.config.sections import PathsConfig
from ptmrec.evaluation.published import ranker
from ptmrec.evaluation.published.benchmarks import load_benchmark

FOLDER = PathsConfig().published


@pytest.fixture(scope="module")
def frame():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ranker, "TREES", 20)
        return published_results(FOLDER, ["modelspider10"])


def test_one_long_table_says_what_is_ours_run_again_and_cited(frame):
    assert tuple(frame.columns) == COLUMNS
    assert set(frame["source"]) == {"ours", "rerun", "cited", "hindsight"}
    assert not frame.duplicated(["benchmark", "protocol", "method", "target", "metric"]).any()
    assert frame["value"].notna().all()
    means = frame[frame["metric"] == "tau_w"].groupby(["protocol", "method"])["value"].mean()
    assert round(means["blind data", "Model Spider (printed)"], 3) == 0.800
    assert abs(means["blind data", "LogME"] - means["blind data", "LogME (printed)"]) < 1e-3


def test_lovm_rows_are_the_published_ones():
    scores = read_scores(FOLDER / "scores" / "lovm.json")
    rows = _lovm_methods(load_benchmark(FOLDER, "lovm"), scores)
    means = rows.groupby(["protocol", "method", "metric"])["value"].mean().round(3)
    assert means["blind data", "ImageNet baseline of LOVM"].to_dict() == {"r5": 0.452, "tau5": 0.177}
    assert means["blind data", "ModelGPT, no search"].to_dict() == {"r5": 0.426, "tau5": 0.046}
    assert means["accuracy prediction", "ModelGPT, no search", "l1"] == 0.168
    assert means["accuracy prediction", "mean accuracy", "mae"] == 0.207


def test_summary_pairs_ours_with_each_row():
    values = {"ours": [0.5, 0.7, 0.9], "theirs": [0.4, 0.8, 0.1]}
    rows = [
        ("b", "p", method, str(place), "tau_w", value, "rerun")
        for method, numbers in values.items()
        for place, value in enumerate(numbers)
    ]
    rows.append(("b", "p", "theirs", "0", "l1", 0.3, "rerun"))
    summary = summarise_results(pd.DataFrame(rows, columns=COLUMNS), draws=200).set_index(["metric", "method"])
    expected = paired_bootstrap(np.array(values["ours"]), np.array(values["theirs"]), 200)
    assert tuple(summary.loc[("tau_w", "theirs"), ["gain", "gain_low", "gain_high"]]) == tuple(expected)
    assert summary.loc[("tau_w", "ours"), "value"] == pytest.approx(0.7)
    assert np.isnan(summary.loc[("l1", "theirs"), "gain"])


def test_regret_under_caps_is_summed_up_by_target():
    rows = [
        ("b", "p", "ours", target, f"regret1_flops{share}", value, "ours")
        for target, values in (("x", (0.1, 0.3)), ("y", (0.0, 0.0)))
        for share, value in zip((0.2, 1.0), values, strict=True)
    ]
    summary = summarise_results(pd.DataFrame(rows, columns=COLUMNS), draws=100).set_index("metric")
    assert summary.loc["regret1_caps", "value"] == pytest.approx(0.1)
    assert summary.loc["regret1_caps", "targets"] == 2
