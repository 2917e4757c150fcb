import numpy as np
import pandas as pd
from conftest import assert_readable

from experiments.figures.relations import plot_weights
from ptmrec.relations.linear import COLUMNS
from ptmrec.relations.pairs import RELATIONS


def test_both_kinds_of_models_stand_in_a_row_per_relation():
    values = np.arange(len(COLUMNS)) / 10
    figure = plot_weights(pd.DataFrame({"low_data": values, "fine_tuning": -values}, index=list(COLUMNS)))
    assert [ax.get_title() for ax in figure.axes] == ["low data", "fine-tuning"]
    lines = {line.get_label(): line for line in figure.axes[0].lines}
    np.testing.assert_allclose(lines["measured models"].get_xdata(), values[: len(RELATIONS)])
    np.testing.assert_allclose(lines["new models"].get_xdata(), values[len(RELATIONS) :])
    assert_readable(figure)
