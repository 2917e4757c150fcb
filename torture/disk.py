"""What is done to a disk, noted operation by operation."""

import builtins
import io
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Disk:
    """What was on a disk and what was done to it since.

    Attributes:
        root: the folder that is watched.
        entries: folder -> name -> number of what lies there, as it was in the beginning.
        data: number of a file -> its bytes then.
        done: operations: ``("data", file, bytes)``, ``("sync", file or folder)``, and of the entries of a folder
            ``("link", folder, name, number)`` and ``("move", folder, old name, new name)``.
    """

    root: Path
    entries: dict[int, dict[str, int]] = field(default_factory=dict)
    data: dict[int, bytes] = field(default_factory=dict)
    done: list[tuple] = field(default_factory=list)

    def scan(self, folder: Path | None = None) -> None:
        """Take in what is there."""
        folder = folder or self.root
        self.entries[number_of(folder)] = {path.name: number_of(path) for path in folder.iterdir()}
        for path in folder.iterdir():
            if path.is_dir():
                self.scan(path)
            else:
                self.data[number_of(path)] = path.read_bytes()

    def link(self, path: Path) -> None:
        """Note that there is something new."""
        if self.root in path.parents:
            self.done.append(("link", number_of(path.parent), path.name, number_of(path)))

    def unlink(self, name: Any, dir_fd: int | None) -> None:
        """Note that something is about to go."""
        folder = Path(os.readlink(f"/proc/self/fd/{dir_fd}")) if dir_fd is not None else Path(name).parent
        if self.root in (folder, *folder.parents):
            self.done.append(("link", number_of(folder), Path(name).name, 0))


def number_of(path: Path) -> int:
    """What tells files and folders apart whatever they are called."""
    return path.stat().st_ino


class _SeenFile(io.FileIO):
    disk: Disk

    def write(self, data: Any) -> int:
        count = super().write(data)
        self.disk.done.append(("data", os.fstat(self.fileno()).st_ino, os.pread(self.reader, 10**8, 0)))
        return count


def _opener(disk: Disk, kept_open: Callable[..., Any], readers: list[int]) -> Callable[..., Any]:
    """``open`` for the recording: what is written below the root is noted."""

    def open_(file: Any, mode: str = "r", *arguments: Any, **named: Any) -> Any:
        inside = isinstance(file, str | os.PathLike) and disk.root in Path(file).parents
        if not inside or not set(mode) & set("wax+"):
            return kept_open(file, mode, *arguments, **named)
        new = not Path(file).exists()
        raw = _SeenFile(os.fspath(file), mode.replace("b", "").replace("t", ""))
        raw.disk, raw.reader = disk, os.open(file, os.O_RDONLY)
        readers.append(raw.reader)
        if new:
            disk.link(Path(file))
        buffer = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
        return buffer if "b" in mode else io.TextIOWrapper(buffer, encoding=named.get("encoding") or "utf-8")

    return open_


@contextmanager
def recording(disk: Disk) -> Iterator[None]:
    """Note what is done below the disk's root."""
    names = ("replace", "rename", "fsync", "mkdir", "unlink", "rmdir")
    kept = {name: getattr(os, name) for name in names}
    kept_open, kept_temporary, readers = io.open, tempfile.mkstemp, []
    open_ = _opener(disk, kept_open, readers)

    def move(old: Any, new: Any, **named: Any) -> None:
        kept["rename"](old, new, **named)
        disk.done.append(("move", number_of(Path(new).parent), Path(old).name, Path(new).name))

    def fsync(handle: int) -> None:
        disk.done.append(("sync", os.fstat(handle).st_ino))

    def mkdir(path: Any, *arguments: Any, **named: Any) -> None:
        kept["mkdir"](path, *arguments, **named)
        disk.link(Path(path))

    def removing(name: str) -> Callable[..., None]:
        def remove(path: Any, *, dir_fd: int | None = None) -> None:
            number = os.stat(path, dir_fd=dir_fd, follow_symlinks=False)  # it has to be there
            del number
            disk.unlink(path, dir_fd)
            kept[name](path, dir_fd=dir_fd)

        return remove

    def make_temporary(*arguments: Any, **named: Any) -> tuple[int, str]:
        handle, name = kept_temporary(*arguments, **named)
        disk.link(Path(name))
        return handle, name

    try:
        os.replace = os.rename = move
        os.fsync, os.mkdir, os.unlink, os.rmdir = fsync, mkdir, removing("unlink"), removing("rmdir")
        tempfile.mkstemp, builtins.open, io.open = make_temporary, open_, open_
        yield
    finally:
        for name, function in kept.items():
            setattr(os, name, function)
        tempfile.mkstemp, builtins.open, io.open = kept_temporary, kept_open, kept_open
        for reader in readers:
            os.close(reader)
