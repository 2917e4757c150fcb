import io
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from conftest import assert_readable
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text
from PIL import Image
from toy_answer import make_frame

from experiments.evaluation.baselines import BASELINES
from experiments.studies.comparison import OURS, SINGLE
from experiments.studies.passes import HALVING, LOGME, RANDOM
from experiments.studies.quadrants import FEATURES, TRANSPORT
from ptmrec.core.errors import ArtifactError
from ptmrec.plots.pareto import LABELLED, LEAST_RANGE, plot_pareto
from ptmrec.plots.recommendation import plot_recommendation
from ptmrec.plots.style import (
    METHOD_COLOURS,
    TEXT_WIDTH,
    category_colours,
    picture,
    save_figure,
    settle,
    thesis_style,
    words,
)
from ptmrec.plots.training_curves import COLOURS, new_metrics, plot_history, window_of
from ptmrec.train.history import History

ROOT = Path(__file__).resolve().parents[2]


def test_style_is_put_back():
    before = mpl.rcParams["font.size"]
    with thesis_style():
        assert mpl.rcParams["font.size"] == 9
        assert min(mpl.rcParams[key] for key in ("xtick.labelsize", "ytick.labelsize", "legend.fontsize")) >= 8
    assert mpl.rcParams["font.size"] == before


def test_every_method_has_a_colour_of_its_own():
    ours = {OURS, SINGLE, TRANSPORT, FEATURES, LOGME, HALVING, RANDOM}
    assert set(BASELINES) | ours <= set(METHOD_COLOURS)
    assert len(set(METHOD_COLOURS.values())) == len(METHOD_COLOURS)


def test_colours_depend_on_the_set_of_names_only():
    assert category_colours(["b", "a", "b"]) == category_colours(["a", "b"])
    assert len(set(category_colours("abcdefghi").values())) == 9
    assert words(["cats_dogs"]) == ["cats dogs"]


def test_saved_figures_have_text_width_and_repeat_to_the_byte(tmp_path):
    with thesis_style():
        figure = Figure(figsize=(TEXT_WIDTH, 2), layout="constrained")
        figure.subplots().set_xlabel("x")
    assert_readable(figure)
    first = [path.read_bytes() for path in save_figure(figure, "a", tmp_path, "A line.")]
    assert [path.read_bytes() for path in save_figure(figure, "a", tmp_path, "A line.")] == first
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.pdf", "a.png"]
    assert b"MediaBox [ 0 0 424.8 144 ]" in first[0]
    assert b"A line." in first[0] and b"A line." in first[1], "the text goes with the file"


def test_what_is_saved_has_the_style_it_was_drawn_in(tmp_path):
    """Resolution and fonts act when a figure is saved, and ticks are made then."""
    with thesis_style():
        figure = Figure(figsize=(TEXT_WIDTH, 2), layout="constrained")
        figure.subplots().set(xlabel=r"$\tau_w$ by data set", xlim=(0, 1))
    pdf, png = save_figure(figure, "a", tmp_path, "A line.")
    assert b"/Type3" not in pdf.read_bytes() and b"/CIDFontType2" in pdf.read_bytes()
    with Image.open(png) as saved:
        assert saved.size == (5.9 * 200, 2 * 200) and saved.info["dpi"] == pytest.approx((200, 200), abs=0.1)


@pytest.mark.parametrize(("x", "y", "side"), [(1.2, 0.5, "right"), (-0.5, 0.5, "left"), (0.5, 1.5, "top")])
def test_a_figure_that_is_cut_off_is_not_saved(tmp_path, x, y, side):
    with thesis_style():
        figure = Figure(figsize=(TEXT_WIDTH, 2))
        ax = figure.subplots()
        ax.text(x, y, "some words", transform=ax.transAxes)
    with pytest.raises(ArtifactError, match=f"figure 'a': cut off by .* inches at the {side}; draw it larger"):
        save_figure(figure, "a", tmp_path, "Words.")
    assert not list(tmp_path.iterdir())


def test_a_legend_outside_is_reckoned_with_before_the_first_picture():
    """The titles above two squares were cut off where they were saved, and whole in the next picture."""
    with thesis_style():
        figure = Figure(figsize=(TEXT_WIDTH, 3.7), layout="constrained")
        for ax in figure.subplots(1, 2):
            ax.set(aspect="equal", title="a title", xlabel="x")
        handles = [Line2D([], [], label=f"name {place}") for place in range(11)]
        figure.legend(handles=handles, loc="outside lower center", ncols=5)
    with Image.open(io.BytesIO(picture(figure))) as saved:
        assert (np.asarray(saved.convert("L"))[:2] == 255).all(), "nothing at the upper edge"


def test_no_figure_without_alternative_text(tmp_path):
    with pytest.raises(ValueError, match="cannot see"):
        save_figure(Figure(), "a", tmp_path, " ")
    assert not list(tmp_path.iterdir())


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


def test_models_expected_to_be_as_good_look_so():
    low, high = plot_pareto(make_board().assign(expected_accuracy=0.35)).get_ylim()
    assert low < 0.35 < high and high - low >= 0.99 * LEAST_RANGE


