import errno
import io
import os
import subprocess
import sys
import zipfile

import numpy as np
import pytest

from ptmrec.core.archives import RATIO, ROOM, read_arrays
from ptmrec.core.errors import ArtifactError
from ptmrec.core.files import (
    atomic_write,
    check_hashes,
    file_hash,
    is_temporary,
    read_json,
    read_npz,
    remove_temporaries,
    restore_folder,
    tree_hash,
    write_bytes,
    write_folder,
    write_hashes,
    write_json,
    write_npz,
    write_text,
)
from torture.power import cut_power


def test_a_failing_write_keeps_the_old_file_and_leaves_no_other(tmp_path):
    path = write_text(tmp_path / "a.txt", "old")

    def fail(temporary):
        temporary.write_text("half")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        atomic_write(path, fail)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_json_round_trip_and_refusals(tmp_path):
    path = write_json(tmp_path / "sub" / "a.json", {"ä": [1, None]})
    assert read_json(path) == {"ä": [1, None]}
    with pytest.raises(ValueError, match="JSON"):
        write_json(path, float("nan"))
    assert read_json(path) == {"ä": [1, None]}


@pytest.mark.parametrize(
    ("text", "words"),
    [(b'{"a": 1', "not readable"), (b"\xff\xfe", "not readable"), (b'{"a": 1, "a": 2}', "appears twice")],
)
def test_damaged_json(tmp_path, text, words):
    (tmp_path / "a.json").write_bytes(text)
    with pytest.raises(ArtifactError, match=words):
        read_json(tmp_path / "a.json")
    with pytest.raises(ArtifactError, match="file not found"):
        read_json(tmp_path / "b.json")


def test_npz_never_holds_or_loads_objects(tmp_path):
    path = write_npz(tmp_path / "a.npz", {"x": np.arange(3)})
    assert read_npz(path, ["x"])["x"].tolist() == [0, 1, 2]
    with pytest.raises(ArtifactError, match="Python objects"):
        write_npz(path, {"x": np.array([{}], dtype=object)})
    np.savez(tmp_path / "b.npz", x=np.array([{}], dtype=object))
    with pytest.raises(ArtifactError, match="pickled Python objects, which are never loaded"):
        read_npz(tmp_path / "b.npz")
    with pytest.raises(ArtifactError, match=r"array 'y' is missing; it holds \['x'\]"):
        read_npz(path, ["y"])


def test_tree_hash_sees_names_contents_and_nothing_else(tmp_path):
    for folder in ("one", "two"):
        write_text(tmp_path / folder / "same" / "a.txt", "a")
        write_text(tmp_path / folder / "same" / "b.txt", "b")
    first, second = (tmp_path / folder / "same" for folder in ("one", "two"))
    assert tree_hash([first]) == tree_hash([second])
    write_text(second / "b.txt", "c")
    assert tree_hash([first]) != tree_hash([second])
    (second / "b.txt").unlink()
    assert tree_hash([first]) != tree_hash([second])
    assert file_hash(first / "a.txt") == file_hash(second / "a.txt")


def test_nothing_takes_a_temporary_for_data(tmp_path):
    """A kill between making and renaming a file leaves it behind; no glob for data finds it."""
    seen = []

    def stop(temporary):
        temporary.write_bytes(b"half")
        seen.extend(path.name for path in tmp_path.glob("*.npz"))
        assert is_temporary(temporary)

    atomic_write(tmp_path / "a.npz", stop)
    assert seen == []
    (tmp_path / "below").mkdir()
    left = tmp_path / "below" / ".a.npz-1.tmp"
    left.write_bytes(b"half")
    clean = tree_hash([tmp_path / "a.npz"])
    assert tree_hash([tmp_path]) != clean
    before = tree_hash([tmp_path])
    remove_temporaries(tmp_path)
    assert not left.exists()
    assert tree_hash([tmp_path]) == before
    assert (tmp_path / "a.npz").read_bytes() == b"half"


def test_a_folder_is_replaced_as_a_whole_or_not_at_all(tmp_path):
    folder = tmp_path / "result"
    write_folder(folder, lambda fresh: (fresh / "first.txt").write_text("old"))

    def fail(fresh):
        (fresh / "second.txt").write_text("new")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_folder(folder, fail)
    assert [path.name for path in folder.iterdir()] == ["first.txt"]
    write_folder(folder, lambda fresh: (fresh / "second.txt").write_text("new"))
    assert [path.name for path in folder.iterdir()] == ["second.txt"]
    assert [path.name for path in tmp_path.iterdir()] == ["result"]


