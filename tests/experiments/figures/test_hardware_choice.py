import pandas as pd
from conftest import assert_readable

from experiments.figures.hardware_choice import plot_choices


def test_each_method_stands_at_what_it_loses_and_says_how_often_it_breaks_the_limit():
    rows = [
        {"regime": regime, "method": method, "regret": lost, "violations": broken}
        | {"regret_low": lost / 2, "regret_high": 2 * lost}
        for regime in ("low_data", "fine_tuning")
        for method, lost, broken in (("ours", 0.02, 0.0), ("soft", 0.01, 0.3))
    ]
    figure = plot_choices(pd.DataFrame(rows), "ours")
    assert_readable(figure)
    dots = [line for line in figure.axes[0].lines if line.get_marker() == "o"]
    assert [dot.get_xdata()[0] for dot in dots] == [2.0, 1.0]
    assert [text.get_text() for text in figure.axes[0].texts] == ["30 % break it"]
    assert dots[1].get_markerfacecolor() == "w"
