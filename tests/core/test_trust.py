import numpy as np
import pytest
import torch
from safetensors.torch import save

from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import PathsConfig
from ptmrec.core.errors import ArtifactError
from ptmrec.core.files import file_hash, read_json, read_npz, write_bytes, write_json, write_npz
from ptmrec.core.trust import check, release, watch
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
    watch(tmp_path, {path.relative_to(tmp_path).as_posix(): file_hash(path) for path in files})
    return tmp_path


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("sub/a.json", read_json),
        ("a.npz", read_npz),
        ("a.safetensors", lambda path: list(read_tensors(path))),
    ],
)
def test_a_flipped_bit_is_found_when_the_file_is_read(committed, name, read):
    read(committed / name)
    flip(committed / name, -3 if name.endswith("json") else None)
    with pytest.raises(ArtifactError, match=f"{name}: damaged or changed.*--accept"):
        read(committed / name)
    release(committed)
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


def test_releasing_a_folder_releases_what_lies_in_it(committed):
    flip(committed / "sub" / "a.json", -3)
    release(committed / "su")
    with pytest.raises(ArtifactError, match="damaged or changed"):
        check(committed / "sub" / "a.json")
    release(committed / "sub")
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
