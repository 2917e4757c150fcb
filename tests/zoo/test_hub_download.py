"""Everything that is fetched comes from a server on loopback, through the Hub's own client."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import open_clip
import pytest
import timm
import torch
from hub_server import COMMIT, Repository
from safetensors.torch import save_file
from toy_hub import write_hub_model

from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import PathsConfig
from ptmrec.core.errors import ArtifactError
from ptmrec.zoo.hub_download import PARTIAL, UnreachableError, git_hash
from ptmrec.zoo.hub_files import bytes_to_fetch, hub_folder
from ptmrec.zoo.sources import open_source

PATHS = ConfigParser().get(PathsConfig)
WEIGHTS = "model.safetensors"


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A small timm model as it is on the Hub."""
    return write_hub_model(tmp_path_factory.mktemp("written") / "mine", "test_vit")


def blob(repository: Repository, name: str) -> str:
    entry = repository.entry(name)
    return entry.get("lfs", {}).get("sha256", entry["blobId"])


def test_a_repository_is_fetched_once_and_then_needs_no_network(hub, written, monkeypatch):
    served = hub.add("me/mine", written)
    served.files["pytorch_model.bin"] = b"never fetched"
    assert bytes_to_fetch("me/mine") == sum(map(len, served.files.values())) - len(b"never fetched")
    folder = hub_folder("me/mine")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
        path.name: path.read_bytes() for path in written.iterdir()
    }
    assert (folder / WEIGHTS).resolve().name == blob(served, WEIGHTS), "other programs find it by this name"
    asked = len(hub.asked)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert hub_folder("me/mine") == hub_folder(f"me/mine@{COMMIT}") == folder and len(hub.asked) == asked
    assert bytes_to_fetch("me/mine") == 0
    assert open_source("me/mine", PATHS).load().num_features == 64


def test_a_timm_name_and_what_timm_has_cached(hub, written):
    """timm fetches the weights alone; what else is asked for is fetched then."""
    folder = write_hub_model(written.parent / "whole", "test_vit", num_classes=1000)
    state = {name: tensor.contiguous() for name, tensor in timm.create_model("test_vit").state_dict().items()}
    save_file(state, folder / WEIGHTS)
    hub.add("timm/test_vit.r160_in1k", folder)
    network = timm.create_model("test_vit", pretrained=True)
    assert hub.ranges("config.json") == []
    snapshot = open_source("timm:test_vit", PATHS)
    assert torch.equal(snapshot.load().body.cls_token, network.cls_token) and len(hub.ranges(WEIGHTS)) == 1
    assert open_source("timm/test_vit.r160_in1k", PATHS).name == "timm--test_vit.r160_in1k"
    assert len(hub.ranges("config.json")) == 1 and len(hub.ranges(WEIGHTS)) == 1


def test_an_open_clip_name(hub, tmp_path, monkeypatch):
    """Of the weights of several libraries only those of open_clip are fetched."""
    vision = {"image_size": 32, "layers": 1, "width": 64, "patch_size": 16}
    whole = open_clip.CLIP(16, vision, {"layers": 1, "width": 64, "heads": 1})
    save_file(whole.state_dict(), tmp_path / "open_clip_model.safetensors")
    hub.add("me/clip", tmp_path).files[WEIGHTS] = b"of another library"
    stated = {"embed_dim": 16, "vision_cfg": vision, "text_cfg": {}}
    monkeypatch.setattr(open_clip, "get_model_config", lambda name: stated)
    monkeypatch.setattr(open_clip, "get_pretrained_cfg", lambda model, tag: {"hf_hub": "me/clip/"})
    snapshot = open_source("open_clip:Small/mine", PATHS)
    assert (snapshot.name, snapshot.card.num_features) == ("Small--mine", 16) and not hub.ranges(WEIGHTS)


def test_a_cut_download_goes_on(hub, written):
    served = hub.add("me/mine", written, cut={WEIGHTS: 1000})
    assert (hub_folder("me/mine") / WEIGHTS).read_bytes() == served.files[WEIGHTS]
    assert hub.ranges(WEIGHTS) == ["", "bytes=1000-"]


