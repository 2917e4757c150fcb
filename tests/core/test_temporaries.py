import os
import signal
import stat
import subprocess
import sys
import threading

import pytest

from ptmrec.core.files import atomic_write, write_folder, write_text
from ptmrec.core.temporaries import is_temporary, mode_of, remove_stale, temporary_prefix

HANG = """
import sys, time
from pathlib import Path
from ptmrec.core.files import {name}

def write(fresh):
    print("writing", flush=True)
    time.sleep(60)

{name}(Path(sys.argv[1]), write)
"""


@pytest.fixture(params=["atomic_write", "write_folder"])
def writer(request, tmp_path):
    """A process in the middle of a write of ``result`` in the test's folder."""
    child = subprocess.Popen(
        [sys.executable, "-c", HANG.format(name=request.param), tmp_path / "result"], stdout=subprocess.PIPE
    )
    assert child.stdout.readline() == b"writing\n"
    yield child
    child.kill()
    child.wait()
    child.stdout.close()


def left(folder):
    return [path for path in folder.iterdir() if is_temporary(path)]


@pytest.mark.parametrize("again", [write_text, lambda path, _: write_folder(path, lambda fresh: None)])
def test_what_a_kill_left_goes_with_the_next_write_into_the_folder(tmp_path, writer, again):
    """Nobody else may come to tidy; but what a live process writes is its own."""
    again(tmp_path / "first", "x")
    assert len(left(tmp_path)) == 1, "its process lives"
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    again(tmp_path / "second", "x")
    assert not left(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["first", "second"]


def test_what_is_not_known_to_be_dead_stays(tmp_path):
    own = temporary_prefix("a").removesuffix(f"{os.getpid()}-")
    names = [
        *(".a-1234abcd.tmp", ".a-old-1234abcd.tmp", ".a-0123abcd-99999999-abcdefgh.tmp", "a.tmp", ".a.lock.tmp"),
        *(f"{own}{os.getpid()}-abcdefgh.tmp", f"{own}1-abcdefgh.tmp", f"{own}9999999999-abcdefgh", f"{own}x-y.tmp"),
    ]
    for name in names:
        (tmp_path / name).write_text("x")
    (tmp_path / f"{own}99999999-abcdefgh.tmp").write_text("x")  # more than any system gives
    remove_stale(tmp_path)
    remove_stale(tmp_path / "none")
    assert {path.name for path in tmp_path.iterdir()} == set(names)


def test_names_of_any_length_have_a_temporary(tmp_path):
    for name in ("x" * 250, "\u4e2d" * 80):
        assert write_text(tmp_path / name, "a").read_text() == "a"
        (tmp_path / name).unlink()


@pytest.fixture
def umask():
    before = os.umask(0o027)
    yield
    os.umask(before)


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.usefixtures("umask")
def test_a_new_file_follows_the_umask_and_an_old_one_keeps_its_mode(tmp_path):
    path, folder = tmp_path / "a.txt", tmp_path / "folder"
    assert mode(write_text(path, "a")) == 0o640
    assert mode(write_folder(folder, lambda fresh: write_text(fresh / "a", "a"))) == 0o750
    assert mode(folder / "a") == 0o640
    for own in (0o600, 0o664, 0o444):
        path.chmod(own)
        assert mode(write_text(path, str(own))) == own
        assert path.read_text() == str(own)
    folder.chmod(0o700)
    assert mode(write_folder(folder, lambda fresh: None)) == 0o700
    assert mode_of(tmp_path / "none", 0o666) == 0o640
    assert os.umask(0o027) == 0o027, "asking changed nothing"


def test_a_symbolic_link_stays_and_its_target_is_written(tmp_path):
    (tmp_path / "below").mkdir()
    target, link, second = tmp_path / "below" / "target", tmp_path / "link", tmp_path / "second"
    link.symlink_to("below/target")
    second.symlink_to("link")
    for path, text in ((link, "new"), (second, "newer")):  # the target is not there at first
        assert write_text(path, text) == path
        assert path.is_symlink() and not target.is_symlink() and target.read_text() == text
    assert [path.name for path in target.parent.iterdir()] == ["target"]

    def fail(_):
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="link"):
        atomic_write(link, fail)
    assert target.read_text() == "newer"


def test_a_link_to_a_folder_stays_and_one_to_itself_is_refused(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    assert write_folder(tmp_path / "link", lambda fresh: (fresh / "a").write_text("a")) == tmp_path / "link"
    assert (tmp_path / "link").is_symlink() and (tmp_path / "real" / "a").read_text() == "a"
    (tmp_path / "loop").symlink_to("loop")
    for write in (lambda path: write_text(path, "a"), lambda path: write_folder(path, lambda fresh: None)):
        with pytest.raises(OSError, match="loop"):
            write(tmp_path / "loop")
    assert (tmp_path / "loop").is_symlink()


def test_what_is_no_file_is_written_into_and_not_replaced(tmp_path):
    """Such as ``-o /dev/stdout``."""
    os.mkfifo(tmp_path / "pipe")
    read = []
    reader = threading.Thread(target=lambda: read.append((tmp_path / "pipe").read_text()))
    reader.start()
    write_text(tmp_path / "pipe", "words")
    reader.join(10)
    assert read == ["words"] and stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)
