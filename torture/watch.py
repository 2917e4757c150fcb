"""What a call does beside its answer: files it opens, sockets, programs, what it leaves behind, memory, and time."""

import os
import resource
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ptmrec.core.errors import PtmrecError

SECONDS, MEMORY = 120.0, 2 << 20
"""Longest call, beside other work and with measurements that take their time, and KiB by which a process may grow."""
_NEVER = (
    "socket.connect",
    "socket.bind",
    "subprocess.Popen",
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "pickle.find_class",
)
_OWN = ("concurrent.futures.process", "multiprocessing", "torch.multiprocessing", "torch.storage")
_TENSORS = {("torch", name) for name in ("Tensor", "UntypedStorage", "Size", "uint8", "int64", "float32")}
"""What a child of ours answers by: one that measures memory, or a worker of a loader that hands on its tensors, by a
socket in a folder of this process."""
_CHANGES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_seen: list[str] = []
_state: dict[str, Any] = {"on": False, "may_write": (), "secret": ""}


def _listen(event: str, arguments: tuple) -> None:
    if not _state["on"]:
        return
    own = event == "pickle.find_class" and (arguments[0].startswith(_OWN) or arguments[:2] in _TENSORS)
    own |= event == "socket.connect" and isinstance(arguments[1], str) and "/pymp-" in arguments[1]
    if event in _NEVER and not own:
        _seen.append(f"{event} {str(arguments)[:200]}")
    elif event == "open" and isinstance(arguments[0], str | bytes):
        path = os.fsdecode(arguments[0])
        changes = isinstance(arguments[2], int) and arguments[2] & _CHANGES
        if os.path.realpath(path).startswith(_state["secret"]):
            _seen.append(f"opened {path}")
        elif changes and not os.path.realpath(path).startswith(_state["may_write"]) and "__pycache__" not in path:
            _seen.append(f"wrote {path}")


@contextmanager
def watched(folder: Path, writes: tuple[str, ...] = (), hidden: str = "secret") -> Iterator[None]:
    """Watch what happens within, and refuse what nobody asked for.

    Args:
        folder: holds all that is named, and what is not.
        writes: parts of it that may be written.
        hidden: the part that nobody named and that is not to be opened.
    """
    if "hook" not in _state:
        sys.addaudithook(_listen)
        _state["hook"] = True
    _seen.clear()
    before, started, grown = _names(folder, writes), time.monotonic(), _peak()
    places = tuple(os.path.realpath(folder / part) for part in writes)
    _state.update(on=True, may_write=(*places, "/dev/", "/proc/"), secret=os.path.realpath(folder / hidden))
    try:
        yield
    finally:
        _state["on"] = False
    assert not _seen, _seen[:3]
    assert _names(folder, writes) == before, "left behind or taken away"
    assert time.monotonic() - started < SECONDS, "took too long"
    assert _peak() - grown < MEMORY, "took too much memory"


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _names(folder: Path, writes: tuple[str, ...]) -> set[str]:
    found = {os.path.join(place, name) for place, inner, names in os.walk(folder) for name in (*inner, *names)}
    return {name for name in found if not name.startswith(tuple(str(folder / part) for part in writes))}


def answers_or_refuses(call: Callable[[], Any]) -> bool:
    """Whether a call answers; when it does not, it has to be with one line of ours."""
    try:
        call()
    except PtmrecError as error:
        line = str(error)
        assert line and len(line.splitlines()) == 1, f"no line: {line!r}"
        return False
    return True