def test_a_killed_download_goes_on_where_it_was(hub, written, tmp_path):
    served = hub.add("me/mine", written)
    served.files[WEIGHTS] += bytes(2**25)  # more than fits into the socket's buffers, so that it is killed on its way
    call = [sys.executable, "-c", "from ptmrec.zoo.hub_files import hub_folder; print(hub_folder('me/mine'))"]
    environment = {**os.environ, "HF_ENDPOINT": hub.address, "HF_HUB_CACHE": str(tmp_path / "hub")}
    partial = tmp_path / "hub" / "models--me--mine" / "blobs" / (blob(served, WEIGHTS) + PARTIAL)
    process = subprocess.Popen(call, env=environment, stdout=subprocess.PIPE)
    while process.poll() is None and not (partial.is_file() and partial.stat().st_size):
        time.sleep(0.001)
    process.send_signal(signal.SIGSTOP)
    process.kill()
    process.wait()
    there = partial.stat().st_size
    assert 0 < there < len(served.files[WEIGHTS])
    again = subprocess.run(call, env=environment, capture_output=True, text=True, check=True)
    assert (Path(again.stdout.strip()) / WEIGHTS).read_bytes() == served.files[WEIGHTS]
    assert hub.ranges(WEIGHTS) == ["", f"bytes={there}-"]


@pytest.mark.parametrize(
    ("name", "lie", "words"),
    [
        (WEIGHTS, {"sha256": "0" * 64}, "its SHA-256 is not the one that the server states"),
        (WEIGHTS, {"size": 5}, "bytes, not the 5 that the server states"),
        (WEIGHTS, lambda data: data[: len(data) // 2] + bytes(len(data) - len(data) // 2), "its SHA-256 is not"),
        (WEIGHTS, lambda data: data[:1000], "it has 1,000 bytes, not the"),
        ("config.json", lambda data: data.replace(b"vit", b"Vit"), "its git's hash is not"),
    ],
)
def test_a_server_that_lies_is_found_out(hub, written, tmp_path, name, lie, words):
    """Nothing of such a file stays, so that the next try is a new one."""
    served = hub.add("me/mine", written)
    if callable(lie):
        served.sends[name] = lie(served.files[name])
    else:
        served.stated[name] = lie
    with pytest.raises(ArtifactError, match=f"^me/mine: {name} came damaged: .*{words}") as caught:
        hub_folder("me/mine")
    assert "\n" not in str(caught.value) and "check its name" not in str(caught.value)
    assert not [path for ending in (PARTIAL, name) for path in (tmp_path / "hub").rglob(f"*{ending}")]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"refuses": (403, "GatedRepo")}, "its owner gives access on request.*log in"),
        ({"refuses": (401, "GatedRepo")}, "its owner gives access on request.*log in"),
        ({"refuses": (500, "")}, "status 500; try again later"),
        ({"forgets": ("config.json",)}, "a file is not there"),
    ],
)
def test_what_a_server_refuses_is_said_in_words(hub, written, wrong, words):
    hub.add("me/mine", written, **wrong)
    with pytest.raises(ArtifactError, match=f"^me/mine: .*{words}") as caught:
        hub_folder("me/mine")
    assert "check its name" not in str(caught.value)


def test_what_is_not_there_is_said_in_words(hub, written, tmp_path):
    hub.add("me/mine", written)
    with pytest.raises(ArtifactError, match=r"^me/none: there is no such repository; check its name"):
        hub_folder("me/none")
    with pytest.raises(ArtifactError, match=r"^me/mine@v9: there is no such revision; check what stands behind the @"):
        hub_folder("me/mine@v9")
    for revision in ("../../x", f"{tmp_path}/x", "a//b"):
        with pytest.raises(ArtifactError, match="no revision"):
            hub_folder(f"me/mine@{revision}")
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "weights.pth").write_bytes(b"never read")
    hub.add("me/old", tmp_path / "old")
    with pytest.raises(ArtifactError, match=r"me/old: weights as pickles only \(weights.pth\)"):
        hub_folder("me/old")
    assert not hub.ranges("weights.pth")


def test_a_silent_server_is_a_time_out_in_words(hub, written, monkeypatch):
    hub.add("me/mine", written, stalls=1.0)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DOWNLOAD_TIMEOUT", 0.2)
    with pytest.raises(UnreachableError, match=r"no answer within 0\.2 s; try again, or wait longer: HF_HUB_DOWNLOAD"):
        hub_folder("me/mine")
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(UnreachableError, match=r"the Hub cannot be reached \(.*connect, or give a folder"):
        hub_folder("me/mine")


def test_the_hash_of_git(tmp_path):
    (tmp_path / "x").write_bytes(b"hello\n")
    assert git_hash(tmp_path / "x") == "ce013625030ba8dba906f756967f9e9ca394464a"
