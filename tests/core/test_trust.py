import os
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save

from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import PathsConfig
from ptmrec.core import places
from ptmrec.core.errors import ArtifactError
from ptmrec.core.files import (
    atomic_write,
    file_hash,
    read_json,
    read_npz,
    write_bytes,
    write_folder,
    write_json,
    write_npz,
    write_text,
)
from ptmrec.core.temporaries import is_temporary, mode_of, remove_stale, temporary_prefix
from ptmrec.core.trust import check, expect, forget
from ptmrec.pipeline.committed import ProjectFiles
from ptmrec.zoo.snapshot import read_tensors


def flip(path, place=None):
    data = bytearray(path.read_bytes())
    data[len(data) // 2 if place is None else place] ^= 1
    path.write_bytes(data)


@pytest.fixture
def committed(tmp_path):
    write_json(tmp_path / "sub" / "a.json", {"accuracy": 0.5})
    write_npz(tmp_path / "a.npz", {"a": np.arange(9)})
    write_bytes(tmp_path / "a.safetensors", save({"a": torch.arange(90.0)}))
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    expect(tmp_path, {path.relative_to(tmp_path).as_posix(): file_hash(path) for path in files})
    return tmp_path


@pytest.mark.parametrize(
    ("name", "read"),
    [("sub/a.json", read_json), ("a.npz", read_npz), ("a.safetensors", lambda path: list(read_tensors(path)))],
)
def test_a_flipped_bit_is_found_when_the_file_is_read(committed, name, read):
    read(committed / name)
    flip(committed / name, -3 if name.endswith("json") else None)
    with pytest.raises(ArtifactError, match=f"{name}: damaged or changed.*--accept"):
        read(committed / name)
    forget(committed)
    check(committed / name)


def test_a_file_is_hashed_once_and_what_this_process_writes_is_its_own(committed, monkeypatch):
    path = committed / "sub" / "a.json"
    read_json(path)
    with monkeypatch.context() as patch:
        patch.setattr("ptmrec.core.trust.hashlib.file_digest", None)
        read_json(path)
    write_json(path, {"accuracy": 0.6})
    assert read_json(path) == {"accuracy": 0.6}
    check(committed / "unknown")
    (committed / "a.npz").unlink()
    with pytest.raises(ArtifactError, match="file not found"):
        read_npz(committed / "a.npz")


def test_forgetting_a_folder_forgets_what_lies_in_it(committed):
    flip(committed / "sub" / "a.json", -3)
    forget(committed / "su")
    with pytest.raises(ArtifactError, match="damaged or changed"):
        check(committed / "sub" / "a.json")
    forget(committed / "sub")
    check(committed / "sub" / "a.json")


def test_a_project_reads_committed_files_as_they_were_committed(tmp_path):
    splits = ConfigParser().get(PathsConfig).splits
    copy = write_bytes(tmp_path / "splits.json", splits.read_bytes())
    write_json(tmp_path / "manifest.json", {"splits.json": file_hash(copy), "results/a.csv": "0"})
    config = ConfigParser(overrides={"paths.manifest": tmp_path / "manifest.json", "paths.splits": copy})
    assert ProjectFiles(config).splits.known
    copy.write_text(copy.read_text().replace('"train"', '"blind"', 1))
    with pytest.raises(ArtifactError, match=r"splits\.json: damaged or changed"):
        assert ProjectFiles(config).splits
    write_json(tmp_path / "manifest.json", {"splits.json": 3})
    with pytest.raises(ArtifactError, match=r"manifest\.json: expected"):
        ProjectFiles(config)


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


ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def installed(tmp_path, monkeypatch, user_environment):
    """The package as if it were installed, and a home folder to write to."""
    monkeypatch.setattr(places, "find_clone", lambda: None)
    monkeypatch.setattr("ptmrec.config.parser.find_clone", lambda: None)
    for name in ("XDG_DATA_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


def test_a_clone_is_known_by_its_project_file(tmp_path):
    assert places.find_clone() == ROOT
    assert places.find_clone(tmp_path / "ptmrec") is None
    (tmp_path / "pyproject.toml").touch()
    assert places.find_clone(tmp_path / "ptmrec") == tmp_path


def test_within_a_clone_all_lies_in_it(user_environment):
    paths = ConfigParser().get(PathsConfig)
    assert paths.zoo == ROOT / "constants" / "zoo" and paths.artifacts == ROOT / "artifacts"


@pytest.mark.parametrize("named", [False, True], ids=["no file", "a file of the user's"])
def test_an_installed_package_reads_what_it_carries_and_writes_to_the_users_folder(installed, named, monkeypatch):
    if named:  # its folder is not where the committed files are
        installed.mkdir()
        (installed / "own.ini").write_text("[ranker]\nepochs = 3\n")
        monkeypatch.setenv("PTMREC_CONFIG", str(installed / "own.ini"))
    for config in (ConfigParser(), ConfigParser(installed / "own.ini") if named else ConfigParser()):
        paths = config.get(PathsConfig)
        assert paths.battery == places.PACKAGE / "constants" / "battery.npz"
        assert all(getattr(paths, name).is_relative_to(installed) for name in ("artifacts", "figures", "thesis_output"))


def test_in_a_clone_an_installed_package_works_on_the_clone(installed, monkeypatch):
    clone = installed / "clone"
    (clone / "constants").mkdir(parents=True)
    (clone / "config.ini").touch()
    monkeypatch.chdir(clone)
    paths = ConfigParser().get(PathsConfig)
    assert paths.zoo == clone / "constants" / "zoo" and paths.artifacts == clone / "artifacts"


def test_the_users_log_folder_is_open_to_nobody_else(installed):
    folder = places.make_log_folder()
    assert folder.is_relative_to(installed) and folder.stat().st_mode & 0o777 == 0o700
    folder.chmod(0o755)
    assert places.make_log_folder().stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("fault", ["a file in its place", "somebody else's"])
def test_no_log_folder_is_no_error(installed, monkeypatch, fault):
    if fault == "somebody else's":

        def refuse(*_):
            raise PermissionError

        monkeypatch.setattr(Path, "chmod", refuse)
    else:
        installed.write_text("a file")
    assert places.make_log_folder() is None


def test_a_clone_of_somebody_else_keeps_no_log(installed, monkeypatch):
    monkeypatch.setattr(places, "find_clone", lambda: ROOT)
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != ROOT)
    assert places.make_log_folder().is_relative_to(installed)
