import numpy as np
import pytest
from diagram_checks import assert_arrows_join_boxes, assert_texts_are_free
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.text import Text

from experiments.figures import diagram_parts as parts
from experiments.figures import diagrams, pictograms, pipeline_diagrams
from experiments.figures.diagram_parts import BOX, DATA, FADED, Box, new_canvas
from ptmrec.plots.style import TEXT_WIDTH, save_figure

DIAGRAMS = [
    (diagrams.draw_problem_overview,),
    (diagrams.draw_architecture, 18),
    (pipeline_diagrams.draw_weights_pipeline, 50, 8192, 512),
    (pipeline_diagrams.draw_dataset_pipeline, 5, 512, 12),
    (pipeline_diagrams.draw_transport, 12, 90000, 1024),
]


@pytest.mark.parametrize(("draw", "numbers"), [(draw, numbers) for draw, *numbers in DIAGRAMS])
def test_texts_are_free_and_readable_arrows_join_boxes_and_numbers_are_told(draw, numbers):
    figure = draw(*numbers)
    assert figure.get_figwidth() == TEXT_WIDTH
    assert_texts_are_free(figure)
    texts = [text for text in figure.findobj(Text) if text.get_text()]
    assert min(text.get_fontsize() for text in texts) >= 6.5
    assert_arrows_join_boxes(figure)
    assert all(str(number) in " ".join(text.get_text() for text in texts) for number in numbers)


def test_the_overview_names_all_it_is_about_and_its_files_repeat(tmp_path):
    figure = diagrams.draw_problem_overview()
    told = " ".join(text.get_text() for text in figure.findobj(Text))
    assert all(sign in told for sign in (r"\mathcal{M}", r"\mathcal{D}", r"\mathcal{H}", r"\pi"))
    files = [
        save_figure(f, "a", tmp_path / str(k), "A.") for k, f in enumerate((figure, diagrams.draw_problem_overview()))
    ]
    assert [path.read_bytes() for path in files[0]] == [path.read_bytes() for path in files[1]]


def test_a_unit_of_the_canvas_is_an_inch():
    ax = parts.new_canvas(2.0)
    corner = ax.transData.transform((TEXT_WIDTH, 2.0)) / ax.figure.dpi
    np.testing.assert_allclose(corner, (TEXT_WIDTH, 2.0))
    assert ax.figure.get_size_inches().tolist() == [TEXT_WIDTH, 2.0]


def test_points_of_a_box_lie_on_its_border():
    box = parts.Box(1.0, 2.0, 4.0, 0.5)
    assert (box.left, box.right, box.top, box.bottom) == ((1.0, 2.25), (5.0, 2.25), (3.0, 2.5), (3.0, 2.0))
    assert box.part(0.5, 0.0, 0.5, 1.0) == parts.Box(3.0, 2.0, 2.0, 0.5)
    assert parts.box_at(box.centre, 4.0, 0.5) == box


def test_an_arrow_ends_exactly_where_it_is_told_and_its_line_stops_short():
    ax = parts.new_canvas(2.0)
    parts.arrow(ax, (0.5, 0.5), (1.0, 0.5), (1.0, 1.5))
    (tip,) = ax.findobj(lambda artist: artist.get_gid() == parts.TIP)
    (line,) = ax.findobj(lambda artist: artist.get_gid() == parts.ARROW)
    np.testing.assert_allclose(tip.get_xy()[0], (1.0, 1.5))
    assert np.ptp(tip.get_xy()[:, 0]) > 0.05 and np.ptp(tip.get_xy()[:, 1]) > 0.05
    np.testing.assert_allclose(line.get_xydata()[:2], [(0.5, 0.5), (1.0, 0.5)])
    assert 1.4 < line.get_xydata()[-1, 1] < 1.5


def test_every_kind_of_thing_has_a_colour_of_its_own_on_which_text_is_readable():
    paints = (parts.MODEL, parts.DATA, parts.HARDWARE, parts.LEARNED, parts.RESULT)
    assert len(set(paints)) == len(paints)
    for paint in (*paints, parts.FADED, parts.PLAIN):
        for ink in (parts.INK, parts.QUIET):
            assert _luminance(paint.fill) + 0.05 > 4.5 * (_luminance(ink) + 0.05), (paint, ink)


def _luminance(colour) -> float:
    linear = np.where(
        np.array(colour) <= 0.04045, np.array(colour) / 12.92, ((np.array(colour) + 0.055) / 1.055) ** 2.4
    )
    return float(linear @ (0.2126, 0.7152, 0.0722))


def test_a_tint_lies_between_white_and_the_colour():
    assert parts.tint((0.2, 0.4, 0.6), 0.0) == pytest.approx((1.0, 1.0, 1.0))
    assert parts.tint((0.2, 0.4, 0.6), 1.0) == pytest.approx((0.2, 0.4, 0.6))


