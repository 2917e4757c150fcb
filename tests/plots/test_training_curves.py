import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from ptmrec.plots.training_curves import (
    COLORS,
    metric_names,
    plot_history,
    plot_loss,
    plot_metric,
)
from ptmrec.train.history import History


def make_frame(epochs=4, validation=True):
    rows = []
    for epoch in range(1, epochs + 1):
        row = {"epoch": epoch, "train_loss": 1 / epoch, "train_accuracy": epoch / 10, "learning_rate": 0.1}
        if validation:
            row |= {
                "validation_loss": 2 / epoch,
                "validation_accuracy": epoch / 20,
                "validation_recall@5": 0.5,
            }
        rows.append(row)
    return History(rows).to_frame()


def test_loss_curves_hold_the_data_in_fixed_colours():
    frame = make_frame()
    ax = plot_loss(frame)
    assert isinstance(ax, Axes)
    for line, part in zip(ax.lines, ("train", "validation"), strict=True):
        np.testing.assert_array_equal(line.get_ydata(), frame[f"{part}_loss"])
        assert to_rgb(line.get_color()) == to_rgb(COLORS[part])
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["train", "validation"]
    assert not ax.get_legend().get_frame_on()
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Epoch", "Loss")


def test_log_scale_and_rolling_mean():
    frame = make_frame()
    assert plot_loss(frame, scale="log").get_yscale() == "log"
    lines = plot_loss(frame, rolling=2).lines
    assert len(lines) == 4
    assert lines[1].get_ydata()[-1] == pytest.approx((1 / 3 + 1 / 4) / 2)


def test_only_what_was_measured_is_drawn():
    assert len(plot_loss(make_frame(validation=False)).lines) == 1
    assert len(plot_metric(make_frame(), "recall@5").lines) == 1


def test_metrics_and_the_axes_given():
    frame = make_frame()
    ax = Figure().subplots()
    assert metric_names(frame) == ["accuracy", "recall@5"]
    assert plot_metric(frame, "accuracy", ax) is ax
    assert ax.get_ylabel() == "Accuracy"
    with pytest.raises(ValueError, match="recall@5"):
        plot_metric(frame, "missing")


def test_history_has_a_panel_for_each_and_leaves_pyplot_alone():
    before = plt.get_fignums()
    figure = plot_history(make_frame())
    assert [ax.get_title() for ax in figure.axes] == [
        "Loss",
        "Loss, log scale",
        "Loss, mean of 2 epochs",
        "Accuracy",
        "Recall@5",
    ]
    assert plt.get_fignums() == before


def test_no_log_panel_for_losses_that_have_no_logarithm():
    frame = make_frame()
    frame.loc[0, "train_loss"] = -1.0
    assert "Loss, log scale" not in [ax.get_title() for ax in plot_history(frame).axes]
