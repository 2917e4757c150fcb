"""Files that must be as they were committed: each is compared with its hash when it is first read."""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

from ptmrec.core.errors import ArtifactError

_expected: dict[str, str] = {}
"""Absolute path -> SHA-256 of the files watched."""
_seen: dict[str, tuple[int, int]] = {}
"""Absolute path -> time of change and size of the files found unchanged."""


def expect(root: Path, hashes: Mapping[str, str]) -> None:
    """Watch files from now on, in this process.

    Args:
        root: folder that the names are relative to.
        hashes: name -> SHA-256, hexadecimal.
    """
    folder = os.path.abspath(root)
    _expected.update({os.path.join(folder, *name.split("/")): value for name, value in hashes.items()})


def forget(path: Path) -> None:
    """Watch a file, or what lies in a folder, no longer: this process is about to write it."""
    place = os.path.abspath(path)
    for name in [name for name in _expected if name == place or name.startswith(place + os.sep)]:
        del _expected[name]


def check(path: Path) -> None:
    """Compare a file with its hash, when it is watched and was not compared since it changed.

    Raises:
        ArtifactError: it is another file than was committed.
    """
    place = os.path.abspath(path) if _expected else ""
    if place not in _expected:
        return
    try:
        status = os.stat(place)
        mark = (status.st_mtime_ns, status.st_size)
        if _seen.get(place) == mark:
            return
        with open(place, "rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return  # whoever reads it says so
    if found != _expected[place]:
        raise ArtifactError(
            f"{path}: damaged or changed, it has another SHA-256 than in the manifest; restore it with git, "
            "or accept it with: ptmrec zoo verify --accept"
        )
    _seen[place] = mark
