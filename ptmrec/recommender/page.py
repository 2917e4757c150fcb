"""An answer as HTML: blocks that the panel, a notebook and a page of its own share. All text in them is escaped."""

import base64
import io
import shlex
import time
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

import ptmrec
from ptmrec.benchmark.battery import read_battery
from ptmrec.core.errors import PtmrecError
from ptmrec.core.words import html_text
from ptmrec.hardware.limits import LIMITS, format_quantity
from ptmrec.recommender.recommendation import EXPLAINED

if TYPE_CHECKING:
    import pandas as pd

    from ptmrec.recommender.recommendation import Recommendation

SIDE = 64
"""Pixels of a small picture."""
EACH = 2
"""Pictures of a class or a data set."""
SAMPLES = 12
"""Pictures that a page shows of all images: of classes evenly spread, where there are labels."""
_CELL = "padding:4px 7px;text-align:{align};vertical-align:top;"
_RIGHT = ("parameters", "params", "accuracy", "accuracy (80 %)", "measured")
_MARKED = "background:rgba(33,113,181,0.15);"
_BOX = "background:#fff3e0;color:#4e342e;border-left:4px solid #e65100;padding:8px 12px;margin:8px 0;line-height:1.5"
_LINE = "1px solid var(--jp-border-color1,#bdbdbd)"
_PICTURE = 'style="width:44px;height:44px;object-fit:cover;margin:0 3px 0 0;border-radius:3px"'
_STYLE = """
:root{color-scheme:light}
body{font:15px/1.55 Georgia,serif;color:#222;background:#fff;max-width:960px;margin:2.5em auto;padding:0 1.2em}
h1{font-weight:normal;font-size:1.7em;margin:0}
h2{font-weight:normal;font-size:1.2em;margin:1.8em 0 .4em;border-bottom:1px solid #ddd}
.meta,code,summary,figcaption{color:#666;font-size:.9em}
code{overflow-wrap:anywhere}
figure{margin:1em 0}
.about{display:none}
svg{max-width:100%;height:auto}
@page{size:A4;margin:16mm}
@media print{
 body{margin:0;max-width:none;font-size:10pt}
 h2,figure,table,tr,.why{break-inside:avoid}
 h2{break-after:avoid}
}
"""


def warning_html(answer: "Recommendation") -> str:
    """What speaks against relying on an answer, in a colour; empty where nothing does."""
    if answer.trusted:
        return ""
    first = "Do not rely on this answer." if answer.runnable else "Before you rely on this answer:"
    lines = " ".join(html_text(line) for line in answer.doubts)
    return f'<div role="note" style="{_BOX}"><strong>{first}</strong> {lines}</div>'


def table_html(frame: "pd.DataFrame", marked: str = "", bold: bool = True, label: str = "") -> str:
    """A readable table with the row of one model marked; it scrolls where the window is narrow.

    Args:
        frame: the table, in words.
        marked: the model whose row is marked.
        bold: print that row bold; not where the answer is in doubt.
        label: what the table is about, for a screen reader.
    """
    right = {name: name in _RIGHT for name in frame}
    styles = {
        name: _CELL.format(align="right" if right[name] else "left") + "white-space:nowrap;" * right[name]
        for name in frame
    }
    head = "".join(f'<th scope="col" style="{styles[name]}">{html_text(name)}</th>' for name in frame)
    rows = []
    for row in frame.to_dict("records"):
        cells = "".join(f'<td style="{styles[name]}">{html_text(str(text))}</td>' for name, text in row.items())
        weight = "font-weight:600;" if bold else ""
        look = f' aria-current="true" style="{_MARKED}{weight}"' if marked and row["model"] == marked else ""
        rows.append(f"<tr{look}>{cells}</tr>")
    whole = "border-collapse:collapse;font-size:13px;line-height:1.45;"
    body = f'<thead style="border-bottom:{_LINE}"><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody>'
    table = f'<table aria-label="{html_text(label)}" style="{whole}">{body}</table>'
    return f'<div style="overflow-x:auto" tabindex="0">{table}</div>'


def remarks_html(lines: Iterable[str]) -> str:
    """Remarks, one below the other."""
    return f'<div style="line-height:1.5;margin-top:8px">{"<br>".join(map(html_text, lines))}</div>'


def remarks(answer: "Recommendation") -> list[str]:
    """Remarks of an answer that its warnings do not say already."""
    said = {*answer.doubts, "" if answer.trusted else answer.describe_trust()}
    return [line for line in answer.remarks() if line not in said]


def reason_html(answer: "Recommendation", model: str) -> str:
    """Why a model ranks where it does: in words, in pictures, and the numbers for who asks."""
    reasons = answer.explain(model)
    words = " ".join(reasons.words(answer.class_names))
    groups = {**_known(answer, reasons.liked()), **_of_classes(answer, reasons.worst_classes, "mixed up: ")}
    numbers = f"<details><summary>numbers</summary>{html_text(reasons.sentence(answer.class_names))}</details>"
    said = f"<strong>Why {html_text(model)}:</strong> {html_text(words)}"
    return f'<div class="why" style="line-height:1.5;margin:6px 0">{said}{pictures_html(groups)}{numbers}</div>'


