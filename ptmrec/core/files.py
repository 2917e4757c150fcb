"""Reading and writing files: atomic writes, hashes, and readers that never unpickle."""

import errno
import glob
import hashlib
import json
import math
import os
import secrets
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from ptmrec.core.archives import read_arrays
from ptmrec.core.errors import ArtifactError, reading
from ptmrec.core.temporaries import TEMPORARY, is_temporary, mode_of, remove_stale, temporary_prefix
from ptmrec.core.trust import check, forget

ATTEMPTS = 50
"""How often a folder is moved into a place that other processes move theirs to, before that counts as an error."""
HASHES = "hashes.json"
"""File with the SHA-256 of all others in a folder."""
LARGEST_JSON = 2**26
"""Bytes of the largest JSON file that is read."""
DEEPEST_JSON = 64
"""Levels of lists and objects in JSON that is read."""
LONGEST_NUMBER = 25
"""Digits of the longest whole number in JSON that is read; none here needs more than 64 bits."""


def atomic_write(path: Path, write: Callable[[Path], None]) -> Path:
    """Let ``write`` fill a temporary file beside ``path``, sync it, then move it into place.

    A symbolic link stays one: its target is written. The file keeps its permissions, a new one gets what the umask
    leaves. Temporaries that killed processes left in the folder are removed.

    Args:
        path: final place; missing parent folders are made.
        write: called with the temporary path, whose name ends in ``.tmp``, so that nothing takes it for data.

    Returns:
        ``path``. On any failure the old file stays and no temporary file is left.

    Raises:
        OSError: the disk is full or fails, or the place may not be written; it names ``path``.
    """
    with naming(path):
        if _is_stream(path):
            return _write_through(path, write)
        place = _target(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        remove_stale(place.parent)
        handle, name = tempfile.mkstemp(prefix=temporary_prefix(place.name), suffix=TEMPORARY, dir=place.parent)
        os.close(handle)
        temporary = Path(name)
        try:
            write(temporary)
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())
            os.chmod(temporary, mode_of(place, 0o666))  # mkstemp makes files only the owner can read
            forget(path)
            os.replace(temporary, place)
            _sync_folder(place.parent)
        finally:
            with suppress(OSError):  # the first failure is the one to tell
                temporary.unlink(missing_ok=True)
    return path


def _target(path: Path) -> Path:
    """Where a symbolic link leads to, at last; any other path itself."""
    if not path.is_symlink():
        return path
    place = Path(os.path.realpath(path))
    if place.is_symlink():
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
    return place


def _is_stream(path: Path) -> bool:
    """Whether something is there that is neither file nor folder, such as ``/dev/stdout``; nothing may replace it."""
    with suppress(OSError):
        mode = path.stat().st_mode
        return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)
    return False


def _write_through(path: Path, write: Callable[[Path], None]) -> Path:
    with tempfile.TemporaryDirectory() as folder:
        temporary = Path(folder) / "whole"
        write(temporary)
        with temporary.open("rb") as read, path.open("wb") as file:
            shutil.copyfileobj(read, file)
    return path


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Let an :class:`OSError` within name the file that was to be written, not a temporary one or none."""
    try:
        yield
    except OSError as error:
        about_another = error.filename is not None and TEMPORARY not in str(error.filename)
        if error.errno is None or about_another:
            raise
        raise OSError(error.errno, error.strerror or str(error), str(path)) from error


def _sync_folder(folder: Path) -> None:
    """Make a rename last through a power cut; where folders cannot be synced, the rename itself has to do."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def remove_temporaries(folder: Path) -> None:
    """Remove what killed writes left in a folder and below; only for folders nobody is writing to."""
    for path in list(folder.rglob(f".*{TEMPORARY}")) if folder.is_dir() else []:
        shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)