FAULTS = ("mkstemp", "fsync", "replace", "chmod")


@pytest.mark.parametrize("operation", FAULTS)
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EROFS])
def test_a_fault_at_any_operation_keeps_the_old_file_and_names_it(tmp_path, monkeypatch, operation, number):
    path = write_text(tmp_path / "a.txt", "old")

    def fail(*_, **__):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(f"ptmrec.core.files.{'tempfile' if operation == 'mkstemp' else 'os'}.{operation}", fail)
    with pytest.raises(OSError, match="a.txt") as caught:
        write_bytes(path, b"new")
    monkeypatch.undo()
    assert (caught.value.errno, caught.value.filename) == (number, str(path))
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_cannot_take_its_place_leaves_the_old_one(tmp_path, monkeypatch):
    folder = write_folder(tmp_path / "result", lambda fresh: (fresh / "a.txt").write_text("old"))
    rename = type(folder).rename

    def fail(source, target):
        if source.name.endswith(".tmp") and "-old" not in source.name:
            raise OSError(errno.EIO, "Input/output error", str(source), None, str(target))
        return rename(source, target)

    monkeypatch.setattr(type(folder), "rename", fail)
    with pytest.raises(OSError, match="result"):
        write_folder(folder, lambda fresh: (fresh / "a.txt").write_text("new"))
    assert (folder / "a.txt").read_text() == "old"
    assert list(tmp_path.iterdir()) == [folder]


def test_an_error_about_another_file_keeps_its_name(tmp_path):
    def read_another(_):
        (tmp_path / "missing").read_bytes()

    with pytest.raises(FileNotFoundError, match="missing"):
        atomic_write(tmp_path / "a", read_another)
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        write_text(tmp_path / "file" / "a.txt", "new")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[" * 66 + "]" * 66, "nested deeper than 64"),
        ('{"a": 1e999}', "1e999 is no number"),
        ('{"a": -Infinity}', "-Infinity is no number"),
        ('{"a": NaN}', "NaN is no number"),
        ('{"a": ' + "9" * 30 + "}", "9 is no number"),
        ('["\\ud800"]', "surrogates not allowed"),
        ("[" * 100_000, "not readable"),
    ],
)
def test_json_that_nothing_can_be_done_with(tmp_path, text, words):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(ArtifactError, match=words):
        read_json(tmp_path / "a.json")
    (tmp_path / "a.json").write_text("[" * 65 + "]" * 65)
    read_json(tmp_path / "a.json")


def test_the_files_of_a_folder_are_those_that_were_noted(tmp_path):
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "a.txt").write_text("a")
    (tmp_path / "b.txt").write_text("b")
    write_hashes(tmp_path)
    write_hashes(tmp_path)
    check_hashes(tmp_path)
    (tmp_path / "below" / "a.txt").write_text("c")
    with pytest.raises(ArtifactError, match=r"below/a\.txt: damaged or changed"):
        check_hashes(tmp_path)
    (tmp_path / "below" / "a.txt").unlink()
    with pytest.raises(ArtifactError, match=r"below/a\.txt: missing"):
        check_hashes(tmp_path)
    (tmp_path / "hashes.json").write_text("[]")
    with pytest.raises(ArtifactError, match="expected an object"):
        check_hashes(tmp_path)


def test_json_has_a_largest_size(tmp_path, monkeypatch):
    path = write_json(tmp_path / "a.json", ["x" * 2000])
    read_json(path)
    monkeypatch.setattr("ptmrec.core.files.LARGEST_JSON", 1000)
    with pytest.raises(ArtifactError, match="larger than"):
        read_json(path)


def test_a_folder_that_was_only_moved_aside_comes_back(tmp_path):
    """What a kill between the two moves of a replacement leaves, or a disk that then refused both."""
    folder = write_folder(tmp_path / "result", lambda fresh: (fresh / "a.txt").write_text("old"))
    restore_folder(folder)  # nothing was moved
    folder.rename(tmp_path / ".result-old-1234.tmp")
    restore_folder(tmp_path / "other")
    restore_folder(folder)
    assert (folder / "a.txt").read_text() == "old"
    folder.rename(tmp_path / ".result-old-1234.tmp")

    def fail(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="result"):
        write_folder(folder, fail)
    assert (folder / "a.txt").read_text() == "old"
    assert list(tmp_path.iterdir()) == [folder]


def test_a_power_cut_leaves_the_old_or_the_new(tmp_path):
    outcome = cut_power(1500, 0, tmp_path)
    assert outcome.survived == outcome.tried > 0, outcome.failures


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
