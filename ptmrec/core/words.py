"""Text that came from outside (names, licences, classes, sources), made fit for where it is shown."""

import difflib
import html
import re
from collections.abc import Iterable, Sequence
from typing import Any

STEERING = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""Characters that move a cursor, end a line, turn the direction of writing, or are half a character."""
_MARKUP = re.compile(r"[\\`*_\[\]|~$]")
_FORMULA = re.compile(r"\s*[=+\-@\uff1d\uff0b\uff0d\uff20]")


def visible(text: object) -> str:
    """Text as a terminal may have it, in one line: what would steer it is written out in hexadecimal.

    These escapes are those of JSON, so a JSON text stays one.
    """
    return STEERING.sub(lambda found: f"\\u{ord(found[0]):04x}", str(text))


def html_text(text: object) -> str:
    """Text as HTML may have it, within an element or an attribute in quotes."""
    return html.escape(visible(text))


def markdown_text(text: object) -> str:
    """Text as a Markdown page or a cell of its tables may have it: nothing in it is markup, HTML or mathematics."""
    return _MARKUP.sub(r"\\\g<0>", html.escape(visible(text), quote=False))


def figure_text(text: object) -> str:
    """Text as a figure may have it: matplotlib takes nothing in it for mathematics."""
    return visible(text).replace("$", r"\$")


def csv_cell(value: Any) -> Any:
    """A cell of a CSV that no spreadsheet takes for a formula; numbers, also those in words, stay what they are."""
    if not isinstance(value, str):
        return value
    text = visible(value)
    return f"'{text}" if _FORMULA.match(text) and not _is_number(text) else text


def suggest(name: str, known: Iterable[str], otherwise: str = "") -> str:
    """What a message about an unknown name ends in: the known name it is most like, or other words."""
    near = difflib.get_close_matches(name, list(known), n=1)
    hint = f"did you mean {near[0]}?" if near else otherwise
    return f"; {hint}" if hint else ""


def first_few(names: Sequence[str], mark: str = ", ", most: int = 3) -> str:
    """The first few of some names, and dots where there are more."""
    return mark.join(names[:most]) + f"{mark}..." * (len(names) > most)


def count_of(count: int, what: str) -> str:
    """A number of things in words: 1 model, 2 models, 3 classes."""
    return f"{count} {what}{'' if count == 1 else 'es' if what.endswith('s') else 's'}"


def places(ranks: Iterable[int], tied: int) -> list[str]:
    """Ranks as tables show them: ``1=`` for all that tie with the best, of so many as there are in all."""
    return ["1=" if rank == 1 and tied > 1 else str(rank) for rank in ranks]


def short_count(count: float, gap: str = "") -> str:
    """A number of parameters with a letter: 4.7M, 35k; the gap stands between the two."""
    for size, letter in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if count >= size:
            return f"{count / size:.3g}{gap}{letter}"
    return f"{count:.0f}"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
