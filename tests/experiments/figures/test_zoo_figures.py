import numpy as np
import pandas as pd
import pytest
from conftest import DATASETS, assert_readable

from experiments.evaluation.zoo_statistics import ceilings, variance_shares
from experiments.figures import zoo_figures
from ptmrec.benchmark.battery import BatterySet


def test_shares_fill_the_bar(truth_and_cards):
    truth, cards = truth_and_cards
    shares = {regime: variance_shares(truth, cards, regime) for regime in truth.accuracy}
    figure = zoo_figures.plot_variance_shares(shares)
    widths = [patch.get_width() for patch in figure.axes[0].patches]
    assert sum(widths) == pytest.approx(2.0)
    assert len(figure.legends[0].get_texts()) == 4
    assert_readable(figure)


def test_ceilings_are_sorted_and_blind_ones_hollow(truth_and_cards):
    truth, _ = truth_and_cards
    frame = ceilings(truth, DATASETS)
    figure = zoo_figures.plot_ceilings(frame, {"a": "train", "b": "train", "c": "validation", "d": "blind"})
    points = figure.axes[0].collections[0]
    values = points.get_offsets()[:, 0]
    np.testing.assert_allclose(np.sort(values), np.sort(frame["low_data"]))
    hollow = [name for name, face in zip(_labels(figure), points.get_facecolors(), strict=True) if face[3] == 0]
    assert hollow == ["d"]
    assert_readable(figure)


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
    assert_readable(figure)
    assert "best for the time" in [text.get_text() for text in figure.legends[0].get_texts()]
    shots = pd.DataFrame({"one source": [0.2, 0.5], "random weights": [0.1, 0.2]}, index=["1", "all"])
    assert_readable(zoo_figures.plot_shots(shots))
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