def replace_folder(folder: Path, fresh: Path) -> Path:
    """Put a finished folder in the place of another; the old one goes only when the new one stands.

    Args:
        folder: final place; it may not exist yet.
        fresh: the new folder, on the same file system; gone afterwards.
    """
    forget(folder)
    restore_folder(folder)
    for left in _aside(folder):
        shutil.rmtree(left, ignore_errors=True)
    _sync_tree(fresh)
    aside = folder.with_name(f".{folder.name}-old-{secrets.token_hex(4)}{TEMPORARY}")
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with suppress(FileNotFoundError):
                folder.rename(aside)
            fresh.rename(folder)
            break
        except OSError as error:
            taken = error.errno in (errno.ENOTEMPTY, errno.EEXIST)  # another process was faster, so move its away too
            if aside.exists() and not folder.exists():
                aside.rename(folder)
            shutil.rmtree(aside, ignore_errors=True)
            if not taken or attempt == ATTEMPTS:
                raise
    _sync_folder(folder.parent)  # or a power cut could undo the renames and not what is removed now
    shutil.rmtree(aside, ignore_errors=True)
    return folder


def restore_folder(folder: Path) -> None:
    """Put back what a stopped :func:`replace_folder` moved aside and could not replace; else nothing is done."""
    if not folder.exists():
        for left in _aside(folder)[-1:]:
            with suppress(OSError):  # another process did so, or put its own there
                left.rename(folder)


def _aside(folder: Path) -> list[Path]:
    """Old contents of a folder that were moved aside and are still there, the last moved last."""
    found = {}
    for path in folder.parent.glob(f".{glob.escape(folder.name)}-old-*{TEMPORARY}"):
        with suppress(OSError):  # another process has just removed it
            found[path] = path.stat().st_ctime_ns
    return sorted(found, key=found.__getitem__)


def _sync_tree(folder: Path) -> None:
    """Make everything in a folder last through a power cut."""
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir():
            _sync_folder(path)
        elif path.is_file() and not path.is_symlink():
            with path.open("rb") as file:
                os.fsync(file.fileno())
    _sync_folder(folder)


def write_folder(folder: Path, write: Callable[[Path], None]) -> Path:
    """Let ``write`` fill a temporary folder beside ``folder``, then put it in its place in one move."""
    with naming(folder):
        place = _target(folder)
        place.parent.mkdir(parents=True, exist_ok=True)
        remove_stale(place.parent)
        restore_folder(place)
        prefix = temporary_prefix(place.name)
        fresh = Path(tempfile.mkdtemp(prefix=prefix, suffix=TEMPORARY, dir=place.parent))
        try:
            os.chmod(fresh, mode_of(place, 0o777))
            write(fresh)
            forget(folder)
            replace_folder(place, fresh)
            return folder
        finally:
            shutil.rmtree(fresh, ignore_errors=True)


def write_bytes(path: Path, data: bytes | memoryview) -> Path:
    """Write bytes, atomically.

    Libraries that write to a path themselves call a full disk anything but an :class:`OSError`; so they fill memory.
    """
    return atomic_write(path, lambda temporary: temporary.write_bytes(data))


def write_text(path: Path, text: str) -> Path:
    """Write ``text`` as UTF-8, atomically; half characters, as of file names that are not UTF-8, are written out."""
    return write_bytes(path, text.encode("utf-8", "backslashreplace"))


def write_json(path: Path, value: Any) -> Path:
    """Write ``value`` as indented JSON, atomically; NaN and infinity are refused."""
    return write_text(path, json.dumps(value, indent=1, allow_nan=False, ensure_ascii=False) + "\n")


def read_json(path: Path) -> Any:
    """Read JSON as data.

    Raises:
        ArtifactError: the file is missing, larger than :data:`LARGEST_JSON`, not UTF-8, not JSON (NaN and numbers
            without end are not), nested deeper than :data:`DEEPEST_JSON`, or names a key twice.
    """

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            keys = [key for key, _ in pairs]
            raise ValueError(f"key {max(keys, key=keys.count)!r} appears twice")
        return found

    def refuse(constant: str) -> None:
        raise ValueError(f"{constant[:20]} is no number in JSON")

    def finite(digits: str) -> float:
        value = float(digits)
        return value if math.isfinite(value) else refuse(digits)

    def whole(digits: str) -> int:
        return int(digits) if len(digits) <= LONGEST_NUMBER else refuse(digits)

    try:
        check(path)
        with path.open("rb") as file:
            data = file.read(LARGEST_JSON + 1)
        if len(data) > LARGEST_JSON:
            raise ValueError(f"larger than {LARGEST_JSON >> 20} MiB")
        text = data.decode("utf-8")
        value = json.loads(text, object_pairs_hook=unique, parse_constant=refuse, parse_float=finite, parse_int=whole)
        _check_nesting(value)
        if "\\ud" in text.lower():  # an escaped half of a character could not be written anywhere
            json.dumps(value, ensure_ascii=False).encode()
        return value
    except FileNotFoundError:
        raise ArtifactError(f"{path}: file not found") from None
    except (OSError, UnicodeDecodeError, ValueError, RecursionError) as error:
        raise ArtifactError(f"{path}: not readable as JSON ({error}); restore or rebuild it") from None


