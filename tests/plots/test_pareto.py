import numpy as np
import pandas as pd
from conftest import assert_readable
from matplotlib.figure import Figure

from ptmrec.plots.pareto import LABELLED, plot_pareto


def make_board(count=12):
    return pd.DataFrame(
        {
            "model": [f"m{place}" for place in range(count)],
            "parameters": np.arange(1, count + 1) * 1e5,
            "expected_accuracy": np.linspace(0.4, 0.8, count),
            "latency_high_ms": np.geomspace(0.5, 80, count),
            "latency_basis": ["table"] * (count - 3) + ["estimated"] * 3,
            "on_pareto": [place % 2 == 0 for place in range(count)],
        }
    )


def test_the_front_is_drawn_through_its_models():
    ax = plot_pareto(make_board())
    assert_readable(ax.figure)
    front = make_board().query("on_pareto")
    assert ax.lines[0].get_xdata().tolist() == front["latency_high_ms"].tolist()
    assert len(ax.texts) == min(LABELLED, len(front))
    assert ax.get_xscale() == "log"


def test_without_latencies_parameters_stand_there():
    ax = Figure().subplots()
    assert plot_pareto(make_board().assign(latency_high_ms=np.nan, latency_basis="unknown"), ax) is ax
    assert ax.get_xlabel() == "parameters"
