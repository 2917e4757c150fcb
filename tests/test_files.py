import numpy as np
import pytest

from ptmrec.errors import ArtifactError
from ptmrec.files import (
    atomic_write,
    file_hash,
    is_temporary,
    read_json,
    read_npz,
    remove_temporaries,
    tree_hash,
    write_folder,
    write_json,
    write_npz,
    write_text,
)


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
