import numpy as np
import pytest
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from experiments.figures import pictograms
from experiments.figures.diagram_parts import BOX, DATA, FADED, Box, new_canvas

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
