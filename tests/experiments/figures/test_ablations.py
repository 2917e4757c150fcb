import numpy as np
import pandas as pd
import pytest
from conftest import assert_readable

from experiments.figures.ablations import differences, plot_ablations, plot_learning_curve

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
    assert [ax.get_title() for ax in figure.axes] == ["low data", "fine-tuning"]
    dots = [line for line in figure.axes[0].lines if line.get_marker() == "o"]
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
    assert_readable(figure)
    curve, static = figure.axes[0].lines
    assert list(curve.get_xdata()) == [4, 27]
    assert curve.get_ydata() == pytest.approx([frame["tau_w"].mean() - 0.3, frame["tau_w"].mean()])
    assert set(static.get_ydata()) == {0.5}
