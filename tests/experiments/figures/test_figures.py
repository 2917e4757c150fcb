import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from conftest import assert_readable
from matplotlib.colors import to_rgb

from experiments.figures import figures
from ptmrec.plots.style import METHOD_COLOURS

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
    for group in ("known data", "blind data"):
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
    assert len(figures.plot_method_bars(make_summary(), ["known data", "blind data"], OURS).axes) == 8


def test_token_map_colours_one_thing_per_panel():
    tokens = np.random.default_rng(0).normal(size=(12, 5)) * np.r_[1000, np.ones(11)][:, None]
    panels = {"family": ["vgg", "vit"] * 6, "source": ["hands", "mixture", "microscopy"] * 4}
    figure = figures.plot_token_map(tokens, panels, "Codes")
    assert [ax.get_title() for ax in figure.axes] == ["colour: family", "colour: source"]
    for ax, categories in zip(figure.axes, panels.values(), strict=True):
        assert [line.get_label() for line in ax.lines] == sorted(set(categories))
        assert sum(len(line.get_xdata()) for line in ax.lines) == 12
        assert len({to_rgb(line.get_color()) for line in ax.lines}) == len(set(categories))
        assert np.abs(np.concatenate([line.get_xdata() for line in ax.lines])).max() < 2  # directions
    assert_readable(figure)


def test_a_large_token_map_is_the_same_every_time():
    """PCA of a large table draws at random by default."""
    tokens = np.random.default_rng(0).normal(size=(520, 600))
    first, second = (figures.plot_token_map(tokens, {"kind": ["a"] * 520}, "Codes").axes[0].lines for _ in range(2))
    np.testing.assert_array_equal(first[0].get_xydata(), second[0].get_xydata())


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
    assert_readable(figure)
