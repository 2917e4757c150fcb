"""Reading NPZ files of unknown origin: nothing unpickled, nothing larger than its file can honestly hold."""

import io
import math
import re
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np

from ptmrec.core.errors import ArtifactError

ROOM = 2**26
"""Bytes that the arrays of any file may take, however small it is."""
RATIO = 100
"""Bytes that arrays may take for each byte of their file, beyond :data:`ROOM`; deflate alone reaches 1000."""
KINDS = "biufcSU"
"""Kinds of arrays that are read: numbers and fixed-width text."""
_MAGIC = b"\x93NUMPY"
_LONGEST_HEADER = 10_000
_LENGTH = rb"(?:0|[1-9]\d{0,17})"
_PLAIN = re.compile(
    rb"\{'descr': '(\|[biu]1|<[iu][248]|<f[248])', 'fortran_order': False, "
    rb"'shape': \((|L,|L(?:, L)+)\), \} *\n".replace(b"L", _LENGTH)
)
"""What NumPy writes of most arrays, which need not be evaluated."""
_LARGEST_CHARACTER = 0x10FFFF
_HALVES = (0xD800, 0xDFFF)


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Every array of an NPZ.

    The header of each member is read first and has to announce just the bytes that the archive lists, before any
    memory is taken for them.

    Raises:
        FileNotFoundError: no such file.
        ArtifactError: anything else that is no honest NPZ.
    """
    try:
        with _open(path) as archive:
            members = archive.infolist()
            _check_members(path, members)
            return {member.filename.removesuffix(".npy"): _read_member(archive, member) for member in members}
    except (FileNotFoundError, ArtifactError):
        raise
    except ValueError as error:
        raise ArtifactError(f"{path}: not a usable NPZ ({error})") from None
    except (
        *(OSError, EOFError, MemoryError, NotImplementedError, RuntimeError, OverflowError, struct.error),
        *(zipfile.BadZipFile, zlib.error),
    ) as error:
        raise ArtifactError(f"{path}: damaged NPZ ({type(error).__name__}: {error})") from None


def _open(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except zipfile.BadZipFile:
        hint = "no complete ZIP archive"
        raise ArtifactError(f"{path}: not an NPZ, or a damaged one ({hint}); restore or rebuild it") from None


def _check_members(path: Path, members: list[zipfile.ZipInfo]) -> None:
    names = set()
    for member in members:
        if member.filename in names:
            raise ValueError(f"{member.filename!r} is in it twice")
        names.add(member.filename)
        if not member.filename.endswith(".npy"):
            raise ValueError(f"{member.filename!r} is no array")
    declared, held = sum(member.file_size for member in members), path.stat().st_size
    if declared > ROOM + RATIO * held:
        raise ValueError(f"its arrays would take {declared:,} bytes, {declared // max(held, 1)} times the file")


def _read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> np.ndarray:
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"{member.filename!r} is compressed in a way NumPy never writes")
    with archive.open(member) as file:
        dtype, shape, fortran, read = _read_header(file, member.filename)
        count = math.prod(shape) * dtype.itemsize
        if read + count != member.file_size:
            raise ValueError(f"{member.filename!r} announces {count} bytes and holds {member.file_size - read}")
        data = bytearray(file.read())  # to the end, where the check sum is compared
        if len(data) != count:
            raise EOFError(f"{member.filename!r} holds {len(data)} of {count} bytes")
    array = np.ndarray(shape, dtype, buffer=data, order="F" if fortran else "C")
    _check_text(array, member.filename)
    return array


def _read_header(file: "zipfile.ZipExtFile", name: str) -> tuple[np.dtype, tuple[int, ...], bool, int]:
    """Type, shape, whether in Fortran order, and bytes read."""
    start = file.read(len(_MAGIC) + 2)
    if start[: len(_MAGIC)] != _MAGIC or start[-2:] not in (b"\1\0", b"\2\0", b"\3\0"):
        raise ValueError(f"{name!r} is no array")
    width = 2 if start[-2] == 1 else 4
    head = file.read(width)
    length = int.from_bytes(head, "little")
    if length > _LONGEST_HEADER:
        raise ValueError(f"{name!r} has a header of {length} bytes")
    text = file.read(length)
    if plain := _PLAIN.fullmatch(text):
        shape = tuple(map(int, re.findall(rb"\d+", plain[2])))
        return np.dtype(plain[1].decode()), shape, False, len(start) + width + length
    reader = np.lib.format.read_array_header_1_0 if width == 2 else np.lib.format.read_array_header_2_0
    try:
        shape, fortran, dtype = reader(io.BytesIO(head + text))
    except Exception as error:  # NumPy evaluates the header as a literal: what a damaged one raises has no end
        raise ValueError(f"header of {name!r}: {type(error).__name__}") from None
    if dtype.hasobject:
        raise ValueError("it holds pickled Python objects, which are never loaded")
    if dtype.kind not in KINDS or dtype.itemsize == 0 or any(type(n) is not int or n < 0 for n in shape):
        raise ValueError(f"{name!r} is {dtype} {shape}")
    return dtype, shape, bool(fortran), len(start) + width + length


def _check_text(array: np.ndarray, name: str) -> None:
    """Refuse text with numbers that are no characters, which could be neither printed nor written."""
    if array.dtype.kind == "U" and array.size:
        codes = np.frombuffer(array.tobytes(), np.dtype("u4").newbyteorder(array.dtype.byteorder))
        if codes.max() > _LARGEST_CHARACTER or ((codes >= _HALVES[0]) & (codes <= _HALVES[1])).any():
            raise ValueError(f"text in {name!r} holds what is no character")
