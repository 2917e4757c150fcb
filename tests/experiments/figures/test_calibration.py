import io

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from conftest import assert_readable
from PIL import Image

from experiments.figures.calibration import TOLERANCE, plot_coverage, plot_expected
from ptmrec.config.parser import ConfigParser
from ptmrec.pipeline.committed import ProjectFiles
from ptmrec.plots.style import picture


@pytest.fixture(autouse=True)
def _leaves_pyplot_alone():
    before = plt.get_fignums()
    yield
    assert plt.get_fignums() == before


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
        for group in ("known data", "blind data")
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


def test_the_blind_data_sets_of_the_split_fit_with_their_names():
    """The titles were cut off in the first picture, which is the one that is saved."""
    names = ProjectFiles(ConfigParser()).splits.blind
    place = {"group": "b", "expected": 0.5, "low_80": 0.4, "high_80": 0.6, "measured": 0.55}
    rows = [{**place, "dataset": name, "regime": regime} for name in names for regime in ("low_data", "fine_tuning")]
    figure = plot_expected(pd.DataFrame(rows), "b", 0.8)
    with Image.open(io.BytesIO(picture(figure))) as saved:
        assert (np.asarray(saved.convert("L"))[:2] == 255).all(), "nothing at the upper edge"
    assert_readable(figure)


def test_coverage_and_width_are_means_over_data_sets_beside_nominal():
    rows = [
        {"dataset": name, "regime": regime, "level": level, "coverage": level + shift, "width": level / 2}
        for regime in ("low_data", "fine_tuning")
        for level in (0.8, 0.95)
        for name, shift in (("gtsrb", 0.04), ("dtd10", -0.02))
    ]
    figure = plot_coverage(pd.DataFrame(rows), "Intervals")
    left, right = figure.axes
    lines = {line.get_label(): line for line in left.lines}
    assert list(lines["nominal"].get_ydata()) == [0.8, 0.95]
    for label in ("low data", "fine-tuning"):
        assert list(lines[label].get_ydata()) == pytest.approx([0.81, 0.96])
    band = left.collections[0].get_paths()[0].vertices[:, 1]
    assert band.min() == pytest.approx(0.8 - TOLERANCE) and band.max() == pytest.approx(0.95 + TOLERANCE)
    widths = {line.get_label(): line for line in right.lines}
    assert list(widths["low data"].get_ydata()) == pytest.approx([0.4, 0.475])
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["nominal", "low data", "fine-tuning"]
    assert_readable(figure)
