import io
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from conftest import assert_readable
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from PIL import Image

from experiments.evaluation.baselines import BASELINES
from experiments.studies.comparison import OURS, SINGLE
from experiments.studies.passes import HALVING, LOGME, RANDOM
from experiments.studies.quadrants import LINEAR, ONE_DRAW, TRANSPORT
from ptmrec.config.sections import EvaluationConfig
from ptmrec.core.errors import ArtifactError
from ptmrec.plots.style import (
    METHOD_COLOURS,
    SOURCE_GROUPS,
    TEXT_WIDTH,
    category_colours,
    picture,
    save_figure,
    source_group,
    thesis_style,
    words,
)
from ptmrec.zoo.card import read_card

ROOT = Path(__file__).resolve().parents[2]


def test_style_is_put_back():
    before = mpl.rcParams["font.size"]
    with thesis_style():
        assert mpl.rcParams["font.size"] == 9
        assert min(mpl.rcParams[key] for key in ("xtick.labelsize", "ytick.labelsize", "legend.fontsize")) >= 8
    assert mpl.rcParams["font.size"] == before


def test_every_method_has_a_colour_of_its_own():
    ours = {OURS, SINGLE, LINEAR, TRANSPORT, ONE_DRAW, LOGME, HALVING, RANDOM}
    assert set(BASELINES) | ours <= set(METHOD_COLOURS)
    assert len(set(METHOD_COLOURS.values())) == len(METHOD_COLOURS)


def test_every_source_of_the_zoo_has_a_kind():
    sources = {read_card(folder).source_dataset for folder in (ROOT / "constants" / "zoo").iterdir()}
    assert {source_group(source) for source in sources} <= set(SOURCE_GROUPS)
    assert len(SOURCE_GROUPS) <= 10  # as many colours as one can tell apart
    assert source_group("unheard_of") == "unheard_of"


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


def test_every_method_that_is_compared_has_a_colour_of_its_own():
    names = [OURS, SINGLE, TRANSPORT, LINEAR, *EvaluationConfig().baselines]
    assert len({METHOD_COLOURS[name] for name in names}) == len(names)
