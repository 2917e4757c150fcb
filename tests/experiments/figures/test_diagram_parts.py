import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from experiments.figures import diagram_parts as parts
from ptmrec.plots.style import TEXT_WIDTH


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
