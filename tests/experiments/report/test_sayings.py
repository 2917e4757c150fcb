"""The sentences below the figures of the notebooks: from the committed results, and turned round with them."""

from pathlib import Path
from types import SimpleNamespace

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
    named = shown(
        pd.DataFrame({"of_best": ["blood_cells", "vgg-small-math_symbols"]}, index=pd.Index([0, 1], name="a_b"))
    )
    assert named["of the best"].tolist() == ["blood cells", "vgg-small-math_symbols"] and named.index.name == "a b"
    assert shown(pd.Series({"facts": {"a_b": 1}}).to_frame()).iloc[0, 0] == {"a_b": 1}, "whatever is no key stays"
    assert (digits(0.00002), digits(12345.6), digits(float("inf"))) == ("2e-05", "12,346", "inf")


REGIMES = ("low_data", "fine_tuning")


def test_the_zoo_is_told_by_its_winners_its_ceiling_and_its_agreement():
    accuracy = {"low_data": np.array([[0.1, 0.2], [0.3, 0.4], [0.9, 0.5]]), "fine_tuning": np.array([[0.2, 0.1]] * 3)}
    truth = SimpleNamespace(accuracy=accuracy, datasets=("a", "b", "c"))
    assert sayings.say_winners(truth).endswith(
        "one of 3 data sets: low data 2, the most frequent one on 2; fine-tuning 1, the most frequent one on 3."
    )
    ceiling = pd.DataFrame({regime: [0.9, 0.7] for regime in REGIMES}, index=["a", "cats_dogs"])
    assert "low data 0.80 on average, 0.70 on cats dogs" in sayings.say_ceilings(ceiling)
    matrix = np.array([[1, 0.2, 0.4], [0.2, 1, 0.6], [0.4, 0.6, 1]])
    assert sayings.say_agreement({"low_data": matrix}).endswith("low data 0.40 (0.20 to 0.60).")
    tokens = np.array([[1.0, 0.0], [0.8, 0.6], [0.0, 1.0]])
    assert sayings.say_alike(tokens, ["a", "b", "c"]).startswith("Most alike are a and b (cosine 0.80)")


def test_curves_of_the_zoo_and_of_training_are_told_by_their_ends():
    by_shots = pd.DataFrame({"one source": [0.2, 0.3, 0.5]}, index=["1", "10", "all"])
    assert sayings.say_shots(by_shots).endswith("from 1 image per class to all: one source 0.20 to 0.50.")
    costs = pd.DataFrame({regime: [0.1, 0.2, 0.3] for regime in REGIMES} | {"num_params": [3, 2, 1]})
    assert sayings.say_costs(costs, "num_params").startswith("Spearman correlation of mean accuracy and parameters")
    assert "low data -1.00; fine-tuning -1.00" in sayings.say_costs(costs, "num_params")
    history = pd.DataFrame({"epoch": [1, 2, 3], "validation_loss": [3.0, 1.0, 2.0], "train_loss": [2.0, 0.5, 0.1]})
    told = sayings.say_history(history, 2)
    assert "3 after epoch 1, 1 after epoch 2, which is kept, and 2 after epoch 3; training loss 0.5" in told
    weights = pd.DataFrame({"low_data": [0.1, -0.9, 0.5]}, index=["size", "mean_skill", "transport"])
    assert sayings.say_weights(weights).endswith("low data mean skill -0.90 and transport +0.50.")


def test_the_correction_answers_where_it_earned_that():
    assert "linear part answers alone" in sayings.say_correction(np.array([0.5, 0.49, 0.502]), 0, 0.01)
    assert "so that 2 epochs are trained" in sayings.say_correction(np.array([0.5, 0.49, 0.52]), 2, 0.01)


def test_quadrants_targets_and_seconds(summary):
    means = {
        name: part.set_index("regime")["tau_w"]
        for name, part in summary[summary["method"] == "Cross-Select"].groupby("group")
    }
    assert f"low data {means[BLIND]['low_data']:.2f} (blind data)" in sayings.say_ends(summary, {BLIND: "blind\ndata"})
    rows = [
        (regime, method, name) for regime in REGIMES for method in ("Cross-Select", "LogME") for name in ("a", "b_c")
    ]
    frame = pd.DataFrame(rows, columns=["regime", "method", "dataset"]).assign(group=BLIND)
    frame["tau_w"] = [0.9, 0.1, 0.8, 0.3] * 2
    frame["seconds"] = [1.0, 1.0, 5.0, 7.0] * 2
    assert "low data b c 0.10 (LogME 0.30; correlation over targets +1.00)" in sayings.say_targets(frame, BLIND)
    assert "low data 1.0 and 6.0, 6 times ours" in sayings.say_seconds(frame, BLIND)


def test_the_number_of_known_data_sets_ends_with_all():
    rows = [
        ("known data sets", "4", 0.4),
        ("known data sets", "20", 0.6),
        ("full", "", 0.7),
        ("bank", "bank of 2", 0.1),
    ]
    frame = pd.DataFrame(
        [(*row, regime) for row in rows for regime in REGIMES], columns=["what", "value", "tau_w", "regime"]
    )
    assert "low data 0.40 with 4, 0.60 with 20, 0.70 with 27" in sayings.say_learning(frame, 27)


def test_trust_says_what_is_missed_and_whether_the_answer_knew():
    rows = [("a", 0.1, True), ("b", 0.2, False), ("c", 0.9, True), ("d", 1.0, False)]
    place = {"group": "left-out data", "level": 0.8, "k": 0}
    coverage = pd.DataFrame(
        [
            {**place, "regime": regime, "dataset": name, "coverage": held, "doubted": doubted}
            for regime in REGIMES
            for name, held, doubted in rows
        ]
    )
    told = sayings.say_doubts(coverage, "left-out data", 0.8)
    assert "low data 2 of 4 data sets, and 1 of them are told *do not trust it*, as 1 of the others are" in told
    expected = pd.DataFrame({"expected": [0.5, 0.3], "measured": [0.4, 0.5], "k": 0, "group": "blind data"})
    both = pd.concat([expected.assign(regime=regime) for regime in REGIMES])
    assert "low data -5.0 on average, 15.0 without the sign" in sayings.say_expected(both, "blind data")


def test_the_front_and_the_caps():
    board = pd.DataFrame(
        {"expected_accuracy": [0.4, 0.6, 0.5], "latency_high_ms": [0.2, 0.9, 1.0], "model": list("abc")}
    )
    told = sayings.say_front(board.assign(on_pareto=[True, True, False]))
    assert told == "2 of 3 models lie on the front, from 0.40 within 0.20 ms (a) to 0.60 within 0.90 ms (b)."
    columns = ["metric", "method", "value", "gain_low", "gain_high"]
    rows = [("regret1_flops0.2", "ours", 0.03, 0, 0), ("regret1_flops0.2", "mean rank", 0.05, -0.03, -0.01)]
    losses = pd.DataFrame(rows, columns=columns).assign(benchmark="openclip", protocol="blind data")
    assert "20% of the candidates 3.0, less than mean rank (5.0)" in sayings.say_caps(losses, "openclip", "blind data")


DEFINED = {
    "00_recommend": ("nothing below as good less best cheapest best"),
    "01_data_prep": ("halves alike add as well best largest above"),
    "02_autoencoder": ("best falls"),
    "03_similarity_training": ("add add add"),
    "04_evaluation": ("nothing match as much no difference fail least below"),
    "04_hardware": ("largest below"),
    "04_trust": ("worst nothing larger than add nothing below below"),
    "05_thesis_figures": ("growth growth growth grows than"),
    "07_own_ranker": ("no other below more best add"),
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
