"""The panel, driven as a person would: its widgets get values, and what it shows changes."""

import math
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from conftest import assert_readable, write_images
from matplotlib.figure import Figure

from ptmrec.benchmark.battery import DEMO as FIRST_DEMO
from ptmrec.benchmark.battery import read_battery
from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import PRESETS, PathsConfig
from ptmrec.core.errors import ConfigError, DataError
from ptmrec.explorer import panel
from ptmrec.explorer.drawing import draw, readable
from ptmrec.explorer.panel import (
    DEMO,
    FOLDER,
    MOST_SHOWN,
    Explorer,
    ask,
    describe_demos,
    image_html,
    parameter_limits,
    show_explorer,
)
from ptmrec.images.account import Account
from ptmrec.recommender.page import table_html
from ptmrec.recommender.recommendation import Recommendation
from ptmrec.recommender.request import Request

DEMOS = {"demo:a": "demo: a", "demo:b": "demo: b"}


def make_frame(count=8, first="m"):
    """The largest models are the best ones."""
    value = [0.9 - 0.05 * place for place in range(count)]
    columns = {"rank": range(1, count + 1), "model": [f"{first}{place}" for place in range(count)]}
    spread = {"low_80": -0.1, "high_80": 0.1, "low_95": -0.2, "high_95": 0.2}
    frame = (
        pd.DataFrame(columns)
        .assign(
            parameters=[4_000_000, 1_500_000] + [9_000 * (count - place) for place in range(2, count)],
            trained_on="some_set",
            expected_accuracy=value,
            tied_with_best=[place < 2 for place in range(count)],
        )
        .assign(rank=lambda own: own["rank"].where(~own["tied_with_best"], 1))
    )
    return frame.assign(**{name: frame["expected_accuracy"] + shift for name, shift in spread.items()})


class Recorder:
    """Answers every question and remembers it."""

    def __init__(self):
        self.asked = []

    def __call__(self, images, preset):
        self.asked.append((images, preset))
        if images == "nowhere":
            raise DataError("nowhere: no such folder <b>")
        frame = make_frame(3 if images == "demo:b" else 8, images[-1])
        user_images = SimpleNamespace(
            images=range(9), labels=None, total=9, num_classes=2, part="", class_names=("a",), account=Account()
        )
        ranking = SimpleNamespace(
            **{"frame": frame, "notes": (f"{images} at {preset}.",), "nearest": {}, "verification": None},
            **{"doubts": ("Nothing is like <it>.",) if images == "noise" else ()},
            **{"ranked_by": Path("folder"), "runnable": True, "explain": lambda model, by_class=True: Why(model)},
        )
        return Recommendation(Request(user_images, "low_data", None), ranking)


class Why:
    """Why a model ranks where it does."""

    def __init__(self, model):
        self.model = model

    def phrase(self):
        return "its size"

    worst_classes = {}

    def liked(self):
        return []

    def words(self, class_names):
        return [f"why {self.model} tells {class_names[0]}."]

    def sentence(self, class_names):
        return "size +0.1"


@pytest.fixture
def recorder():
    return Recorder()


@pytest.fixture
def explorer(recorder):
    return Explorer(recorder, DEMOS)


def seen(explorer):
    """Text and pictures of the panel."""
    return explorer._table.value, explorer._picture.value, explorer._reason.value, explorer._remarks.value


def test_the_first_demo_is_answered_before_anything_is_pressed(explorer, recorder):
    assert recorder.asked == [("demo:a", "fast")]
    table, picture, reason, remarks = seen(explorer)
    assert table.count("<tr") == 1 + 5 and "a0" in table and "4 M" in table
    assert 'aria-label="Dots' in picture and "<svg" in picture
    assert (
        "why a0" in reason and "<details>" in reason and "size +0.1" in reason and remarks.count("Demo:a at fast.") == 1
    )
    assert explorer.table()["model"].tolist() == ["a0", "a1", "a2", "a3", "a4"]


def test_sliders_change_table_plot_and_explanation_at_once(explorer, recorder):
    before = seen(explorer)
    labels = [label for label, _ in explorer.limit.options]
    explorer.limit.value = dict(explorer.limit.options)[labels[-2]]
    shown, tied = explorer.table(), int(explorer.table()["tied_with_best"].sum())
    assert shown["rank"].tolist() == [1] * tied + list(range(tied + 1, len(shown) + 1)), "no rank is left out"
    assert all(new != old for new, old in zip(seen(explorer), before, strict=True))
    assert explorer.table()["model"].iloc[0] == "a1" and explorer.model.value == "a1"
    assert "1 model left out" in explorer._remarks.value
    explorer.count.value = 2
    assert explorer.table()["model"].tolist() == ["a1", "a2"] == list(explorer.model.options)
    explorer.count.value = MOST_SHOWN
    assert len(explorer.table()) == 7, "as many as there are"
    assert len(recorder.asked) == 1, "nothing was ranked again"