def is_number(value: Any) -> bool:
    """Whether a value of JSON is a number, which a truth value is not."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _check_nesting(value: Any) -> None:
    level, depth = [value], 0
    while level := [
        part
        for outer in level
        for part in (outer.values() if isinstance(outer, dict) else outer if isinstance(outer, list) else ())
        if isinstance(part, dict | list)
    ]:
        depth += 1
        if depth > DEEPEST_JSON:
            raise ValueError(f"nested deeper than {DEEPEST_JSON}")


def write_npz(path: Path, arrays: Mapping[str, np.ndarray]) -> Path:
    """Write a compressed NPZ atomically; object arrays (which would need pickle) are refused."""
    for name, array in arrays.items():
        if np.asarray(array).dtype.hasobject:
            raise ArtifactError(f"{path}: array {name!r} holds Python objects; store numbers or fixed-width text")

    def write(temporary: Path) -> None:
        with temporary.open("wb") as file:  # given a name, NumPy would append .npz to it
            np.savez_compressed(file, **arrays)

    return atomic_write(path, write)


def read_npz(path: Path, required: Iterable[str] = ()) -> dict[str, np.ndarray]:
    """Read every array of an NPZ without ever unpickling.

    Args:
        path: the NPZ file.
        required: names that must be present.

    Raises:
        ArtifactError: missing or damaged file, pickled objects, or a required array is absent.
    """
    with reading(path):
        check(path)
        arrays = read_arrays(path)
    missing = [name for name in required if name not in arrays]
    if missing:
        raise ArtifactError(f"{path}: array {missing[0]!r} is missing; it holds {sorted(arrays) or 'nothing'}")
    return arrays


def file_hash(path: Path) -> str:
    """SHA-256 of a file's bytes, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def hash_files(root: Path, files: Iterable[Path]) -> dict[str, str]:
    """SHA-256 of files by their path relative to a folder."""
    return {path.relative_to(root).as_posix(): file_hash(path) for path in files}


def write_hashes(folder: Path) -> Path:
    """Write the SHA-256 of every file in a folder, and below, beside them."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file() and path != folder / HASHES)
    return write_json(folder / HASHES, hash_files(folder, files))


def check_hashes(folder: Path, parts: tuple[str, ...] = ("",)) -> None:
    """Compare files of a folder with what :func:`write_hashes` noted of them.

    Args:
        folder: the folder.
        parts: what the names of the files that are read begin with; all without it.

    Raises:
        ArtifactError: naming the first that is missing or another, or that nothing was noted.
    """
    noted = read_json(folder / HASHES)
    if not isinstance(noted, dict) or not noted:
        raise ArtifactError(f"{folder / HASHES}: expected an object: file -> SHA-256")
    for name, expected in noted.items():
        path = folder / name
        if not name.startswith(parts):
            continue
        if not path.is_file():
            raise ArtifactError(f"{path}: missing, but {HASHES} beside it names it; restore it or make it again")
        if file_hash(path) != expected:
            raise ArtifactError(
                f"{path}: damaged or changed, {HASHES} has another SHA-256; restore it or make it again"
            )


def tree_hash(paths: Iterable[Path]) -> str:
    """SHA-256 over names and contents of files and folders (recursively), independent of listing order."""
    digest = hashlib.sha256()
    for path in sorted(paths):
        files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
        for file in files:
            if "__pycache__" in file.parts or is_temporary(file):
                continue
            name = file.relative_to(path).as_posix() if path.is_dir() else file.name
            digest.update(f"{path.name}/{name}:{file_hash(file) if file.is_file() else 'absent'}\n".encode())
    return digest.hexdigest()
