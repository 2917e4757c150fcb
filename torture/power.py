"""Cut the power at every instant of a write: what a disk may then hold is read as the old or as the new."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ptmrec.core.files import restore_folder, write_folder, write_json, write_npz, write_text
from ptmrec.train.checkpoints import save_tensors
from torture.disk import Disk, number_of, recording
from torture.outcome import Outcome


def cut(disk: Disk, place: int, draw: np.random.Generator, target: Path) -> None:
    """Build what may be there when the power goes before an operation.

    What was not synced may be lost: of a file's bytes all, an end or everything but their number; of the changes of a
    folder the later ones, whatever became of other folders and files.
    """
    entries = {folder: dict(names) for folder, names in disk.entries.items()}
    for folder in {step[1] for step in disk.done if step[0] in ("link", "move")} - set(entries):
        entries[folder] = {}
    for folder, names in entries.items():
        own = [step for step in disk.done[:place] if step[1] == folder]
        safe = max((at + 1 for at, step in enumerate(own) if step[0] == "sync"), default=0)
        for step in own[: int(draw.integers(safe, len(own) + 1))]:
            if step[0] == "move":
                names[step[3]] = names.pop(step[2])
            elif step[0] == "link":
                names.update({step[2]: step[3]}) if step[3] else names.pop(step[2])
    _build(target, number_of(disk.root), entries, lambda file: _torn(disk, file, place, draw))


def _torn(disk: Disk, file: int, place: int, draw: np.random.Generator) -> bytes:
    kept, later = disk.data.get(file, b""), []
    for step in disk.done[:place]:
        if step[:2] == ("data", file):
            later.append(step[2])
        elif step == ("sync", file) and later:
            kept, later = later[-1], []
    choices = [kept, *later, *(data[: int(draw.integers(len(data) + 1))] for data in later)]
    choices += [bytes(len(data)) for data in later]
    return choices[draw.integers(len(choices))]


def _build(target: Path, folder: int, entries: dict, read: Callable[[int], bytes]) -> None:
    target.mkdir()
    for name, number in entries[folder].items():
        if number in entries:
            _build(target / name, number, entries, read)
        else:
            (target / name).write_bytes(read(number))


def _fill(words: str) -> Callable[[Path], None]:
    def write(fresh: Path) -> None:
        write_text(fresh / "a.txt", words)
        (fresh / "below").mkdir()
        (fresh / "below" / "plain.txt").write_text(words)  # not every writer of a folder syncs
        write_npz(fresh / "below" / "b.npz", {"a": np.arange(len(words))})

    return write


WRITERS: dict[str, Callable[[Path, str], Any]] = {
    "text.txt": lambda path, words: write_text(path, words * 99),
    "data.json": lambda path, words: write_json(path, [words] * 99),
    "state.pt": lambda path, words: save_tensors({"a": torch.arange(99.0), "words": words}, path),
    "folder": lambda path, words: write_folder(path, _fill(words)),
}


def content(path: Path) -> dict[str, bytes] | None:
    """What is read of a file or folder; None where none is."""
    restore_folder(path)
    if not path.exists():
        return None
    files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    return {str(file.relative_to(path)): file.read_bytes() for file in files}


def cut_power(count: int, seed: int, folder: Path) -> Outcome:
    """T6: write over something old and over nothing, and cut the power at drawn instants."""
    draw, outcome = np.random.default_rng(seed), Outcome("power cuts, T6")
    cases = [(name, before) for name in WRITERS for before in (False, True)]
    for number, (name, before) in enumerate(cases):
        disk, write = Disk(folder / f"disk{number}"), WRITERS[name]
        disk.root.mkdir()
        if before:
            write(disk.root / name, "old")
        disk.scan()
        old = content(disk.root / name)
        with recording(disk):
            write(disk.root / name, "newer")
        new, target = content(disk.root / name), folder / "after"
        for trial in range(-(-count // len(cases))):
            place = len(disk.done) - trial if trial < 2 else int(draw.integers(len(disk.done) + 1))
            cut(disk, place, draw, target)
            found = content(target / name)
            right = found == new or (found == old and place < len(disk.done))
            outcome.add(right, f"{name}, {before=}: before operation {place} of {disk.done}, {found}")
            shutil.rmtree(target)
    return outcome