def test_another_model_is_explained_and_marked(explorer):
    explorer.model.value = "a3"
    assert explorer.explanation() == "a3: why a3 tells a." and "why a3" in explorer._reason.value
    marked = [row for row in explorer._table.value.split("<tr")[1:] if "background" in row]
    assert len(marked) == 1 and "a3" in marked[0]
    explorer.count.value = 7
    assert explorer.model.value == "a3", "it stays while it is shown"
    explorer.count.value = 2
    assert explorer.model.value == "a0"


def test_another_question_waits_for_the_button(explorer, recorder):
    explorer.images.value, explorer.preset.value = "demo:b", "best"
    assert "Press Recommend" in explorer.status.value and len(recorder.asked) == 1
    explorer.button.click()
    assert recorder.asked[-1] == ("demo:b", "best")
    assert explorer.table()["model"].tolist() == ["b0", "b1", "b2"]
    assert "Press" not in explorer.status.value and not explorer.button.disabled


def test_ones_own_folder_is_typed_and_mistakes_are_said(explorer, recorder):
    assert explorer.folder.disabled
    explorer.images.value = FOLDER
    assert not explorer.folder.disabled
    explorer.folder.value = " nowhere "
    before = seen(explorer)
    explorer.button.click()
    assert "no such folder &lt;b&gt;" in explorer.status.value and not explorer.button.disabled
    assert seen(explorer) == before, "the last answer stays"
    assert "No answer: nowhere: no such folder" in explorer.status.value and 'role="alert"' in explorer.status.value
    assert "Still shown: Models for a<" in explorer._title.value and "ptmrec-old" in explorer._answer._dom_classes
    explorer.folder.value = "my/photos/"
    explorer.button.click()
    assert recorder.asked[-1] == ("my/photos/", "fast")
    assert "My/photos/ at fast." in explorer._remarks.value
    assert "Models for photos<" in explorer._title.value and "ptmrec-old" not in explorer._answer._dom_classes


def test_a_new_answer_explains_its_winner(explorer, recorder):
    explorer.model.value = "a3"
    explorer.button.click()
    assert explorer.model.value == "a0", "also where the model explained before is in the table"
    marked = [row for row in explorer._table.value.split("<tr")[1:] if "background" in row]
    assert len(marked) == 1 and "a0" in marked[0]


def test_the_old_answer_is_dimmed_while_a_new_one_is_made(explorer):
    ask, seen = explorer._ask, []

    def slow(*question):
        seen.extend(explorer._answer._dom_classes)
        return ask(*question)

    explorer._ask = slow
    explorer.button.click()
    assert seen == ["ptmrec-old"] and explorer._answer._dom_classes == ()


def test_what_is_not_to_be_trusted_is_said_first_and_not_bold(explorer):
    assert "font-weight:600" in explorer._table.value and "rely" not in explorer._title.value
    explorer.images.value, explorer.folder.value = FOLDER, "noise"
    explorer.button.click()
    assert "Do not rely on this answer.</strong> Nothing is like &lt;it&gt;." in explorer._title.value
    assert "#e65100" in explorer._title.value
    assert "font-weight:600" not in explorer._table.value and "Nothing" not in explorer._remarks.value
    assert "Nothing is like <it>." in explorer.remarks()


def test_a_folder_given_first_is_what_the_choosers_show(recorder):
    explorer = Explorer(recorder, DEMOS, "photos", "balanced")
    assert recorder.asked == [("photos", "balanced")]
    assert (explorer.images.value, explorer.folder.value, explorer.folder.disabled) == (FOLDER, "photos", False)
    assert Explorer(recorder, DEMOS, "demo:b").images.value == "demo:b"
    with pytest.raises(DataError):
        Explorer(recorder, DEMOS, "nowhere")


def test_the_limit_stays_where_it_is_while_it_means_the_same(explorer):
    explorer.limit.value = explorer.limit.options[0][1]
    kept = explorer.limit.value
    explorer.button.click()
    assert explorer.limit.value == kept
    explorer.images.value = "demo:b"
    explorer.button.click()
    assert explorer.limit.value in dict(explorer.limit.options).values()
    assert len(explorer.table()) > 0


