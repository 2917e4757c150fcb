"""Damaged and hostile copies of honest files, drawn from a seed."""

import copy
import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np

Draw = np.random.Generator
HOSTILE: tuple[Any, ...] = (
    *(None, True, -1, 0, 10**19, -(10**19), 1e308, -1.5, 2, "", "x" * 5000, "../../evil", "/etc/passwd", "a\x00b"),
    *("\u202e", "\x1b[31m", [], {}, [[]], [{}], {"a": []}, [None], "nan", ["x"], {"": ""}, [1, "a"], [0.5, -3.0]),
)
"""Values that are put where a file holds another."""
TOKENS = (
    b"\x00",
    b"\xff" * 4,
    b"{",
    b"]",
    b'"',
    b"1e999",
    b"NaN",
    b"\\ud800",
    b"PK\x05\x06",
    b"\x93NUMPY",
    b"%(x)s",
    b"-9",
)
HEADERS = (
    *("{'descr': '|O', 'fortran_order': False, 'shape': (3,), }", "{'descr': '<f8'", "[" * 500, "", "\x00" * 64),
    *("{'descr': '<f8', 'fortran_order': False, 'shape': (2**62,), }", "__import__('os').system('true')"),
    *("{'descr': '<f8', 'fortran_order': False, 'shape': (-3,), }", "{'descr': 3, 'fortran_order': 1, 'shape': 2}"),
    *("{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999,), }", "{'descr': '<U0'}", "lambda: 0", "'''"),
    *("{'descr': [('a', 'O')], 'fortran_order': False, 'shape': (1,), }", "{1: 2}", "{'descr': '<M8', 'shape': ()}"),
    *("{'descr': '<f8', 'fortran_order': False, 'shape': (True,), }", "{'descr': '<c16', 'shape': (1,) * 99}"),
)
"""What stands in the header of an array that never was one."""


def mutate_bytes(data: bytes, draw: Draw) -> bytes:
    """A copy with one to four bytes flipped, cut, doubled, moved or replaced."""
    copy_ = bytearray(data)
    for _ in range(draw.integers(1, 5)):
        place = int(draw.integers(0, max(len(copy_), 1)))
        length = int(draw.integers(1, 40))
        change = draw.integers(7)
        if change == 0 and copy_:
            copy_[place] ^= 1 << int(draw.integers(8))
        elif change == 1 and copy_:
            copy_[place] = int(draw.integers(256))
        elif change == 2:
            del copy_[place : place + length]
        elif change == 3:
            copy_[place:place] = draw.bytes(length)
        elif change == 4:
            copy_[place:place] = copy_[place : place + length]
        elif change == 5:
            del copy_[place:]
        else:
            token = TOKENS[draw.integers(len(TOKENS))]
            copy_[place : place + len(token)] = token
    return bytes(copy_)


def mutate_json(data: bytes, draw: Draw) -> bytes:
    """A copy that is still JSON, with one value replaced, lost or doubled."""
    value = copy.deepcopy(json.loads(data))
    places = list(_places(value))
    if not places:
        return mutate_bytes(data, draw)
    owner, key = places[draw.integers(len(places))]
    if draw.random() < 0.2:
        del owner[key]
    elif isinstance(owner, dict) and draw.random() < 0.2:
        owner[str(HOSTILE[draw.integers(len(HOSTILE))])] = owner.pop(key)
    else:
        owner[key] = HOSTILE[draw.integers(len(HOSTILE))]
    return json.dumps(value).encode()


def _places(value: Any) -> Any:
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in list(pairs):
        yield value, key
        yield from _places(part)


def mutate_npz(data: bytes, draw: Draw) -> bytes:
    """A copy whose check sums hold, with another array, header, name or part than the honest one."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    name = list(parts)[draw.integers(len(parts))]
    change = draw.integers(6)
    if change == 0:
        parts[name] = mutate_bytes(parts[name], draw)
    elif change == 1:
        header = HEADERS[draw.integers(len(HEADERS))].encode()
        parts[name] = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + parts[name][128:]
    elif change == 2:
        parts[str(HOSTILE[draw.integers(len(HOSTILE))])[:99]] = parts.pop(name)
    elif change == 3:
        parts.pop(name)
    elif change == 4:
        parts[name] = parts[list(parts)[draw.integers(len(parts))]]
    else:
        parts[name] = _array_bytes(_ODD_ARRAYS[draw.integers(len(_ODD_ARRAYS))]())
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for key, part in parts.items():
            archive.writestr(key.replace("\x00", "0") or "none", part)
    return buffer.getvalue()


_ODD_ARRAYS: tuple[Callable[[], np.ndarray], ...] = (
    lambda: np.array(3.0),
    lambda: np.array("text"),
    lambda: np.zeros((0, 3)),
    lambda: np.array(["a", "b"]),
    lambda: np.array([np.nan, np.inf]),
    lambda: np.arange(-4, 4),
    lambda: np.array([2**63], np.uint64),
    lambda: np.array([1 + 2j]),
    lambda: np.array([b"bytes"]),
    lambda: np.zeros((2, 2, 2, 2, 2)),
    lambda: np.array([0x110000], np.uint32).view("<U1"),
    lambda: np.array([0xD800], np.uint32).view("<U1"),
    lambda: np.array(["2020-01-01"], "M8[D]"),
    lambda: np.array([(1, 2.0)], [("a", int), ("b", float)]),
    lambda: np.array([True, False]),
    lambda: np.full((3,), 1e300),
)


def _array_bytes(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()
