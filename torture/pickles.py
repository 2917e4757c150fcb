"""Pickles that run code, in every wrapping, before every reader of weights and arrays: none runs."""

import gzip
import hashlib
import io
import os
import pickle
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ptmrec.core.errors import PtmrecError
from ptmrec.train.checkpoints import MARK
from torture.kills import fork
from torture.outcome import Outcome
from torture.parsers import make_parsers

READERS = ("checkpoint", "safetensors", "NPZ", "battery", "image set", "dataset tokens", "scores", "space", "relations")
"""Parsers whose files could hold a pickle; each gets every payload."""
TARGETS = {
    "os system": "touch {canary}",
    "posix system": "touch {canary}",
    "subprocess getoutput": "touch {canary}",
    "builtins exec": "open({canary!r}, 'w')",
    "builtins eval": "open({canary!r}, 'w')",
    "cProfile run": "open({canary!r}, 'w')",
    "torch.utils.collect_env run": "touch {canary}",
    "io FileIO": "{canary}\nw",
    "pathlib Path.touch": "{canary}",
}
"""Module and name -> argument; arguments of several lines are several."""


def _text(value: str) -> bytes:
    data = value.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def _arguments(argument: str) -> bytes:
    return b"".join(map(_text, argument.split("\n")))


def _by_reduce(module: str, name: str, argument: str) -> bytes:
    return f"c{module}\n{name}\n".encode() + b"(" + _arguments(argument) + b"tR"


def _by_stack(module: str, name: str, argument: str) -> bytes:
    return _text(module) + _text(name) + b"\x93(" + _arguments(argument) + b"tR"


def _by_instance(module: str, name: str, argument: str) -> bytes:
    return b"(" + _arguments(argument) + f"i{module}\n{name}\n".encode()


def _by_object(module: str, name: str, argument: str) -> bytes:
    return b"(" + f"c{module}\n{name}\n".encode() + _arguments(argument) + b"o"


def _nested(module: str, name: str, argument: str) -> bytes:
    inner = b"\x80\x04" + _by_reduce(module, name, argument) + b"."
    return b"c_pickle\nloads\n(B" + struct.pack("<I", len(inner)) + inner + b"tR"


def _by_memo(module: str, name: str, argument: str) -> bytes:
    return f"c{module}\n{name}\n".encode() + b"q\x05" + b"0h\x05(" + _arguments(argument) + b"tR"


def _as_state(module: str, name: str, argument: str) -> bytes:
    """Within an honest state: its weights are to be built from what the call gives."""
    return b"ccollections\nOrderedDict\n)R" + _text("a") + _by_reduce(module, name, argument) + b"s"


def _as_storage(module: str, name: str, argument: str) -> bytes:
    """As the number of a tensor's storage, which torch looks up itself."""
    return b"(" + _text("storage") + _by_reduce(module, name, argument) + b"tQ"


ROUTES: tuple[Callable[[str, str, str], bytes], ...] = (
    *(_by_reduce, _by_stack, _by_instance, _by_object),
    *(_nested, _by_memo, _as_state, _as_storage),
)


def payload(route: Callable[[str, str, str], bytes], target: str, canary: Path) -> bytes:
    """A pickle that makes a file when it is loaded by what loads anything."""
    module, _, name = target.partition(" ")
    return b"\x80\x04" + route(module, name, TARGETS[target].format(canary=str(canary))) + b"."


def _zipped(name: str, data: bytes, break_sum: bool = False, flags: int = 0) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for part, content in ((name, data), ("archive/version", b"3\n"), ("archive/byteorder", b"little")):
            archive.writestr(part, content)
    file = bytearray(buffer.getvalue())
    place = file.index(b"PK\1\2")
    if break_sum:
        file[place + 16] ^= 1
    file[place + 8] |= flags
    return bytes(file)


def _legacy(data: bytes) -> bytes:
    parts = (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True})
    return b"".join(pickle.dumps(part, 2) for part in parts) + data + pickle.dumps([], 2)


def _tarred(data: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name in ("pickle", "storages", "tensors"):
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def _array(data: bytes) -> bytes:
    header = b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data


def _marked(data: bytes) -> bytes:
    """With the SHA-256 that our own checkpoints carry, which anyone can write."""
    body = _zipped("archive/data.pkl", data)[:-2] + struct.pack("<H", len(MARK) + 64)
    return body + MARK + hashlib.sha256(body).hexdigest().encode()


WRAPPINGS: dict[str, Callable[[bytes], bytes]] = {
    "bare": lambda data: data,
    "torch": lambda data: _zipped("archive/data.pkl", data),
    "torch, marked as ours": _marked,
    "broken check sum": lambda data: _zipped("archive/data.pkl", data, break_sum=True),
    "said to be encrypted": lambda data: _zipped("archive/data.pkl", data, flags=1),
    "torch before ZIP": _legacy,
    "tar": _tarred,
    "array of objects": _array,
    "NPZ with it": lambda data: _zipped("a.npy", _array(data)),
    "gzip": gzip.compress,
    "behind an honest pickle": lambda data: pickle.dumps({"a": 1}, 2) + data,
    "behind a header of safetensors": lambda data: struct.pack("<Q", 2) + b"{}" + data,
}


def feed_pickles(count: int, seed: int, folder: Path) -> Outcome:
    """T17: give every reader pickles that would run code; nothing runs, and each is refused in one line.

    Args:
        count: number of pickles; each goes to every reader.
        seed: seed of route, target and wrapping.
        folder: where the files and the mark of one that ran lie.
    """
    draw, outcome = np.random.default_rng(seed), Outcome("pickles that run code, T17")
    parsers, canary = make_parsers(folder), folder / "ran"
    for number in range(count):
        route, target = ROUTES[number % len(ROUTES)], list(TARGETS)[draw.integers(len(TARGETS))]
        name = list(WRAPPINGS)[number // len(ROUTES) % len(WRAPPINGS)]
        data = WRAPPINGS[name](payload(route, target, canary))
        wrong = [problem for reader in READERS if (problem := _read(parsers[reader], data, folder, canary))]
        outcome.add(not wrong, f"{route.__name__}, {target}, {name}: {wrong[:2]}", refused=True)
    return outcome


def _read(parser: object, data: bytes, folder: Path, canary: Path) -> str:
    """What was not right with how a file was read."""
    path, said = folder / parser.file, ""
    path.write_bytes(data)
    try:
        parser.read(path)
    except PtmrecError as error:
        said = "" if "\n" not in str(error) else f"{parser.file}: {error!r}"
    except Exception as error:  # what escapes is what is looked for
        said = f"{parser.file}: {type(error).__name__}: {error}"
    else:
        said = f"{parser.file}: read"
    if canary.exists():
        canary.unlink()
        said = f"{parser.file}: it ran"
    return said


def payloads_that_run(folder: Path) -> list[bool]:
    """Whether each route and each target runs where anything is loaded: the check can fail."""
    ran, canary = [], folder / "ran"
    pairs = [(route, "os system") for route in ROUTES] + [(_by_reduce, target) for target in TARGETS]
    for route, target in pairs:
        data = payload(route, target, canary)
        os.waitpid(fork(_load, data), 0)
        ran.append(canary.exists())
        canary.unlink(missing_ok=True)
    return ran


def _load(data: bytes) -> None:
    loader = pickle.Unpickler(io.BytesIO(data))  # noqa: S301 - a child, to see that the payloads work
    loader.persistent_load = lambda _: None
    loader.load()