def test_each_step_of_the_limit_admits_other_models():
    parameters = pd.Series([7_000, 9_000, 40_000, 4_500_000, 6_000_000])
    assert parameter_limits(parameters) == {"10 k": 10_000, "50 k": 50_000, "5 M": 5_000_000, "any": math.inf}
    assert parameter_limits(pd.Series([5, 5])) == {"any": math.inf}


def test_a_picture_has_an_alternative_text():
    assert 'aria-label="Dots with intervals' in image_html(Figure(figsize=(1, 1)))


@pytest.mark.slow
def test_the_real_recommender_answers_about_a_demo():
    explorer = show_explorer(ConfigParser(), "demo:blood_cells")
    assert "look like blood_cells" in explorer._remarks.value
    assert len(explorer.images.options) == 9
    smallest = explorer.limit.options[0]
    explorer.limit.value = smallest[1]
    assert explorer.table()["parameters"].max() <= smallest[1]


@pytest.mark.slow
def test_a_folder_is_answered_in_the_names_of_its_classes(tmp_path, asker):
    folder = write_images(tmp_path / "photos", {"hills": 12, "seas": 12})
    explorer = Explorer(asker, DEMOS, str(folder))
    assert "24 of 24 images used (2 classes)," in " ".join(explorer.remarks())
    assert "data:image/jpeg" in explorer._reason.value and "mixed up: hills" in explorer._reason.value
    assert not [line for line in explorer.remarks() if str(ConfigParser().root) in line]
    first = explorer.frame["model"].iloc[0]
    assert explorer.explanation().startswith(f"{first}: ") and "hills" in explorer.explanation()
    with pytest.raises(ConfigError):
        explorer.found.explain("nobody")


@pytest.fixture(scope="module")
def battery():
    return read_battery(ConfigParser().get(PathsConfig).battery)


@pytest.fixture(scope="module")
def asker(battery):
    return partial(ask, ConfigParser(), battery)


def test_the_demos_are_the_sets_of_the_battery_the_unknown_one_first(battery):
    demos = describe_demos(battery)
    assert next(iter(demos)) == DEMO + FIRST_DEMO and len(demos) == 8
    assert demos["demo:blood_cells"] == "demo: blood cells (3 classes, 60 images)"


def test_mistakes_are_named_before_anything_is_read(asker):
    with pytest.raises(ConfigError, match="preset 'quick': choose one of fast, balanced, best"):
        asker("demo:mnist", "quick")
    with pytest.raises(ConfigError, match="demo 'minst': choose one of clothing, mnist"):
        asker("demo:minst", "fast")
    for nothing in ("", "  "):
        with pytest.raises(DataError, match="type the path"):
            asker(nothing, "fast")
    with pytest.raises(DataError, match="nowhere"):
        asker("nowhere", "fast")


def test_a_demo_is_asked_about_by_the_names_of_its_classes(asker, monkeypatch):
    asked = []

    def record(source, labels, preset, config):
        asked.append((np.shape(source), len(labels), preset))
        raise DataError("enough")

    monkeypatch.setattr(panel, "recommend", record)
    for preset in PRESETS:
        with pytest.raises(DataError, match="enough"):
            asker("demo:mnist", preset)
    assert asked == [((200, 32, 32, 3), 200, preset) for preset in PRESETS]


@pytest.fixture
def frame():
    return pd.DataFrame(
        {
            "rank": [1, 1, 3],
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


def test_the_table_says_what_the_frame_says_in_words(frame):
    table = readable(frame)
    assert table.columns.tolist() == ["#", "model", "parameters", "trained on", "accuracy (80 %)"]
    assert table["#"].tolist() == ["1=", "1=", "3"]
    assert table.iloc[0].tolist() == ["1=", "a<b", "6.09 M", "cats dogs", "52 % (40–60)"]
    more = readable(frame.assign(verified=[True, False, False], licence="MIT; see LICENSE"))
    assert more["run"].tolist() == ["yes", "", ""] and set(more["licence"]) == {"MIT"}
    alone = readable(frame.assign(tied_with_best=[True, False, False], rank=[1, 2, 3]))
    assert alone["#"].tolist() == ["1", "2", "3"]
    assert readable(frame.head(1), tied=2)["#"].tolist() == ["1="], "the others are not shown"


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
