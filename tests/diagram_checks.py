"""What is asked of every diagram, whatever it shows."""

from itertools import combinations

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.patches import FancyBboxPatch
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from experiments.figures.diagram_parts import ARROW, BOX, TIP


def with_gid(figure, gid):
    return figure.findobj(lambda artist: artist.get_gid() == gid)


def spans(figure) -> dict[str, np.ndarray]:
    """Rendered extents of texts, in inches: left, bottom, right, top."""
    texts = figure.findobj(lambda artist: isinstance(artist, Text) and artist.get_text() and artist.get_visible())
    return {f"{text.get_text()!r} {k}": text.get_window_extent().extents / figure.dpi for k, text in enumerate(texts)}


def overlap(a, b) -> bool:
    return min(a[2], b[2]) > max(a[0], b[0]) and min(a[3], b[3]) > max(a[1], b[1])


def assert_texts_are_free(figure) -> None:
    """No text touches another, an arrow or a border, and all lie within the figure."""
    FigureCanvasAgg(figure).draw()
    width, height = figure.get_size_inches()
    found = spans(figure)
    for name, (left, low, right, high) in found.items():
        assert left >= 0.02 and low >= 0.02 and right <= width - 0.02 and high <= height - 0.02, name
    for (one, a), (other, b) in combinations(found.items(), 2):
        assert not overlap(a, b), f"{one} lies on {other}"
    for name, span in found.items():
        for line in with_gid(figure, ARROW):
            assert not line.get_path().intersects_bbox(Bbox.from_extents(*span), filled=False), (
                f"an arrow crosses {name}"
            )
        for box in figure.findobj(FancyBboxPatch):
            edges = (box.get_x(), box.get_y(), box.get_x() + box.get_width(), box.get_y() + box.get_height())
            inside = edges[0] <= span[0] and edges[1] <= span[1] and span[2] <= edges[2] and span[3] <= edges[3]
            assert inside or not overlap(span, edges), f"{name} crosses a border"


def assert_arrows_join_boxes(figure, tolerance: float = 0.02) -> None:
    """Each arrow ends on the border of something, and starts there or on another arrow."""
    boxes = [patch.get_bbox().extents for patch in with_gid(figure, BOX)]
    lines, tips = with_gid(figure, ARROW), with_gid(figure, TIP)
    assert tips and len(lines) >= len(tips)
    for tip in tips:
        end = tip.get_xy()[0]
        assert any(_on_border(end, box, tolerance) for box in boxes), f"an arrow ends in the open at {end}"
    for line in lines:
        start = line.get_xydata()[0]
        others = [other.get_xydata() for other in lines if other is not line]
        joined = any(_on_border(start, box, tolerance) for box in boxes) or any(_on_path(start, o) for o in others)
        assert joined, f"an arrow starts in the open at {start}"


def _on_border(point, box, tolerance) -> bool:
    (x, y), (left, low, right, high) = point, box
    within = left - tolerance <= x <= right + tolerance and low - tolerance <= y <= high + tolerance
    return within and min(abs(x - left), abs(x - right), abs(y - low), abs(y - high)) <= tolerance


def _on_path(point, path) -> bool:
    for start, end in zip(path[:-1], path[1:], strict=True):
        steps = start + np.linspace(0, 1, 400)[:, None] * (end - start)
        if np.linalg.norm(steps - point, axis=1).min() < 0.01:
            return True
    return False
