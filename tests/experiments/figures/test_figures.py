"""What figures show. Saving refuses a figure that is cut off; one of each kind is looked at here as a whole."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from conftest import DATASETS, assert_readable
from matplotlib.colors import to_rgb

from experiments.evaluation.zoo_statistics import ceilings, tau_matrix, variance_shares
from experiments.figures import figures, heat_maps, zoo_figures
from experiments.figures.ablations import differences, plot_ablations, plot_learning_curve
from experiments.figures.calibration import plot_coverage, plot_expected
from experiments.figures.hardware_choice import plot_choices
from experiments.figures.passes import plot_passes
from experiments.figures.published import plot_against_goals, plot_caps
from experiments.figures.quadrants import NOTHING, plot_cost_quality, plot_quadrants
from experiments.figures.relations import plot_weights
from experiments.studies.passes import HALVING, LOGME, MEAN_RANK, PASSES, RANDOM, VERIFIED, summarise_passes
from experiments.studies.quadrants import HEADLINE, TITLES
from ptmrec.benchmark.battery import BatterySet
from ptmrec.plots.style import METHOD_COLOURS
from ptmrec.relations.linear import COLUMNS
from ptmrec.relations.pairs import RELATIONS

OURS = "Cross-Select"

METHODS = ("mean rank", "LogME", OURS)

GAINS = {"mean rank": (0.1, -0.05, 0.25), "LogME": (-0.2, -0.3, -0.1), OURS: (0.0, 0.0, 0.0)}


@pytest.fixture(autouse=True)
def _leaves_pyplot_alone():
    before = plt.get_fignums()
    yield
    assert plt.get_fignums() == before


def make_summary():
    rows = []
    for group in ("known data, left out", "blind data"):
        for regime in ("low_data", "fine_tuning"):
            for place, method in enumerate(METHODS):
                value = 0.2 + 0.1 * place
                gain, low, high = GAINS[method]
                row = {"group": group, "regime": regime, "method": method, "targets": 8, "tau_w": value}
                row |= {"tau_w_low": value - 0.1, "tau_w_high": value + 0.05, "of_ceiling": value / 0.9}
                rows.append(row | {"gain": gain, "gain_low": low, "gain_high": high})
    return pd.DataFrame(rows)


def test_method_bars_and_paired_differences_side_by_side():
    figure = figures.plot_method_bars(make_summary(), ["blind data"], OURS)
    assert len(figure.axes) == 4
    bars, gains = figure.axes[:2]
    assert [patch.get_width() for patch in bars.patches] == pytest.approx([0.4, 0.3, 0.2])
    assert [to_rgb(patch.get_facecolor()) for patch in bars.patches] == [METHOD_COLOURS[m] for m in METHODS[::-1]]
    assert bars.get_title(loc="left") == "low data; blind data, 8 data sets"
    assert any(np.allclose(line.get_xdata(), 0.9) for line in bars.lines)  # the ceiling
    points = {line.get_ydata()[0]: line for line in gains.lines if line.get_marker() == "o"}
    assert set(points) == {"mean rank", "LogME"}
    assert points["mean rank"].get_xdata()[0] == 0.1 and points["mean rank"].get_markerfacecolor() == "w"
    assert points["LogME"].get_markerfacecolor() != "w"
    spans = [list(line.get_xdata()) for line in gains.lines if len(line.get_xdata()) == 2]
    assert [-0.3, -0.1] in spans and [-0.05, 0.25] in spans
    assert figure.axes[-1].get_xlabel() == "Cross-Select\nminus method, 95 % interval"
    assert_readable(figure)
    assert len(figures.plot_method_bars(make_summary(), ["known data, left out", "blind data"], OURS).axes) == 8


def test_targets_show_every_method_and_the_ceiling():
    rows = [
        {"group": "blind data", "regime": regime, "dataset": name, "method": method, "tau_w": value, "ceiling": 0.9}
        for regime in ("low_data", "fine_tuning")
        for name in ("solar_cells", "gtsrb")
        for method, value in ((OURS, 0.5), ("mean rank", 0.4))
    ]
    figure = figures.plot_targets(pd.DataFrame(rows), "blind data", [OURS, "mean rank"])
    for ax in figure.axes:
        lines = {line.get_label(): line for line in ax.lines}
        assert list(lines[OURS].get_ydata()) == [0.5, 0.5]
        assert [text.get_text() for text in ax.get_xticklabels()] == ["solar cells", "gtsrb"]
        assert ax.collections[0].get_segments()[0][0][1] == 0.9
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [OURS, "mean rank", "ceiling"]


CHANGES = (("full", "", 0.0), ("bank", "bank of 0", -0.2), ("one relation", "mean_skill", 0.0))


def make_frame():
    rows = []
    for regime in ("low_data", "fine_tuning"):
        for place, target in enumerate("abcdef"):
            for what, value, shift in (
                ("full", "", 0.0),
                ("bank", "bank of 0", -0.2),
                ("one relation", "mean_skill", 0),
            ):
                tau = 0.7 + 0.01 * place + shift + 0.05 * (-1) ** place * (what == "one relation")
                rows.append({"what": what, "value": value, "regime": regime, "target": target, "tau_w": tau})
    return pd.DataFrame(rows)


def test_differences_are_paired_by_target():
    table = differences(make_frame(), "low_data").set_index("label")
    assert table.loc["bank: bank of 0", ["change", "low", "high"]].tolist() == pytest.approx([-0.2] * 3)
    wide = table.loc["one relation: mean skill"]
    assert wide["low"] < 0 < wide["high"] and wide["change"] == pytest.approx(0)


def test_one_panel_per_regime_and_open_dots_where_nothing_was_shown():
    figure = plot_ablations(make_frame())
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["reference networks", "", "one relation alone", ""]
    assert [ax.texts[0].get_text() for ax in figure.axes[:2]] == ["low data", "fine-tuning"]
    dots = [line for ax in figure.axes[::2] for line in ax.lines if line.get_marker() == "o"]
    assert [np.isclose(line.get_xdata(), -0.2).all() for line in dots] == [True, False]
    assert [line.get_markerfacecolor() == "w" for line in dots] == [False, True]
    assert_readable(figure)


def test_rows_of_one_kind_stand_together():
    frame = make_frame()
    again = frame[frame["what"] == "bank"].assign(value="bank of 2")
    labels = list(differences(pd.concat([frame, again]), "low_data")["label"])
    assert labels == ["bank: bank of 0", "bank: bank of 2", "one relation: mean skill"]


def test_the_learning_curve_ends_at_the_full_ranker():
    frame = make_frame().query("what == 'full'")
    few = frame.assign(what="known data sets", value="4", tau_w=frame["tau_w"] - 0.3)
    figure = plot_learning_curve(pd.concat([frame, few]), 27, pd.Series({"low_data": 0.5, "fine_tuning": 0.6}))
    curve, static = figure.axes[0].lines
    assert list(curve.get_xdata()) == [4, 27]
    assert curve.get_ydata() == pytest.approx([frame["tau_w"].mean() - 0.3, frame["tau_w"].mean()])
    assert set(static.get_ydata()) == {0.5}


def test_expected_is_square_with_intervals_and_names():
    rows = [
        {
            "group": group,
            "dataset": name,
            "regime": regime,
            "expected": 0.5,
            "low_80": 0.2,
            "high_80": 0.7,
            "measured": value,
        }
        for group in ("known data, left out", "blind data")
        for regime in ("low_data", "fine_tuning")
        for name, value in (("solar_cells", 0.55), ("solar_cells", 0.45), ("gtsrb", 0.9), ("gtsrb", np.nan))
    ]
    figure = plot_expected(pd.DataFrame(rows), "blind data", 0.8)
    for ax, regime in zip(figure.axes, ("low data", "fine-tuning"), strict=True):
        assert ax.get_xlim() == ax.get_ylim() == (0, 1) and ax.get_aspect() == 1
        assert ax.get_title() == f"{regime}: 22.5 points of error"  # the mean of .05 and .4
        bars = [line for line in ax.lines if list(line.get_xdata()) == pytest.approx([0.2, 0.7])]
        assert sorted(bar.get_ydata()[0] for bar in bars) == pytest.approx([0.5, 0.9])
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["gtsrb", "solar cells", "80 % interval"]
    assert_readable(figure)


def test_coverage_is_told_of_each_data_set_the_least_held_first():
    rows = [
        {"dataset": name, "regime": regime, "level": level, "coverage": level + shift, "width": level / 2}
        for regime in ("low_data", "fine_tuning")
        for level in (0.8, 0.95)
        for name, shift in (("gtsrb", 0.04), ("solar_cells", -0.5))
    ]
    (ax,) = plot_coverage(pd.DataFrame(rows), 0.8).axes
    assert [text.get_text() for text in ax.get_xticklabels()] == ["solar cells", "gtsrb"]
    lines = {line.get_label(): line for line in ax.lines}
    assert set(lines["asked for: 80%"].get_ydata()) == {0.8}
    for label in ("low data: 57% on average", "fine-tuning: 57% on average"):
        assert list(lines[label].get_ydata()) == pytest.approx([0.3, 0.84])


def test_each_method_stands_at_what_it_loses_and_says_how_often_it_breaks_the_limit():
    rows = [
        {"regime": regime, "method": method, "regret": lost, "violations": broken}
        | {"regret_low": lost / 2, "regret_high": 2 * lost}
        for regime in ("low_data", "fine_tuning")
        for method, lost, broken in (("ours", 0.02, 0.0), ("soft", 0.01, 0.3))
    ]
    figure = plot_choices(pd.DataFrame(rows), "ours")
    dots = [line for line in figure.axes[0].lines if line.get_marker() == "o"]
    assert [dot.get_xdata()[0] for dot in dots] == [2.0, 1.0]
    assert [text.get_text() for text in figure.axes[0].texts] == ["30 % break it"]
    assert dots[1].get_markerfacecolor() == "w"


ROLES = dict(zip(DATASETS, ("train", "train", "validation", "blind"), strict=True))


def role_lines(ax):
    return sorted(line.get_xdata()[0] for line in ax.lines if line.get_xdata()[0] == line.get_xdata()[1])


def role_names(ax):
    return [text.get_text() for text in ax.texts]


def test_ground_truth_holds_every_model_and_data_set_standardised(truth_and_cards):
    figure = heat_maps.plot_ground_truth(*truth_and_cards, "low_data", ROLES)
    strip, ax = figure.axes[:2]
    shown = ax.images[0].get_array()
    assert shown.shape == (24, 4)
    np.testing.assert_allclose(shown.mean(axis=0), 0, atol=1e-9)
    np.testing.assert_allclose(shown.std(axis=0), 1)
    names = [text.get_text() for text in ax.get_xticklabels()]
    assert set(names[:2]) == {"a", "b"} and names[2:] == ["c", "d"]
    assert role_lines(ax) == [1.5, 2.5] and role_names(ax) == ["training", "validation", "blind"]
    assert strip.images[0].get_array().shape[:2] == (24, 1)
    assert {text.get_text() for text in figure.legends[0].get_texts()} == {"vgg", "vit"}
    assert "standardised on each data set" in figure.get_suptitle()
    assert_readable(figure)


def test_both_regimes_share_one_scale(truth_and_cards):
    figures = [heat_maps.plot_ground_truth(*truth_and_cards, regime, ROLES) for regime in ("low_data", "fine_tuning")]
    assert {figure.axes[1].images[0].get_clim() for figure in figures} == {(-2.5, 2.5)}


def test_similar_vectors_lie_side_by_side():
    vectors = np.array([[0.0, 0], [9, 9], [0.1, 0], [9, 9.1], [0, 0.1]])
    order = heat_maps.cluster_order(vectors).tolist()
    assert set(order[:3]) in ({0, 2, 4}, {1, 3, *order[2:3]})
    assert abs(order.index(1) - order.index(3)) == 1
    roles = ["blind", "train", "train", "train", "validation"]
    assert heat_maps.role_order(vectors, roles).tolist()[-2:] == [4, 0]
    assert sorted(heat_maps.role_order(vectors, roles)) == list(range(5))


def test_tau_matrices_share_order_and_scale(truth_and_cards):
    truth, _ = truth_and_cards
    matrices = {regime: tau_matrix(truth, regime, DATASETS) for regime in truth.accuracy}
    figure = heat_maps.plot_tau_matrices(matrices, DATASETS, list(ROLES.values()))
    names = [text.get_text() for text in figure.axes[1].get_xticklabels()]
    assert [text.get_text() for text in figure.axes[0].get_yticklabels()] == names
    order = [DATASETS.index(name) for name in names]
    for ax, matrix in zip(figure.axes, matrices.values(), strict=False):
        np.testing.assert_allclose(ax.images[0].get_array(), matrix[order][:, order])
        assert ax.images[0].get_clim() == (-1, 1)
        assert role_lines(ax) == [1.5, 2.5]


def test_similarity_of_tokens_is_their_cosine():
    tokens = np.array([[1.0, 0], [0, 2], [3, 3], [-1, 0]])
    figure = heat_maps.plot_dataset_similarity(tokens, ["cats_dogs", "b", "c", "d"], list(ROLES.values()))
    ax = figure.axes[0]
    half = np.sqrt(0.5)
    np.testing.assert_allclose(ax.images[0].get_array()[0], [1, 0, half, -1], atol=1e-12)
    assert ax.get_xticklabels()[0].get_text() == "cats dogs"
    assert "Cosine" in ax.get_title() and role_names(ax) == ["training", "validation", "blind"]


CURVES = (VERIFIED, MEAN_RANK, RANDOM, HALVING)
DRAWN = (VERIFIED, MEAN_RANK)


def make_frame_passes(regimes=("low_data", "fine_tuning")):
    """Two targets with different numbers of candidates."""
    rows = []
    for regime in regimes:
        for target, count in (("birds", 190), ("cats", 200)):
            for method in (*CURVES, LOGME):
                for k in (*PASSES, count) if method != LOGME else (count,):
                    regret = 10 / (1 + k) + CURVES.index(method) if method in CURVES else 7.0
                    values = {"tau_w": 1 - regret / 20, "regret1": regret + (target == "cats"), "seconds": k}
                    place = {"regime": regime, "target": target, "method": method, "k": k, "all": k == count}
                    rows.append({**place, **values})
    return summarise_passes(pd.DataFrame(rows), draws=50)


def test_regret_and_tau_side_by_side_one_row_per_regime():
    figure = plot_passes(make_frame_passes())
    assert [ax.get_title() for ax in figure.axes] == ["low data", "low data", "fine-tuning", "fine-tuning"]
    assert [ax.get_ylabel() for ax in figure.axes[:2]] == ["accuracy points lost", r"$\tau_w$"]
    assert len(plot_passes(make_frame_passes(("fine_tuning",))).axes) == 2
    assert_readable(figure)


def test_a_curve_is_the_mean_over_targets_and_all_candidates_share_one_place():
    ax = plot_passes(make_frame_passes()).axes[0]
    lines = {line.get_label(): line for line in ax.lines}
    assert set(lines) == {*DRAWN, LOGME}
    np.testing.assert_array_equal(lines[VERIFIED].get_xdata(), [*PASSES, 200])
    expected = [10 / (1 + k) + 0.5 for k in PASSES]
    assert lines[VERIFIED].get_ydata()[:-1] == pytest.approx(expected)
    assert lines[VERIFIED].get_ydata()[-1] == pytest.approx((10 / 191 + 10 / 201) / 2 + 0.5)
    assert list(lines[LOGME].get_xdata()) == [200] and list(lines[LOGME].get_ydata()) == [7.5]
    assert [to_rgb(lines[m].get_color()) for m in DRAWN] == [METHOD_COLOURS[m] for m in DRAWN]
    assert len({line.get_marker() for line in ax.lines}) == len(DRAWN) + 1


def test_the_last_tick_says_all():
    ax = plot_passes(make_frame_passes(("low_data",))).axes[0]
    assert [text.get_text() for text in ax.get_xticklabels()] == [*map(str, PASSES), "all"]
    assert ax.get_xscale() == "symlog" and ax.get_ylim()[0] == 0


def test_each_goal_has_a_line_with_its_four_marks():
    place = {"benchmark": "openclip", "protocol": "blind data"}
    row = {"value": 0.7, "low": 0.6, "high": 0.75, "rule_value": 0.65, "ceiling": float("nan"), "goal": 0.8}
    table = pd.DataFrame([{**place, "metric": metric, **row} for metric in ("tau_w", "r5", "mae")])
    (ax,) = plot_against_goals(table).axes
    assert [label.get_text() for label in ax.get_yticklabels()] == [
        "openclip, blind data, tau_w",
        "openclip, blind data, r5",
    ]
    assert len(ax.get_legend_handles_labels()[1]) == 4


def test_caps_are_lines_of_methods():
    rows = [
        {
            "benchmark": "openclip",
            "protocol": "blind data",
            "metric": f"regret1_flops{share}",
            "method": method,
            "value": share / 10,
            "low": 0,
            "high": 0.2,
        }
        for share in (0.2, 0.6, 1.0)
        for method in ("ours", "parameters", "best other data set (hindsight)")
    ]
    (ax,) = plot_caps(pd.DataFrame(rows), "openclip", "blind data").axes
    assert ax.get_legend_handles_labels()[1] == ["ours", "parameters"]
    assert ax.get_xlabel().startswith("share")


SUMMARY = pd.read_csv(Path(__file__).resolve().parents[3] / "constants" / "results" / "quadrants_summary.csv")


def test_each_method_stands_at_its_mean_in_its_quadrant():
    figure = plot_quadrants(SUMMARY, TITLES, HEADLINE)
    assert_readable(figure)
    rows = SUMMARY.set_index(["regime", "group", "method"])["tau_w"]
    for ax, regime in zip(figure.axes, ("low_data", "fine_tuning"), strict=True):
        for container in ax.containers:
            method = container.get_label()
            expected = [rows.get((regime, group, method)) for group in TITLES]
            assert list(container.lines[0].get_ydata()) == [value for value in expected if value is not None]
            assert container.lines[0].get_color() == METHOD_COLOURS[method]
    drawn = {container.get_label(): len(container.lines[0].get_xdata()) for container in figure.axes[0].containers}
    assert drawn["mean rank"] < drawn["LogME"] == len(TITLES)


@pytest.fixture
def costs():
    rows = [
        ("g", regime, method, dataset, tau, seconds, passes)
        for regime in ("low_data", "fine_tuning")
        for method, tau, seconds, passes in (("mean rank", 0.5, 0.0, 0), ("LogME", 0.7, 2.0, 190))
        for dataset in ("a", "b")
    ]
    return pd.DataFrame(rows, columns="group regime method dataset tau_w seconds candidate_passes".split())


def test_cost_stands_against_quality_and_running_candidates_shows(costs):
    figure = plot_cost_quality(costs, "g")
    free, paid = figure.axes[1].lines
    assert (free.get_xdata()[0], free.get_ydata()[0]) == (NOTHING, 0.5)
    assert (paid.get_xdata()[0], paid.get_ydata()[0]) == (2.0, 0.7)
    assert free.get_markerfacecolor() == "w" and paid.get_markerfacecolor() == METHOD_COLOURS["LogME"]


def test_both_kinds_of_models_stand_in_a_row_per_relation():
    values = np.arange(len(COLUMNS)) / 10
    figure = plot_weights(pd.DataFrame({"low_data": values, "fine_tuning": -values}, index=list(COLUMNS)))
    assert [ax.get_title() for ax in figure.axes] == ["low data", "fine-tuning"]
    lines = {line.get_label(): line for line in figure.axes[0].lines}
    np.testing.assert_allclose(lines["measured models"].get_xdata(), values[: len(RELATIONS)])
    np.testing.assert_allclose(lines["new models"].get_xdata(), values[len(RELATIONS) :])


def test_shares_fill_the_bar(truth_and_cards):
    truth, cards = truth_and_cards
    shares = {regime: variance_shares(truth, cards, regime) for regime in truth.accuracy}
    figure = zoo_figures.plot_variance_shares(shares)
    widths = [patch.get_width() for patch in figure.axes[0].patches]
    assert sum(widths) == pytest.approx(2.0)
    assert len(figure.legends[0].get_texts()) == 4


def test_ceilings_are_sorted_and_blind_ones_hollow(truth_and_cards):
    truth, _ = truth_and_cards
    frame = ceilings(truth, DATASETS)
    figure = zoo_figures.plot_ceilings(frame, {"a": "train", "b": "train", "c": "validation", "d": "blind"})
    points = figure.axes[0].collections[0]
    values = points.get_offsets()[:, 0]
    np.testing.assert_allclose(np.sort(values), np.sort(frame["low_data"]))
    hollow = [name for name, face in zip(_labels(figure), points.get_facecolors(), strict=True) if face[3] == 0]
    assert hollow == ["d"]


def _labels(figure):
    return [text.get_text() for text in figure.axes[0].get_yticklabels()]


def test_pareto_front_is_what_no_point_beats():
    generator = np.random.default_rng(0)
    costs, gains = generator.integers(0, 9, (2, 60)).astype(float)
    front = zoo_figures.pareto_front(costs, gains)
    expected = {
        (c, g) for c, g in zip(costs, gains, strict=True)
        if not any((c2 <= c and g2 >= g) and (c2, g2) != (c, g) for c2, g2 in zip(costs, gains, strict=True))
    }  # fmt: skip
    assert {(costs[i], gains[i]) for i in front} == expected
    assert len(front) == len(expected)


def test_costs_shots_and_contact_sheet(truth_and_cards):
    truth, cards = truth_and_cards
    frame = pd.DataFrame({"latency_p50_ms": np.arange(24.0) + 1}, index=list(cards))
    frame = frame.assign(**{regime: values.mean(axis=0) for regime, values in truth.accuracy.items()})
    figure = zoo_figures.plot_cost_accuracy(frame, cards)
    assert [len(ax.lines) for ax in figure.axes] == [25, 25]
    assert "best for the time" in [text.get_text() for text in figure.legends[0].get_texts()]
    shots = pd.DataFrame({"one source": [0.2, 0.5], "random weights": [0.1, 0.2]}, index=["1", "all"])
    lines = zoo_figures.plot_shots(shots).axes[0].lines
    assert [line.get_ydata().tolist() for line in lines] == [[0.2, 0.5], [0.1, 0.2]]
    images = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 3), dtype=np.uint8)
    sheet = zoo_figures.plot_contact_sheet(images, columns=3).axes[0].images[0].get_array()
    assert sheet.shape == (20, 30, 3)
    np.testing.assert_array_equal(sheet[10:18, 10:18], images[4])
    assert (sheet[10:, 20:] == 255).all()


def test_battery_shows_one_image_of_each_class_in_named_rows():
    generator = np.random.default_rng(0)
    parts = {}
    for name, classes in (("first_set", 3), ("second", 5)):
        images = generator.integers(0, 256, (2 * classes, 8, 8, 3), dtype=np.uint8)
        names = tuple(map(str, range(classes)))
        parts[name] = BatterySet(name, images, np.tile(np.arange(classes), 2), names, "someone, MIT")
    figure = zoo_figures.plot_battery(parts, columns=4)
    (ax,) = figure.axes
    assert [label.get_text() for label in ax.get_yticklabels()] == ["first set", "second"]
    sheet = ax.images[0].get_array()
    assert sheet.shape == (2 * 10, 4 * 10, 3)
    np.testing.assert_array_equal(sheet[10:18, 20:28], parts["second"].images[2])
    assert (sheet[:10, 30:] == 255).all(), "three classes leave the fourth place empty"
    assert_readable(figure)
