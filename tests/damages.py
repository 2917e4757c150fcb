"""Every kind of damage to a file of results, each with the field it is done to."""

import copy
import json
from collections.abc import Iterator

import pandas as pd

TORN = {
    "missing": lambda _: None,
    "empty": lambda _: b"",
    "first half": lambda data: data[: len(data) // 2],
    "first line": lambda data: data.splitlines(True)[0],
    "not UTF-8": lambda data: data[:40] + b"\xff\xfe" + data[40:],
    "zeros": lambda data: b"\x00" * len(data),
    "a quote": lambda data: b'"' + data,
    "a page": lambda _: b"<!doctype html><html>sign in</html>",
}
"""What happens to a file as a whole; None removes it."""
WRONG = ("many", None, True, [], {}, [[1]], -1e308)
"""What stands in a JSON file in place of a value."""


def damage_table(data: bytes, columns=None) -> Iterator[tuple[str, str, bytes | None]]:
    """Kinds of damage to a CSV: kind, column (none: of the whole file) and content."""
    yield from ((kind, "", change(data)) for kind, change in TORN.items())
    frame = pd.read_csv(__import__("io").BytesIO(data))
    middle = len(frame) // 2
    rows = {
        "two rows for one": pd.concat([frame, frame.iloc[[0]]]),
        "all rows twice": pd.concat([frame, frame]),
        "last half of the rows": frame.iloc[middle:],
        "one row": frame.iloc[:1],
        "rows backwards": frame.iloc[::-1],
    }
    yield from ((kind, "", changed.to_csv(index=False).encode()) for kind, changed in rows.items())
    for column in columns or frame:
        place = frame.columns.get_loc(column)
        yield "no column", column, frame.drop(columns=column).to_csv(index=False).encode()
        for kind, value in {"text": "many", "nothing": None, "no end": float("inf"), "a list": "[1]"}.items():
            for row in {0, middle}:
                changed = frame.astype(object)
                changed.iat[row, place] = value
                yield f"{kind} in row {row + 1}", column, changed.to_csv(index=False).encode()
        yield "nothing at all", column, frame.astype(object).assign(**{column: None}).to_csv(index=False).encode()
        yield "text at all", column, frame.astype(object).assign(**{column: "x"}).to_csv(index=False).encode()


def damage_json(data: bytes, most: int = 400) -> Iterator[tuple[str, str, bytes | None]]:
    """Kinds of damage to a JSON file: kind, field (none: of the whole file) and content."""
    yield from ((kind, "", change(data)) for kind, change in TORN.items())
    value = json.loads(data)
    for other in (*WRONG, 0):
        yield f"{other!r} for all", "", json.dumps(other).encode()
    places = list(_places(value))
    for path in places[:: -(-len(places) // most)]:
        for kind in ("none", *WRONG):
            changed = copy.deepcopy(value)
            owner = changed
            for key in path[:-1]:
                owner = owner[key]
            if kind == "none":
                del owner[path[-1]]
            else:
                owner[path[-1]] = kind
            field = next(str(key) for key in reversed(path) if isinstance(key, str))
            yield f"{kind!r} for {path}", field, json.dumps(changed).encode()


def _places(value, before=()):
    pairs = value.items() if isinstance(value, dict) else enumerate(value[:2]) if isinstance(value, list) else ()
    for key, part in pairs:
        yield (*before, key)
        yield from _places(part, (*before, key))
