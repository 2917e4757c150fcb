import io
import subprocess
import sys
import zipfile

import numpy as np
import pytest

from ptmrec.core.archives import RATIO, ROOM, read_arrays
from ptmrec.core.errors import ArtifactError

HEADER = "{'descr': '<f8', 'fortran_order': False, 'shape': (%s,), }"


def write_members(path, *members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return path


def member(header, data=b""):
    text = header.encode()
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + data


def array(values):
    buffer = io.BytesIO()
    np.save(buffer, np.asarray(values))
    return buffer.getvalue()


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_arrays_are_those_that_numpy_reads(tmp_path, save):
    honest = {
        "one": np.arange(12, dtype=np.int16).reshape(3, 4).T,
        "text": np.array(["ä", "bc"]),
        "bytes": np.array([b"x"]),
        "none": np.zeros((0, 3), np.float32),
        "single": np.array(3.5),
        "big": np.array([1, 2], ">i8"),
        "long": np.random.default_rng(0).normal(size=400_000),
    }
    save(tmp_path / "a.npz", **honest)
    found = read_arrays(tmp_path / "a.npz")
    assert list(found) == list(honest)
    for name, values in honest.items():
        assert (found[name].dtype, found[name].shape) == (values.dtype, values.shape)
        np.testing.assert_array_equal(found[name], values)
        found[name][...] = values


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (member(HEADER % 2**60), "announces"),
        (member(HEADER % 3, b"\0" * 16), "announces 24 bytes and holds 16"),
        (member(HEADER % 3, b"\0" * 32), "announces 24 bytes and holds 32"),
        (member(HEADER % -1), "is float64"),
        (member(HEADER % True, b"\0" * 8), r"is float64 \(True,\)"),
        (member("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", b"\0" * 8), "never loaded"),
        (member("{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (1,), }", b"\0" * 8), r"is \[\("),
        (member("__import__('os').abort()"), "header of 'a.npy'"),
        (member("(" * 3000), "header of 'a.npy'"),
        (member(" " * 20_000), "header of 20000 bytes"),
        (b"\x93NUMPY\x02\x00\xff\xff\xff\xff", "header of 4294967295 bytes"),
        (b"\x93NUMPY\x07\x00", "is no array"),
        (b"plain", "is no array"),
        (array(np.array([0x110000], np.uint32).view("<U1")), "no character"),
        (array(np.array([0xD800], np.uint32).view("<U1")), "no character"),
    ],
)
def test_a_member_that_lies_is_refused(tmp_path, data, words):
    with pytest.raises(ArtifactError, match=words) as error:
        read_arrays(write_members(tmp_path / "a.npz", ("a.npy", data)))
    assert "\n" not in str(error.value)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_names_are_arrays_and_unique(tmp_path):
    with pytest.raises(ArtifactError, match="in it twice"):
        read_arrays(write_members(tmp_path / "a.npz", ("a.npy", array(1)), ("a.npy", array(2))))
    with pytest.raises(ArtifactError, match="is no array"):
        read_arrays(write_members(tmp_path / "b.npz", ("a.txt", b"words")))
    with zipfile.ZipFile(tmp_path / "c.npz", "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("a.npy", array(1))
    with pytest.raises(ArtifactError, match="NumPy never writes"):
        read_arrays(tmp_path / "c.npz")


def test_a_bomb_is_refused_before_it_takes_memory(tmp_path):
    """What is allowed, many zeros in a small file, is read; a thousand times the file is not."""
    count = ROOM // 2
    header = HEADER.replace("<f8", "|u1")
    small = write_members(tmp_path / "a.npz", ("a.npy", member(header % count, bytes(count))))
    assert read_arrays(small)["a"].nbytes == count
    bomb = tmp_path / "b.npz"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("a.npy", "w") as file:
        file.write(member(header % (3 * ROOM)))
        for _ in range(3):
            file.write(bytes(ROOM))
    assert ROOM + RATIO * bomb.stat().st_size < 3 * ROOM
    code = (
        "import resource, sys, pathlib\n"
        "from ptmrec.core.archives import read_arrays\n"
        "from ptmrec.core.errors import ArtifactError\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try: read_arrays(pathlib.Path(sys.argv[1]))\n"
        "except ArtifactError as error: print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(bomb)], capture_output=True, text=True, check=True)
    grown, _, message = done.stdout.partition(" ")
    assert "times the file" in message
    assert int(grown) < 50_000  # KiB


@pytest.mark.parametrize("kind", ["<f8", "<f4", "<f2", "|i1", "|u1", "|b1", "<i4", "<u8", ">f4", "<c8", "<U3"])
@pytest.mark.parametrize("shape", [(), (3,), (0,), (2, 3), (1, 0, 2)])
def test_plain_headers_and_others_are_read_as_numpy_does(tmp_path, kind, shape):
    array = np.arange(np.prod(shape, dtype=int)).reshape(shape).astype(kind)
    np.savez(tmp_path / "a.npz", a=array, b=np.array(array, order="F"))
    for read in read_arrays(tmp_path / "a.npz").values():
        assert read.dtype == array.dtype
        assert read.shape == shape
        assert read.flags.writeable
        np.testing.assert_array_equal(read, array)
