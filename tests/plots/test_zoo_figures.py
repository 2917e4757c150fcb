import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from conftest import DATASETS, make_ground_truth

from ptmrec.evaluation.zoo_statistics import ceilings, tau_matrix, variance_shares
from ptmrec.plots import zoo_figures


@pytest.fixture(scope="module")
def truth_and_cards():
    return make_ground_truth(np.random.default_rng(0).uniform(size=(4, 24)))


@pytest.fixture(autouse=True)
def _leaves_pyplot_alone():
    before = plt.get_fignums()
    yield
    assert plt.get_fignums() == before


def test_heat_map_holds_every_model_and_data_set_standardised(truth_and_cards):
    figure = zoo_figures.plot_ground_truth(*truth_and_cards, "low_data")
    strip, ax = figure.axes[:2]
    shown = ax.images[0].get_array()
    assert shown.shape == (24, 4)
    np.testing.assert_allclose(shown.mean(axis=0), 0, atol=1e-9)
    assert {text.get_text() for text in ax.get_xticklabels()} == set(DATASETS)
    assert strip.images[0].get_array().shape[:2] == (24, 1)
    assert {text.get_text() for text in figure.legends[0].get_texts()} == {"vgg", "vit"}


def test_similar_vectors_lie_side_by_side():
    vectors = np.array([[0.0, 0], [9, 9], [0.1, 0], [9, 9.1], [0, 0.1]])
    order = zoo_figures.cluster_order(vectors).tolist()
    assert set(order[:3]) in ({0, 2, 4}, {1, 3, *order[2:3]})
    assert abs(order.index(1) - order.index(3)) == 1


def test_tau_matrices_share_an_order(truth_and_cards):
    truth, _ = truth_and_cards
    matrices = {regime: tau_matrix(truth, regime, DATASETS) for regime in truth.accuracy}
    figure = zoo_figures.plot_tau_matrices(matrices, DATASETS)
    names = [[text.get_text() for text in ax.get_xticklabels()] for ax in figure.axes[:2]]
    assert names[0] == names[1]
    order = [DATASETS.index(name) for name in names[0]]
    shown = figure.axes[0].images[0].get_array()
    np.testing.assert_allclose(shown, matrices["low_data"][order][:, order])


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
    shots = pd.DataFrame({"one source": [0.2, 0.5], "random weights": [0.1, 0.2]}, index=["1", "all"])
    lines = zoo_figures.plot_shots(shots).axes[0].lines
    assert [line.get_ydata().tolist() for line in lines] == [[0.2, 0.5], [0.1, 0.2]]
    images = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 3), dtype=np.uint8)
    sheet = zoo_figures.plot_contact_sheet(images, columns=3).axes[0].images[0].get_array()
    assert sheet.shape == (20, 30, 3)
    np.testing.assert_array_equal(sheet[10:18, 10:18], images[4])
    assert (sheet[10:, 20:] == 255).all()
