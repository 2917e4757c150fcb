import pandas as pd
import pytest

from experiments.figures.cost_growth import fit_slopes, plot_cost_growth


@pytest.fixture
def points():
    rows = [("models", "ours", n, 2.0) for n in (10, 100)] + [("models", "passes", n, 3.0 * n) for n in (10, 100, 1000)]
    rows += [("data sets", "fitting", n, 0.1 * n**2) for n in (2, 4, 8)]
    return pd.DataFrame(rows, columns=["over", "what", "count", "seconds"])


def test_slopes_are_exponents(points):
    slopes = fit_slopes(points)
    assert slopes["models", "ours"] == pytest.approx(0, abs=1e-9)
    assert slopes["models", "passes"] == pytest.approx(1)
    assert slopes["data sets", "fitting"] == pytest.approx(2)


def test_both_panels_are_log_log_and_name_their_slopes(points):
    left, right = plot_cost_growth(points).axes
    for ax in (left, right):
        assert ax.get_xscale() == ax.get_yscale() == "log"
    assert [text.get_text() for text in left.get_legend().get_texts()] == ["ours (slope 0.00)", "passes (slope 1.00)"]
    assert left.lines[1].get_ydata().tolist() == [30, 300, 3000]
    assert right.get_xlabel() == "number of data sets"
    assert [tick.get_text() for tick in right.get_xticklabels()] == ["2", "4", "8"]
    assert len({line.get_color() for line in left.lines}) == len(left.lines)
