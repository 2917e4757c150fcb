import pandas as pd
import pytest

from experiments.evaluation.statistics import mean_interval
from experiments.thesis.macros import number
from experiments.thesis.numbers import make_macros
from experiments.thesis.results import Results
from ptmrec.config.sections import PathsConfig


@pytest.fixture
def texts(config, run):
    return make_macros(config, Results(config.get(PathsConfig))).texts


def interval(mean, low, high, decimals=2, signed=False):
    shown = [number(value, decimals, signed) for value in (mean, low, high)]
    return f"{shown[0]} [{shown[1]}, {shown[2]}]"


def test_the_quadrants_are_what_the_summary_says(texts, run):
    rows = pd.read_csv(run.results / "quadrants_summary.csv").set_index(["group", "regime", "method"])
    ours = rows.loc[("blind families, known data", "low_data", "ridge on relations")]
    assert texts["TauBlindFamilies"] == interval(ours.tau_w, ours.tau_w_low, ours.tau_w_high)
    other = rows.loc[("known models, blind data", "fine_tuning", "mean rank")]
    gain = interval(other.gain, other.gain_low, other.gain_high, signed=True)
    assert texts["GainBlindDataMeanRankFineTuning"] == gain
    assert texts["TauBlindDataMeanRankFineTuningOnly"] == number(other.tau_w)
    assert texts["TargetsBlindData"] == number(28, 0)


def test_the_fixed_split_has_names_of_its_own(texts, run):
    rows = pd.read_csv(run.results / "summary.csv").set_index(["group", "regime", "method"])
    ours = rows.loc[("blind data", "low_data", "Cross-Select")]
    assert texts["TauSplitBlindData"] == interval(ours.tau_w, ours.tau_w_low, ours.tau_w_high)


def test_losses_after_passes_are_means_over_targets(texts, run):
    frame = pd.read_csv(run.results / "passes.csv")
    part = frame[(frame["regime"] == "low_data") & (frame["method"] == "Cross-Select") & (frame["k"] == 3)]
    found = mean_interval(part["regret1"].to_numpy())
    assert texts["LostAfterThree"] == interval(found.mean, found.low, found.high, 1)
    assert "LostMeanRankFineTuningAfterEight" in texts


def test_changes_coverage_zoo_and_settings(texts):
    assert texts["ChangeKnownDataSetsFour"].startswith(r"\num{")
    assert texts["CoverageLeftOutDataEightyOnly"] == number(80, 0)
    assert texts["NumModels"] == number(207, 0)
    assert texts["SetReferences"] == number(8, 0)
    assert texts["LevelNarrow"] == number(80, 0) and texts["LevelWide"] == number(95, 0)
    assert texts["RealModelsMeasuredOnly"] == number(80, 0)
    assert texts["HubModelsFirst"] == number(2097, 0)


def test_a_changed_result_changes_its_number_and_no_other(config, run, texts):
    path = run.results / "quadrants_summary.csv"
    frame = pd.read_csv(path)
    row = (frame["group"] == "blind families, known data") & (frame["regime"] == "low_data")
    frame.loc[row & (frame["method"] == "ridge on relations"), "tau_w"] = -0.03
    frame.to_csv(path, index=False)
    after = make_macros(config, Results(config.get(PathsConfig))).texts
    assert {name for name in texts if texts[name] != after[name]} == {"TauBlindFamilies", "TauBlindFamiliesOnly"}
    assert after["TauBlindFamiliesOnly"] == r"\num{-0.03}"


def test_what_is_lost_under_limits_and_how_wrong_estimates_are(texts, run):
    rows = pd.read_csv(run.results / "hardware_choice_summary.csv").set_index(["regime", "method"])
    row = rows.loc[("fine_tuning", "largest that fits")]
    lost = interval(100 * row.regret, 100 * row.regret_low, 100 * row.regret_high, 1)
    assert texts["LimitLostLargestThatFitsFineTuning"] == lost
    assert texts["LimitBrokenFusion"] == number(50, 0) and texts["LimitBroken"] == number(0, 0)
    latency = pd.read_csv(run.results / "latency_estimates.csv")
    held = latency[(latency["finding"] == "families held out") & (latency["device"] == "i9-10940X")]
    assert texts["LatencyErrorOperations"] == number(100 * held["median_error"].iloc[0], 0)
    assert "LatencyErrorMeasuredFifty" in texts and texts["OneGmacLow"] == number(4.568, 1)


def test_rows_are_taken_by_name_whatever_their_order(config, run, texts):
    for path in run.results.glob("*.csv"):
        pd.read_csv(path).sample(frac=1, random_state=0).to_csv(path, index=False)
    assert make_macros(config, Results(config.get(PathsConfig))).texts == texts