def test_without_latencies_parameters_stand_there():
    ax = Figure().subplots()
    assert plot_pareto(make_board().assign(latency_high_ms=np.nan, latency_basis="unknown"), ax) is ax
    assert ax.get_xlabel() == "parameters"


def test_each_model_stands_at_what_is_expected_of_it():
    frame = make_frame(2).assign(verified=[True, False])
    ax = plot_recommendation(frame)
    assert_readable(ax.figure)
    dots = [line for line in ax.lines if line.get_marker() == "o"]
    assert [dot.get_xdata()[0] for dot in dots] == [0.75, 0.5]
    assert dots[1].get_markerfacecolor() == "w", "tied with the best"
    assert [line.get_ydata()[0] for line in ax.lines if line.get_marker() == "x"] == ["m0"]
    assert ax.get_ylim() == (1.5, -0.5), "best on top, no mark on an axis"


def test_it_draws_where_it_is_told():
    ax = Figure().subplots()
    assert plot_recommendation(make_frame(2), ax) is ax


def make_frame_training_curves(epochs=6, validation=True):
    rows = []
    for epoch in range(1, epochs + 1):
        row = {"epoch": epoch, "train_loss": 1 / epoch, "train_reconstruction": 0.99 / epoch, "learning_rate": 0.1}
        row["train_tau_w"] = (epoch % 3) / 10
        if validation:
            row |= {"validation_loss": 2 / epoch, "validation_reconstruction": 1.9 / epoch}
            row |= {"validation_tau_w": (epoch % 2) / 5, "validation_recall@5": (epoch % 4) / 4}
        rows.append(row)
    return History(rows).to_frame()


def curves(ax):
    return {line.get_label(): line for line in ax.lines}


def test_curves_hold_the_data_in_fixed_colours():
    frame = make_frame_training_curves()
    plain, logarithmic, mean = plot_history(frame).axes[:3]
    assert [ax.get_yscale() for ax in (plain, logarithmic, mean)] == ["linear", "log", "linear"]
    for label, part in (("training", "train"), ("validation", "validation")):
        for ax, values in ((plain, frame), (logarithmic, frame), (mean, frame.rolling(3).mean())):
            line = curves(ax)[label]
            np.testing.assert_array_equal(line.get_ydata(), values[f"{part}_loss"])
            np.testing.assert_array_equal(line.get_xdata(), frame["epoch"])
            assert to_rgb(line.get_color()) == to_rgb(COLOURS[part])


def test_a_loss_within_a_decade_has_plain_numbers_on_its_log_scale():
    losses = {f"{part}_loss": np.linspace(3.2, 3.9, 6) for part in ("train", "validation")}
    figure = plot_history(make_frame_training_curves().assign(**losses))
    settle(figure)
    labels = [label.get_text() for label in figure.axes[1].get_yticklabels(minor=True)]
    assert "3.5" in labels and not any("10" in label for label in labels)


def test_no_panel_repeats_another_and_titles_are_words():
    before = plt.get_fignums()
    figure = plot_history(make_frame_training_curves())
    assert new_metrics(make_frame_training_curves()) == ["tau_w", "recall@5"]
    loss = ["loss", "loss, log scale", "loss, mean of 3 epochs"]
    assert [ax.get_title() for ax in figure.axes] == [*loss, r"agreement $\tau_w$", "recall@5"]
    assert_readable(figure)
    assert plt.get_fignums() == before


def test_chosen_epoch_is_marked_in_every_panel_and_the_legend():
    figure = plot_history(make_frame_training_curves(), chosen=4)
    for ax in figure.axes:
        assert list(curves(ax)["chosen: epoch 4"].get_xdata()) == [4, 4]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["training", "validation", "chosen: epoch 4"]
    assert "chosen" not in str(
        [text.get_text() for text in plot_history(make_frame_training_curves()).legends[0].get_texts()]
    )


def test_a_loss_that_is_not_positive_has_no_log_scale():
    frame = make_frame_training_curves()
    frame[["train_loss", "validation_loss"]] -= 1.0
    assert "log" not in [ax.get_yscale() for ax in plot_history(frame).axes]


def test_the_window_of_the_mean_goes_by_the_length_of_the_run():
    assert [window_of(epochs) for epochs in (1, 30, 100, 1000)] == [3, 3, 10, 100]
    assert len(plot_history(make_frame_training_curves(epochs=5)).axes) == 4, "too short for a mean"
    assert plot_history(make_frame_training_curves(epochs=100)).axes[2].get_title() == "loss, mean of 10 epochs"


def test_only_what_was_measured_is_drawn():
    figure = plot_history(make_frame_training_curves(validation=False))
    assert list(curves(figure.axes[0])) == ["training"]
    assert list(curves(plot_history(make_frame_training_curves()).axes[4])) == ["validation"]


def test_a_single_epoch_shows_as_a_point():
    figure = plot_history(make_frame_training_curves(epochs=1))
    assert len(figure.axes) == 5  # nothing can be said to repeat the loss
    assert figure.axes[0].lines[0].get_marker() == "o"
    assert_readable(figure)