def pictures_html(groups: Mapping[str, Sequence[Any]]) -> str:
    """Rows of small pictures, each with a word; groups without any are left out."""
    cells = []
    for name, images in groups.items():
        tags = "".join(filter(None, (_picture(image, name) for image in images)))
        if tags:
            cells.append(f'<span style="display:inline-block;margin:4px 14px 2px 0">{tags}<br>{html_text(name)}</span>')
    return f'<div style="font-size:12px">{"".join(cells)}</div>' if cells else ""


def _known(answer: "Recommendation", names: Sequence[str]) -> dict[str, list]:
    """Pictures of known data sets that are committed with the project, beside the user's own."""
    battery = _battery(answer.request.paths.battery) if answer.request.config and names else {}
    found = {f"known: {name.replace('_', ' ')}": _spread(battery[name].images) for name in names if name in battery}
    return {"yours": _spread(answer.request.images.images), **found} if found else {}


def _of_classes(answer: "Recommendation", classes: Iterable[int], word: str = "") -> dict[str, list]:
    """Pictures of some classes."""
    images, names, labels = answer.request.images.images, answer.class_names, answer.request.images.labels
    groups = {}
    for label in classes if labels is not None else ():
        name = names[label] if label < len(names) else f"class {label}"
        groups[f"{word}{name}"] = [images[place] for place in np.flatnonzero(np.asarray(labels) == label)[:EACH]]
    return groups


@lru_cache(1)
def _battery(path: Path) -> dict:
    try:
        return read_battery(path)
    except PtmrecError:  # a page without these pictures is a page
        return {}


def _spread(images: Sequence[Any], count: int = EACH) -> list:
    places = np.linspace(0, len(images) - 1, min(count, len(images))).round().astype(int)
    return [images[place] for place in places]


def _picture(image: Any, alt: str) -> str:
    """An image as a tag that needs no file; empty for what is none."""
    if isinstance(image, np.ndarray):
        image = Image.fromarray(image)
    if not isinstance(image, Image.Image):
        return ""
    small, buffer = image.convert("RGB"), io.BytesIO()
    small.thumbnail((SIDE, SIDE))
    small.save(buffer, "JPEG", quality=85)
    data = base64.b64encode(buffer.getvalue()).decode()
    return f'<img {_PICTURE} alt="{html_text(alt)}" src="data:image/jpeg;base64,{data}">'


def title_of(answer: "Recommendation") -> str:
    """Name of the data set, without the folders it lies in."""
    return Path(answer.data).name or answer.data


def command_of(answer: "Recommendation") -> str:
    """The command that asks the same again; of what was given in Python, the call."""
    request = answer.request
    if not isinstance(request.source[0], str | Path):
        return f"ptmrec.recommend(...)  # {answer.data}, regime {answer.regime}"
    words = ["ptmrec", "recommend", answer.data, "--regime", answer.regime.replace("_", "-")]
    words += ["--zoo", str(request.zoo)] if request.zoo else []
    words += ["--verify", str(request.verify)] if request.verify else []
    words += ["--device", request.device] if request.device else []
    for name, bound in request.limits.items():
        typed = ",".join(bound) if isinstance(bound, tuple) else format_quantity(bound, LIMITS[name].kind)
        words += [LIMITS[name].option, typed.replace(" ", "")]
    return shlex.join(words)


def block(answer: "Recommendation", count: int | None, only_pareto: bool) -> str:
    """Warnings, table and remarks: the first part of a page, and what a notebook shows."""
    count = answer.count if count is None and not only_pareto else count
    marked = "" if only_pareto else answer.best
    table = table_html(answer.readable(count, only_pareto), marked, answer.trusted, f"Models for {title_of(answer)}")
    about = f'<p class="about">Models for {html_text(title_of(answer))}</p>'
    return about + warning_html(answer) + table + remarks_html(remarks(answer))


def _figures(answer: "Recommendation", only_pareto: bool) -> str:
    """The plots of an answer, each with its words."""
    from ptmrec.plots.style import vector

    figures = {}
    if not only_pareto:
        figures["Expected accuracies of the models above, with intervals"] = answer.plot()
    if answer.costs and len(answer) > 1:
        words = "Expected accuracy of all models against latency, with the front of models nobody should pass over"
        figures[words] = answer.plot_pareto()
    drawn = {words: vector(ax.figure, words) for words, ax in figures.items()}
    return "".join(f"<figure>{svg}<figcaption>{html_text(words)}</figcaption></figure>" for words, svg in drawn.items())


def page(answer: "Recommendation", count: int | None, only_pareto: bool) -> str:
    """A page that needs no other file: table, remarks, figures and reasons; arguments as of :func:`block`."""
    title = f"Models for {html_text(title_of(answer))}"
    parts = {"": block(answer, count, only_pareto), "Figures": _figures(answer, only_pareto)}
    if answer.runnable:
        explained = answer.frame["model"].head(EXPLAINED)
        parts["Why these models"] = "".join(reason_html(answer, model) for model in explained)
    classes = _of_classes(answer, _spread(range(answer.num_classes), SAMPLES // EACH))
    parts["The images"] = pictures_html(classes or {"": _spread(answer.request.images.images, SAMPLES)})
    body = "".join(f"<h2>{name}</h2>{text}" if name else text for name, text in parts.items() if text)
    meta = f"{time.strftime('%d %B %Y')}, ptmrec {ptmrec.__version__}, <code>{html_text(command_of(answer))}</code>"
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title>'
    start = f'<!doctype html><html lang="en"><head>{head}<style>{_STYLE}</style></head>'
    return f'{start}<body><h1>{title}</h1><p class="meta">{meta}</p>{body}</body></html>\n'
