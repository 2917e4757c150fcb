"""Faults at every write: what was there stays valid, nothing is left behind, and the error names the file."""

import builtins
import errno
import io
import itertools
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ptmrec.core.errors import PtmrecError, describe_os_error
from ptmrec.core.files import restore_folder, write_bytes, write_folder, write_json, write_npz, write_text
from ptmrec.train.checkpoints import load_tensors, save_tensors
from ptmrec.train.history import History
from torture.kills import fingerprint, train
from torture.outcome import Outcome

FEW = 2
"""Epochs of a training that is run again for each of its operations."""
NUMBERS = (errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.EROFS)


class Faults:
    """Counts the operations that change the disk and lets one of them, or all from there on, fail.

    Args:
        fail_at: number of the operation that fails, from 1; 0 fails none.
        number: its error.
        forever: let all after it fail as well.
        root: only files below count.
    """

    def __init__(self, fail_at: int, number: int, forever: bool, root: Path) -> None:
        self.fail_at, self.number, self.forever, self.root = fail_at, number, forever, str(root)
        self.done = 0

    def step(self, half: Callable[[], Any] | None = None) -> None:
        """Count one operation; at the one that fails do ``half`` of it first."""
        self.done += 1
        if self.fail_at and (self.done == self.fail_at or (self.forever and self.done > self.fail_at)):
            if half is not None:
                half()
            raise OSError(self.number, os.strerror(self.number))


