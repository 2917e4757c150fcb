import numpy as np
import pandas as pd
import pytest
from conftest import assert_readable
from matplotlib.figure import Figure
from matplotlib.text import Text

from ptmrec.plots.pareto import LABELLED, plot_pareto
from ptmrec.plots.style import settle


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


def close(count):
    """A front of models of almost one accuracy, whose names cannot all stand to their right."""
    board = make_board(count).assign(on_pareto=True, model=[f"efficientnet-small-{place}" for place in range(count)])
    return board.assign(expected_accuracy=np.linspace(0.7, 0.71, count), latency_high_ms=np.linspace(5, 6, count))


@pytest.mark.parametrize("board", [make_board(), make_board(40), close(6), close(20)], ids=["12", "40", "6", "close"])
def test_every_name_stands_beside_its_own_model_or_is_tied_to_it(board):
    ax = plot_pareto(board)
    settle(ax.figure)
    front = board[board["on_pareto"]]
    there = ax.transData.transform(front[["latency_high_ms", "expected_accuracy"]])
    spots = dict(zip(front["model"], there, strict=True))
    boxes = {text.get_text(): Text.get_window_extent(text) for text in ax.texts}
    assert boxes and set(boxes) <= set(front["model"].tail(LABELLED))
    for text in ax.texts:
        name, box = text.get_text(), boxes[text.get_text()]
        assert text.xy == tuple(front.set_index("model").loc[name, ["latency_high_ms", "expected_accuracy"]])
        assert not any(box.overlaps(other) for key, other in boxes.items() if key != name)
        assert not any(box.contains(*spot) for key, spot in spots.items() if key != name), name
        if text.arrow_patch is None:
            near = {key: np.hypot(*(np.clip(spot, box.min, box.max) - spot)) for key, spot in spots.items()}
            assert min(near, key=near.get) == name, "a reader takes it for the name of the nearest point"


def test_without_latencies_parameters_stand_there():
    ax = Figure().subplots()
    assert plot_pareto(make_board().assign(latency_high_ms=np.nan, latency_basis="unknown"), ax) is ax
    assert ax.get_xlabel() == "parameters"