def test_a_caption_is_a_name_with_lines_below_it_that_do_not_touch():
    ax = parts.new_canvas(2.0)
    parts.caption(ax, (1.0, 1.0), "name", "of one thing\nand another")
    parts.panel(ax, parts.Box(2.0, 0.2, 2.0, 1.5), "title")
    FigureCanvasAgg(ax.figure).draw()
    assert [text.get_text() for text in ax.texts] == ["name", "of one thing", "and another", "title"]
    spans = [text.get_window_extent().bounds for text in ax.texts[:3]]
    assert all(above[1] > below[1] + below[3] for above, below in zip(spans[:-1], spans[1:], strict=True))
    assert ax.texts[3].get_window_extent().x0 > 2.0 * ax.figure.dpi


BOX_ = Box(1.0, 0.5, 1.2, 0.8)

PICTURES = {
    "network": lambda ax: pictograms.network(ax, BOX_),
    "network_stack": lambda ax: pictograms.network_stack(ax, BOX_),
    "tiles": lambda ax: pictograms.tiles(ax, BOX_, (pictograms.SHAPES, pictograms.PROBES[:3], pictograms.PROBES[3:])),
    "chip": lambda ax: pictograms.chip(ax, BOX_),
    "matrix": lambda ax: pictograms.matrix(ax, BOX_, 3, 5, DATA),
    "tokens": lambda ax: pictograms.matrix(ax, BOX_, 3, 5, DATA, gaps=(1, 2)),
    "histogram": lambda ax: pictograms.histogram(ax, BOX_, seed=1),
    "trapezoid": lambda ax: pictograms.trapezoid(ax, BOX_, "left"),
    "clouds": lambda ax: pictograms.clouds(ax, BOX_, told=True),
    "clusters": lambda ax: pictograms.clouds(ax, BOX_, told=False),
    "bars": lambda ax: pictograms.bars(ax, BOX_, (0.2, 1.0)),
    "settings_grid": lambda ax: pictograms.settings_grid(ax, BOX_, 2, 4),
}


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_fills_its_box_and_nothing_else_and_arrows_may_end_there(name):
    ax = new_canvas(2.0)
    assert PICTURES[name](ax) == BOX_
    marks = [patch.get_bbox().bounds for patch in ax.patches if patch.get_gid() == BOX]
    assert any(np.allclose(mark, (1.0, 0.5, 1.2, 0.8)) for mark in marks)
    for artist in (*ax.patches, *ax.lines):
        points = ax.transData.inverted().transform(artist.get_transform().transform(artist.get_path().vertices))
        assert (points >= (0.99, 0.49)).all() and (points <= (2.21, 1.31)).all(), artist


def test_tokens_have_room_between_their_rows():
    ax = new_canvas(2.0)
    pictograms.matrix(ax, BOX_, 3, 1, DATA, gaps=(1, 2))
    cells = sorted((cell.get_y(), cell.get_height()) for cell in ax.patches if cell.get_gid() != BOX)
    assert len(cells) == 3
    assert all(low[0] + low[1] < high[0] - 0.01 for low, high in zip(cells[:-1], cells[1:], strict=True))


def test_ordered_shades_grow_from_row_to_row():
    ax = new_canvas(2.0)
    pictograms.matrix(ax, BOX_, 6, 1, DATA, ordered=True)
    shades = [cell.get_facecolor()[0] for cell in ax.patches if cell.get_gid() != BOX][:6]
    assert shades == sorted(shades, reverse=True)


def test_a_ranked_list_falls_and_returns_its_rows_from_the_top():
    ax = new_canvas(2.0)
    rows = pictograms.ranked_list(ax, BOX_, 4)
    bars = [patch for patch in ax.patches if isinstance(patch, Rectangle) and patch.get_gid() != BOX]
    widths = [bar.get_width() for bar in bars]
    assert widths == sorted(widths, reverse=True)
    assert [text.get_text() for text in ax.texts] == ["1", "2", "3", "4"]
    assert [row.y for row in rows] == sorted((row.y for row in rows), reverse=True)
    assert bars[0].get_facecolor() != bars[1].get_facecolor()


def test_signs():
    ax = new_canvas(2.0)
    assert pictograms.sign(ax, (1.0, 1.0)).centre == pytest.approx((1.0, 1.0))
    pictograms.sign(ax, (2.0, 1.0), times=True)
    plus, times = ax.lines[:2], ax.lines[2:]
    assert sorted(np.ptp(line.get_xydata(), axis=0).min() for line in plus) == pytest.approx([0, 0])
    assert all(np.ptp(line.get_xydata(), axis=0).min() > 0.05 for line in times)
    before = len(ax.lines)
    pictograms.snowflake(ax, (3.0, 1.0))
    pictograms.crossed_out(ax, pictograms.network(ax, BOX_, FADED))
    assert all(isinstance(line, Line2D) for line in ax.lines) and len(ax.lines) > before + 15
