"""The sentences below the figures of the notebooks: from the committed results, and turned round with them."""

from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest

from experiments.evaluation.published.goals import against_goals
from experiments.evaluation.published.measuring import OURS, POOLED
from experiments.figures.ablations import differences
from experiments.report import sayings
from experiments.report.shown import digits, shown
from experiments.thesis.comparisons import comparing_words

ROOT = Path(__file__).resolve().parents[3]
COMMITTED = ROOT / "constants" / "results"
BLIND = "known models, blind data"


@pytest.fixture
def summary():
    return pd.read_csv(COMMITTED / "quadrants_summary.csv")


def test_a_difference_is_named_by_its_interval(summary):
    own = (summary["group"] == BLIND) & (summary["regime"] == "low_data") & (summary["method"] == "LogME")
    for ends, words in (((0.1, 0.2), "above LogME"), ((-0.2, -0.1), "below LogME"), ((-0.1, 0.1), "differ from LogME")):
        summary.loc[own, ["gain_low", "gain_high"]] = ends
        assert f"{words} (" in sayings.say_quadrants(summary, BLIND).split(";")[0]


def test_passes_say_what_is_lost_before_and_after():
    traded = pd.read_csv(COMMITTED / "passes_summary.csv")
    rows = traded.set_index(["regime", "method", "k"])["regret1"]
    text = sayings.say_passes(traded, 3)
    before, after = (rows["low_data", "Cross-Select", k] for k in (0, 3))
    assert f"low data {before:.1f} and {after:.1f}, fewer points than mean rank" in text
    traded[["more", "more_low", "more_high"]] *= -1
    assert "more points than mean rank" in sayings.say_passes(traded, 3)


def test_ablations_say_the_ends():
    rows = [("full", "", 0.5), ("bank", "bank of 0", 0.4), ("bank", "bank of 2", 0.45), ("skills", "estimated", 0.1)]
    frame = pd.DataFrame(
        [
            {"what": what, "value": value, "regime": regime, "target": target, "tau_w": tau}
            for what, value, tau in rows
            for regime in ("low_data", "fine_tuning")
            for target in "ab"
        ]
    )
    text = sayings.say_ablations({regime: differences(frame, regime) for regime in ("low_data", "fine_tuning")}, "bank")
    assert "low data bank of 2 -0.050 [-0.050, -0.050] to bank of 0 -0.100" in text and "estimated" not in text


def test_coverage_names_the_data_set_that_is_held_least():
    held = pd.read_csv(COMMITTED / "coverage_summary.csv")
    text = sayings.say_coverage(held, "left-out data", 0.8)
    row = held[(held["group"] == "left-out data") & (held["k"] == 0) & (held["level"] == 0.8)].iloc[0]
    assert f"low data {row.coverage:.0%} of all, {row.worst:.0%} of the data set held least" in text
    assert row.dataset.replace("_", " ") in text


def test_choices_under_limits_and_shares():
    chosen = pd.read_csv(COMMITTED / "hardware_choice_summary.csv")
    assert "fewer than largest that fits" in sayings.say_choices(chosen, "filter: Cross-Select", "largest that fits")
    chosen[["gain_low", "gain_high"]] = (-0.1, -0.05)
    assert "more than largest that fits" in sayings.say_choices(chosen, "filter: Cross-Select", "largest that fits")
    shares = {"low_data": pd.DataFrame({"term": ["same", "rest"], "share": [0.3, 0.7]})}
    assert sayings.say_shares(shares).endswith("30% in low data.")


def test_goals_are_told_by_their_intervals_and_losses_count_the_other_way():
    goals = against_goals(pd.read_csv(COMMITTED / "published_summary.csv"))
    text = sayings.say_goals(goals)
    better, worse = text.partition("; worse: ")[::2]
    assert "lovm (accuracy prediction, error of accuracy)" in better and "lovm (blind data, points lost)" in worse
    assert text.startswith(f"{goals['met'].sum()} of {len(goals)} goals are met")


def test_measured_models_are_told_by_what_comes_after():
    intervals = pd.read_csv(COMMITTED / "records_intervals.csv")
    assert sayings.say_measured(intervals, POOLED, OURS, 1).endswith("not shown to differ from before.")
    assert sayings.say_measured(intervals, POOLED, OURS, 3).endswith("less than before.")


def test_tables_have_words_and_no_nan():
    frame = pd.DataFrame({"r5": [0.123456, np.nan], "parameters": [109118.0, 3.0], "metric": ["tau_w_default", None]})
    table = shown(frame)
    assert table.columns.tolist() == ["top-five recall", "parameters", "metric"]
    assert table.to_numpy().tolist() == [["0.123", "109,118", "tau_w, scipy's default"], ["", "3", ""]]
    assert (digits(0.00002), digits(12345.6), digits(float("inf"))) == ("2e-05", "12,346", "inf")


DEFINED = {
    "00_recommend": ("nothing below as good less best cheapest best"),
    "01_data_prep": ("halves alike add as well best largest above"),
    "02_autoencoder": ("best falls"),
    "03_similarity_training": ("add add add"),
    "04_evaluation": (
        "nothing match as much no difference fail least worst nothing larger than add nothing below largest below"
    ),
    "05_thesis_figures": ("growth growth growth grows than"),
    "07_own_ranker": ("no other below more add"),
    "06_published_benchmarks": (
        "nothing falls best gain no difference less better best gain best loses nothing gain best best loses "
        "least more than gains below add"
    ),
}
"""Comparing words of the text of each notebook: it defines and asks; what compares results is made by code."""


@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=lambda path: path.stem)
def test_the_text_of_notebooks_defines_and_does_not_compare_results(path):
    cells = [cell.source for cell in nbformat.read(path, 4).cells if cell.cell_type == "markdown"]
    assert comparing_words("\n".join(cells)) == DEFINED[path.stem]
