import numpy as np
import pandas as pd
import pytest
from conftest import assert_readable
from matplotlib.colors import to_rgb

from experiments.figures.passes import plot_passes
from experiments.studies.passes import HALVING, LOGME, MEAN_RANK, PASSES, RANDOM, VERIFIED
from ptmrec.plots.style import METHOD_COLOURS

CURVES = (VERIFIED, MEAN_RANK, RANDOM, HALVING)


def make_frame(regimes=("low_data", "fine_tuning")):
    """Two targets with different numbers of candidates."""
    rows = []
    for regime in regimes:
        for target, count in (("birds", 190), ("cats", 200)):
            for method in (*CURVES, LOGME):
                for k in (*PASSES, count) if method != LOGME else (count,):
                    regret = 10 / (1 + k) + CURVES.index(method) if method in CURVES else 7.0
                    values = {"tau_w": 1 - regret / 20, "regret1": regret + (target == "cats"), "seconds": k}
                    rows.append({"regime": regime, "target": target, "method": method, "k": k, **values})
    return pd.DataFrame(rows)


def test_regret_and_tau_side_by_side_one_row_per_regime():
    figure = plot_passes(make_frame())
    assert [ax.get_title() for ax in figure.axes] == ["low data", "low data", "fine-tuning", "fine-tuning"]
    assert [ax.get_ylabel() for ax in figure.axes[:2]] == ["accuracy points lost", r"$\tau_w$"]
    assert len(plot_passes(make_frame(("fine_tuning",))).axes) == 2
    assert_readable(figure)


def test_a_curve_is_the_mean_over_targets_and_all_candidates_share_one_place():
    ax = plot_passes(make_frame()).axes[0]
    lines = {line.get_label(): line for line in ax.lines}
    assert set(lines) == {*CURVES, LOGME}
    np.testing.assert_array_equal(lines[VERIFIED].get_xdata(), [*PASSES, 200])
    expected = [10 / (1 + k) + 0.5 for k in PASSES]
    assert lines[VERIFIED].get_ydata()[:-1] == pytest.approx(expected)
    assert lines[VERIFIED].get_ydata()[-1] == pytest.approx((10 / 191 + 10 / 201) / 2 + 0.5)
    assert list(lines[LOGME].get_xdata()) == [200] and list(lines[LOGME].get_ydata()) == [7.5]
    assert [to_rgb(lines[m].get_color()) for m in CURVES] == [METHOD_COLOURS[m] for m in CURVES]
    assert len({line.get_marker() for line in ax.lines}) == 5


def test_the_last_tick_says_all():
    ax = plot_passes(make_frame(("low_data",))).axes[0]
    assert [text.get_text() for text in ax.get_xticklabels()] == [*map(str, PASSES), "all"]
    assert ax.get_xscale() == "symlog" and ax.get_ylim()[0] == 0
