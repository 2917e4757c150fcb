import pandas as pd
import pytest
from conftest import assert_readable

from ptmrec.explorer.drawing import draw, readable, short_count, table_html


@pytest.fixture
def frame():
    return pd.DataFrame(
        {
            "rank": [1, 2, 3],
            "model": ["a<b", "second", "third"],
            "parameters": [6_092_072, 148_554, 999],
            "trained_on": ["cats_dogs", "x", "y"],
            "expected_accuracy": [0.52, 0.5, 0.3],
            "low_80": [0.4, 0.38, 0.2],
            "high_80": [0.6, 0.62, 0.4],
            "low_95": [0.3, 0.3, 0.1],
            "high_95": [0.7, 0.7, 0.5],
            "tied_with_best": [True, True, False],
        }
    )


def test_numbers_of_parameters_as_people_say_them():
    assert [short_count(value) for value in (999, 35_400, 4_652_008, 2.5e9)] == ["999", "35.4 k", "4.65 M", "2.5 B"]


def test_the_table_says_what_the_frame_says_in_words(frame):
    table = readable(frame)
    assert table.columns.tolist() == ["#", "model", "parameters", "trained on", "accuracy (80 %)"]
    assert table["#"].tolist() == ["1=", "1=", "3"]
    assert table.iloc[0].tolist() == ["1=", "a<b", "6.09 M", "cats dogs", "52 % (40–60)"]
    more = readable(frame.assign(verified=[True, False, False], licence="MIT; see LICENSE"))
    assert more["run"].tolist() == ["yes", "", ""] and set(more["licence"]) == {"MIT"}
    alone = readable(frame.assign(tied_with_best=[True, False, False]))
    assert alone["#"].tolist() == ["1", "2", "3"]


def test_names_cannot_break_the_page_and_one_row_is_marked(frame):
    page = table_html(readable(frame), "second")
    assert "a&lt;b" in page and "a<b" not in page
    assert [("background" in row) for row in page.split("<tr")[1:]] == [False, False, True, False]
    assert page.count("<tr") == 4 and page.count("<td") == 3 * 5


def test_the_plot_is_drawn_in_the_style_of_the_thesis(frame):
    for shown in (frame.head(1), frame, pd.concat([frame.assign(model=f"m{i}" + frame["model"]) for i in range(7)])):
        figure = draw(shown)
        assert_readable(figure)
        assert len(figure.axes[0].get_yticklabels()) == len(shown)
    assert draw(frame, 4.0).get_figwidth() == 4.0
