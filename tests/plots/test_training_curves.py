import matplotlib.pyplot as plt
import numpy as np
import pytest
from conftest import assert_readable
from matplotlib.colors import to_rgb

from ptmrec.plots.training_curves import COLOURS, new_metrics, plot_history
from ptmrec.train.history import History


def make_frame(epochs=6, validation=True):
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
    frame = make_frame()
    lines = curves(plot_history(frame).axes[0])
    assert list(lines) == ["training", "validation"]
    for label, part in (("training", "train"), ("validation", "validation")):
        np.testing.assert_array_equal(lines[label].get_ydata(), frame[f"{part}_loss"])
        np.testing.assert_array_equal(lines[label].get_xdata(), frame["epoch"])
        assert to_rgb(lines[label].get_color()) == to_rgb(COLOURS[part])


def test_no_panel_repeats_another_and_titles_are_words():
    before = plt.get_fignums()
    figure = plot_history(make_frame())
    assert new_metrics(make_frame()) == ["tau_w", "recall@5"]
    assert [ax.get_title() for ax in figure.axes] == ["loss", r"agreement $\tau_w$", "recall@5"]
    assert_readable(figure)
    assert plt.get_fignums() == before


def test_chosen_epoch_is_marked_in_every_panel_and_the_legend():
    figure = plot_history(make_frame(), chosen=4)
    for ax in figure.axes:
        assert list(curves(ax)["chosen: epoch 4"].get_xdata()) == [4, 4]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["training", "validation", "chosen: epoch 4"]
    assert "chosen" not in str([text.get_text() for text in plot_history(make_frame()).legends[0].get_texts()])


@pytest.mark.parametrize(("shift", "scale"), [(0.0, "log"), (5.0, "linear"), (-1.0, "linear")])
def test_log_scale_where_losses_are_positive_and_span_a_decade(shift, scale):
    frame = make_frame()
    frame[["train_loss", "validation_loss"]] += shift
    assert plot_history(frame).axes[0].get_yscale() == scale


def test_only_what_was_measured_is_drawn():
    figure = plot_history(make_frame(validation=False))
    assert list(curves(figure.axes[0])) == ["training"]
    assert list(curves(plot_history(make_frame()).axes[2])) == ["validation"]


def test_a_single_epoch_shows_as_a_point():
    figure = plot_history(make_frame(epochs=1))
    assert len(figure.axes) == 4  # nothing can be said to repeat the loss
    assert figure.axes[0].lines[0].get_marker() == "o"
    assert_readable(figure)
