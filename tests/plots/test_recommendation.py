from conftest import assert_readable
from matplotlib.figure import Figure
from toy_answer import make_frame

from ptmrec.plots.recommendation import plot_recommendation


def test_each_model_stands_at_what_is_expected_of_it():
    frame = make_frame(2).assign(verified=[True, False])
    ax = plot_recommendation(frame)
    assert_readable(ax.figure)
    dots = [line for line in ax.lines if line.get_marker() == "o"]
    assert [dot.get_xdata()[0] for dot in dots] == [0.75, 0.5]
    assert dots[1].get_markerfacecolor() == "w", "tied with the best"
    assert [line.get_ydata()[0] for line in ax.lines if line.get_marker() == "x"] == ["m0"]
    assert ax.get_ylim()[0] > ax.get_ylim()[1], "best on top"


def test_it_draws_where_it_is_told():
    ax = Figure().subplots()
    assert plot_recommendation(make_frame(2), ax) is ax