class _FailingFile(io.FileIO):
    """A file whose writes count; one that fails leaves half of its bytes."""

    faults: Faults

    def write(self, data: Any) -> int:
        data = memoryview(data).cast("B")
        self.faults.step(lambda: io.FileIO.write(self, data[: len(data) // 2]))
        return super().write(data)


@contextmanager
def failing(faults: Faults) -> Iterator[Faults]:
    """Let files be opened for writing, written, synced, renamed and made through the counter."""
    kept = {name: getattr(os, name) for name in ("replace", "rename", "fsync", "mkdir")}
    kept_open, kept_io, kept_temporary = builtins.open, io.open, tempfile.mkstemp

    def wrap(function: Callable) -> Callable:
        def counted(*arguments: Any, **named: Any) -> Any:
            faults.step()
            return function(*arguments, **named)

        return counted

    def open_(file: Any, mode: str = "r", *arguments: Any, **named: Any) -> Any:
        inside = isinstance(file, str | os.PathLike) and os.fspath(file).startswith(faults.root)
        if not inside or not set(mode) & set("wax+"):
            return kept_open(file, mode, *arguments, **named)
        raw = _FailingFile(os.fspath(file), mode.replace("b", "").replace("t", ""))
        raw.faults = faults
        buffer = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
        return buffer if "b" in mode else io.TextIOWrapper(buffer, encoding=named.get("encoding") or "utf-8")

    try:
        for name, function in kept.items():
            setattr(os, name, wrap(function))
        tempfile.mkstemp = wrap(kept_temporary)
        builtins.open = io.open = open_
        yield faults
    finally:
        for name, function in kept.items():
            setattr(os, name, function)
        builtins.open, io.open, tempfile.mkstemp = kept_open, kept_io, kept_temporary


def _write_two(fresh: Path) -> None:
    write_text(fresh / "a.txt", "new")
    write_npz(fresh / "b.npz", {"a": np.arange(9)})


WRITERS: dict[str, Callable[[Path], Any]] = {
    "text.txt": lambda path: write_text(path, "words" * 900),
    "data.json": lambda path: write_json(path, list(range(900))),
    "bytes.bin": lambda path: write_bytes(path, bytes(70_000)),
    "arrays.npz": lambda path: write_npz(path, {"a": np.arange(900), "b": np.array(["x"])}),
    "state.pt": lambda path: save_tensors({"a": torch.arange(9000.0)}, path),
    "history.json": lambda path: History([{"epoch": 1, "train_loss": 0.5}]).save(path),
    "folder": lambda path: write_folder(path, _write_two),
}


def _content(path: Path) -> dict[str, bytes]:
    files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    return {str(file.relative_to(path)): file.read_bytes() for file in files if file.exists()}


def fail_writes(folder: Path, numbers: Sequence[int] = NUMBERS) -> Outcome:
    """T5: let each operation of each writer fail, with each error, once and for ever, over an old file and none.

    Args:
        folder: where they write.
        numbers: the errors.
    """
    outcome = Outcome("faults at writes, T5")
    for name, write in WRITERS.items():
        place = folder / "faults" / name
        count = _count(write, place)
        for fail_at in range(1, count + 1):
            for number, forever, before in itertools.product(numbers, (False, True), (False, True)):
                _fail_one(outcome, write, place, Faults(fail_at, number, forever, place.parent), before)
    return outcome


def _count(write: Callable[[Path], Any], place: Path) -> int:
    place.parent.mkdir(parents=True, exist_ok=True)
    with failing(Faults(0, 0, False, place.parent)) as faults:
        write(place)
    return faults.done


def _fail_one(outcome: Outcome, write: Callable[[Path], Any], place: Path, faults: Faults, before: bool) -> None:
    shutil.rmtree(place.parent)
    place.parent.mkdir()
    if before:
        write(place)
    old, said = _content(place), ""
    try:
        with failing(faults):
            write(place)
    except OSError as error:
        said = describe_os_error(error)
    what = f"{place.name}, operation {faults.fail_at}, {errno.errorcode[faults.number]}, {faults.forever=}, {before=}"
    stray = [path.name for path in place.parent.iterdir() if path != place]
    if faults.forever and before and any("-old-" in name for name in stray):
        restore_folder(place)  # it could be moved aside but, as no rename worked any more, not back: now it can
        stray = [path.name for path in place.parent.iterdir() if path != place]
    if said:
        right = _content(place) == old and place.name in said and os.strerror(faults.number) in said
    else:  # what failed was not needed, such as the sync of the folder
        right = bool(_content(place))
    outcome.add(right and not stray, f"{what}: said {said!r}, left {stray}", refused=bool(said))


def fail_trainings(folder: Path) -> Outcome:
    """T5: let each operation of a training fail, once and for ever; it goes on afterwards as if nothing had been."""
    outcome = Outcome("faults in a training, T5")
    train(folder / "whole", FEW)
    whole, place = fingerprint(folder / "whole"), folder / "failing"
    with failing(Faults(0, 0, False, place)) as faults:
        train(place, FEW)
    for fail_at in range(1, faults.done + 1):
        for number, forever in itertools.product(NUMBERS, (False, True)):
            shutil.rmtree(place)
            _fail_training(outcome, Faults(fail_at, number, forever, place), place, whole)
    return outcome


def _fail_training(outcome: Outcome, faults: Faults, place: Path, whole: str) -> None:
    said = ""
    try:
        with failing(faults):
            train(place, FEW)
    except (OSError, PtmrecError) as error:
        said = describe_os_error(error) if isinstance(error, OSError) else str(error)
    train(place, FEW)
    same = fingerprint(place) == whole
    stray = [path.name for path in place.iterdir() if path.name.startswith(".")]
    named = not said or ("failing" in said and os.strerror(faults.number) in said)
    what = f"operation {faults.fail_at}, {errno.errorcode[faults.number]}, {faults.forever=}"
    outcome.add(same and named and not stray, f"{what}: {said!r}, {same=}, {stray}", refused=bool(said))


def damage_checkpoints(count: int, seed: int, folder: Path) -> Outcome:
    """T7: flip a bit, cut, or zero a page of a checkpoint; it is refused, or holds what it held."""
    draw, outcome = np.random.default_rng(seed), Outcome("damaged checkpoints, T7")
    value = {"standing": {"epoch": 1}, "model": {"a": torch.arange(6000.0)}}
    path = save_tensors(value, folder / "damaged.pt")
    whole = path.read_bytes()
    for trial in range(count):
        damaged, place = bytearray(whole), int(draw.integers(len(whole)))
        if trial % 3 == 0:
            damaged[place] ^= 1 << int(draw.integers(8))
        elif trial % 3 == 1:
            del damaged[place:]
        else:
            damaged[place : place + 4096] = bytes(len(damaged[place : place + 4096]))
        path.write_bytes(damaged)
        try:
            loaded = load_tensors(path)
        except PtmrecError as error:
            outcome.add(path.name in str(error), f"trial {trial}: {error}", refused=True)
        else:
            outcome.add(torch.equal(loaded["model"]["a"], value["model"]["a"]), f"trial {trial}: other values read")
    return outcome
