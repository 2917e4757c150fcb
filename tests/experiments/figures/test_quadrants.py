from pathlib import Path

import pandas as pd
import pytest
from conftest import assert_readable

from experiments.figures.quadrants import NOTHING, plot_cost_quality, plot_quadrants
from experiments.studies.quadrants import HEADLINE, TITLES
from ptmrec.plots.style import METHOD_COLOURS

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
    assert_readable(figure)
    free, paid = figure.axes[1].lines
    assert (free.get_xdata()[0], free.get_ydata()[0]) == (NOTHING, 0.5)
    assert (paid.get_xdata()[0], paid.get_ydata()[0]) == (2.0, 0.7)
    assert free.get_markerfacecolor() == "w" and paid.get_markerfacecolor() == METHOD_COLOURS["LogME"]
