import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from conftest import make_card

from ptmrec.core.errors import ArtifactError
from ptmrec.hardware.counting import count_flops
from ptmrec.zoo.architectures import FAMILIES, build_model
from ptmrec.zoo.snapshot import Snapshot, read_snapshot, read_zoo, unwrapped, write_snapshot

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_builds_trains_and_comes_back(family, tmp_path):
    for size in ("small", "large"):
        model = build_model(family, size, 5)
        images = torch.randn(4, 3, 32, 32)
        assert model(images).shape == (4, 5)
        assert model.forward_features(images).shape == (4, model.num_features)
        model(images).sum().backward()
        assert all(p.grad is not None for p in model.parameters())
        assert count_flops(model.eval(), torch.zeros(1, 3, 32, 32)) > 2e5
    model = build_model(family, "small", 3).half().float().eval()
    snapshot = write_snapshot(tmp_path / "m", make_card(family=family), model)
    torch.testing.assert_close(Snapshot(tmp_path / "m", snapshot.card).load()(images), model(images))


def test_zoo_is_sorted_by_name(toy_zoo):
    assert [snapshot.name for snapshot in read_zoo(toy_zoo)] == ["vgg-small-toy", "vit-small-toy"]


def edit_card(folder, **changes):
    path = folder / "config.json"
    card = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({key: value for key, value in card.items() if value is not None}))


def test_zoos_that_cannot_be_used(toy_zoo, tmp_path):
    with pytest.raises(ArtifactError, match="no zoo there"):
        read_zoo(tmp_path / "absent")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ArtifactError, match="no models there"):
        read_zoo(tmp_path / "empty")
    shutil.copytree(toy_zoo / "vgg-small-toy", toy_zoo / "twin")
    with pytest.raises(ArtifactError, match="'vgg-small-toy' is already taken"):
        read_zoo(toy_zoo)
    (toy_zoo / "twin" / "config.json").unlink()
    with pytest.raises(ArtifactError, match=r"no config\.json"):
        read_zoo(toy_zoo)
    (toy_zoo / "twin" / "model.safetensors").rename(toy_zoo / "twin" / "pytorch_model.bin")
    with pytest.raises(ArtifactError, match=r"no model\.safetensors; pytorch_model\.bin is a pickle"):
        read_zoo(toy_zoo)


def test_truncated_weights(toy_zoo):
    path = toy_zoo / "vgg-small-toy" / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ArtifactError, match=r"model\.safetensors: damaged safetensors"):
        read_zoo(toy_zoo)[0].load()


def test_weights_of_another_architecture(toy_zoo):
    edit_card(toy_zoo / "vgg-small-toy", family="vit")
    with pytest.raises(ArtifactError, match="do not fit the card's architecture"):
        read_zoo(toy_zoo)[0].load()


@pytest.mark.parametrize("target", ["../vit-small-toy/model.safetensors", "absent.safetensors"])
def test_shard_index_may_not_point_outside(toy_zoo, target):
    folder = toy_zoo / "vgg-small-toy"
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"x": target}}))
    with pytest.raises(ArtifactError, match="missing or outside"):
        read_zoo(toy_zoo)


def test_a_failed_write_leaves_no_card(tmp_path, monkeypatch):
    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr("ptmrec.core.files.os.fsync", fail)
    with pytest.raises(OSError, match="disk full"):
        write_snapshot(tmp_path / "m", make_card(), build_model("vgg", "small", 3))
    assert list((tmp_path / "m").iterdir()) == []


def test_one_folder_is_one_snapshot_and_one_that_lacks_something_is_one_line(toy_zoo):
    folder = toy_zoo / "vgg-small-toy"
    assert read_snapshot(folder) == read_zoo(toy_zoo)[0]
    (folder / "model.safetensors").unlink()
    with pytest.raises(ArtifactError, match=r"vgg-small-toy: no model\.safetensors"):
        read_snapshot(folder)
    with pytest.raises(ArtifactError):
        read_snapshot(toy_zoo / "absent")


STREAM = """
import resource, sys
from pathlib import Path
import torch
from ptmrec.extractors.weights import WeightsExtractor
from ptmrec.zoo.snapshot import Snapshot

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

folder = Path(sys.argv[1])
WeightsExtractor().extract(Snapshot(folder / "one", None))
before = peak()
WeightsExtractor().extract(Snapshot(folder / "many", None))
print(peak() - before)
"""


def write_sparse(folder, tensors, size=2**20):
    """A checkpoint of zeros that takes no room on disk: ``tensors`` of ``size`` numbers in half precision."""
    step = 2 * size
    header = {
        f"layer{place}.weight": {"dtype": "F16", "shape": [size], "data_offsets": [place * step, (place + 1) * step]}
        for place in range(tensors)
    }
    text = json.dumps(header).encode()
    folder.mkdir()
    with (folder / "model.safetensors").open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        file.truncate(8 + len(text) + tensors * step)


def test_a_large_checkpoint_is_streamed(tmp_path):
    """300 MiB pass through; the memory beyond one tensor's work stays under 200 MiB."""
    write_sparse(tmp_path / "one", 1)
    write_sparse(tmp_path / "many", 150)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")])}
    command = [sys.executable, "-c", STREAM, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 200


def test_names_of_a_wrapped_model_are_its_own():
    assert unwrapped("module._orig_mod.a.weight", {"a.weight"}) == "a.weight"
    assert unwrapped("module.a", {"module.a"}) == "module.a"
    assert unwrapped("modules.a", {"a"}) == "modules.a"
    assert unwrapped("module.", {"a"}) == ""
