import json
import os
import pickle
import shutil
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import open_clip
import pytest
import torch
from conftest import make_card
from safetensors.torch import save_file
from torch import nn
from toy_hub import write_hub_model

from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import PathsConfig
from ptmrec.core.errors import ArtifactError
from ptmrec.hardware.counting import count_flops
from ptmrec.hardware.machine import highest_memory
from ptmrec.zoo.architectures import FAMILIES, build_model
from ptmrec.zoo.card import read_card
from ptmrec.zoo.shaping import Held, bounded, check_number, check_options, check_tower, is_architecture
from ptmrec.zoo.snapshot import Snapshot, check_finite, read_snapshot, read_zoo, unwrapped, write_snapshot
from ptmrec.zoo.sources import open_folder, open_source


def edit_card(folder, **changes):
    path = folder / "config.json"
    card = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({key: value for key, value in card.items() if value is not None}))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"family": None}, "field 'family' is missing"),
        ({"num_params": "many"}, "'num_params' should be a whole number"),
        ({"seed": True}, "'seed' should be a whole number"),
        ({"name": "../escape"}, "may hold letters"),
        ({"recipe": 3}, "'recipe' should be an object"),
        ({"name": "x" * 5000}, r"200 in all$"),
        ({"licence": ["x" * 5000]}, "'licence' should be text, found .{60,64}$"),
    ],
)
def test_cards_that_cannot_be_used(toy_zoo, changes, words):
    edit_card(toy_zoo / "vgg-small-toy", **changes)
    with pytest.raises(ArtifactError, match=words):
        read_card(toy_zoo / "vgg-small-toy")


@pytest.mark.parametrize(
    ("field", "value"), [("num_params", -5), ("source_accuracy", 17), ("gmacs", -0.1), ("input_size", 0)]
)
def test_numbers_that_cannot_be_are_refused(tmp_path, field, value):
    (tmp_path / "config.json").write_text(json.dumps({**make_card().to_dict(), field: value}))
    with pytest.raises(ArtifactError, match=f"field '{field}' should lie in"):
        read_card(tmp_path)


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


def test_a_folder_without_anything_of_a_model_is_passed_over(toy_zoo, caplog):
    (toy_zoo / "notes").mkdir()
    (toy_zoo / "notes" / "readme.txt").write_text("mine")
    with caplog.at_level("WARNING"):
        assert [snapshot.name for snapshot in read_zoo(toy_zoo)] == ["vgg-small-toy", "vit-small-toy"]
    assert caplog.text.count("notes: no model (neither config.json nor weights); passed over") == 1


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
    with pytest.raises(ArtifactError, match=r"weights as pickles only \(pytorch_model\.bin\)"):
        read_zoo(toy_zoo)


def test_a_mask_of_infinities_is_no_damage(toy_zoo):
    snapshot = read_snapshot(toy_zoo / "vgg-small-toy")
    weights = dict(snapshot.tensors()) | {"mask": torch.tensor([0.0, -torch.inf])}
    save_file(weights, snapshot.folder / "model.safetensors")
    check_finite(snapshot)
    save_file(weights | {"mask": torch.tensor([0.5, -torch.inf])}, snapshot.folder / "model.safetensors")
    with pytest.raises(ArtifactError, match="tensor 'mask' holds values that are not finite"):
        check_finite(snapshot)


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


PATHS = ConfigParser().get(PathsConfig)

VISION = {"image_size": 32, "layers": 1, "width": 64, "patch_size": 16}

SEEN: list[tuple[str, str]] = []

WATCHING = [False]


def _watch(event, arguments):
    if WATCHING[0] and (event == "open" or event.startswith("socket.")):
        SEEN.append((event, str(arguments[0]) if event == "open" else ""))


sys.addaudithook(_watch)  # one for all tests: a hook cannot be taken away


@contextmanager
def watched():
    """What is opened and asked for within: paths and names of events."""
    SEEN.clear()
    WATCHING[0] = True
    try:
        yield SEEN
    finally:
        WATCHING[0] = False


def assert_nothing_outside(seen, folder: Path) -> None:
    """Nothing was opened in the test's folder but what lies in the model's, and no socket was made."""
    opened = [path for event, path in seen if event == "open" and path.startswith(str(folder.parent))]
    assert not [path for path in opened if not path.startswith(str(folder))]
    assert not [event for event, _ in seen if event != "open"]
    assert not (folder.parent / "ran").exists()


@pytest.fixture
def pickled(tmp_path):
    """A pickle outside every model folder."""
    path = tmp_path / "outside.pth"
    path.write_bytes(pickle.dumps(Bomb(tmp_path / "ran")))
    return path


class Bomb:
    """A pickle that leaves a file behind when somebody loads it."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self):
        return Path.touch, (self.mark,)


def write_clip(folder: Path, vision: dict, **model_cfg) -> Path:
    tower = open_clip.model._build_vision_tower(16, VISION)
    folder.mkdir()
    config = {"model_cfg": {"embed_dim": 16, "vision_cfg": vision, **model_cfg}, "preprocess_cfg": {}}
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    state = {f"visual.{name}": part.contiguous() for name, part in tower.state_dict().items()}
    save_file(state, folder / "open_clip_model.safetensors")
    return folder


@pytest.mark.parametrize("key", ["checkpoint_path", "pretrained_cfg_overlay", "cache_dir", "file", "strange"])
def test_no_argument_makes_a_model_read_another_file(tmp_path, pickled, key):
    value = {"file": str(pickled)} if key == "pretrained_cfg_overlay" else str(pickled)
    folder = write_hub_model(tmp_path / "mine", "test_vit", model_args={key: value})
    with watched() as seen, pytest.raises(ArtifactError, match=f"'{key}' does not shape a test_vit"):
        open_folder(folder)
    assert_nothing_outside(seen, folder)


def test_no_pretrained_cfg_makes_a_model_read_another_file(tmp_path, pickled):
    places = {"file": str(pickled), "url": "https://localhost/x.pth", "hf_hub_id": "me/x", "state_dict": {}}
    folder = write_hub_model(tmp_path / "mine", "test_vit")
    config = json.loads((folder / "config.json").read_text())
    config["pretrained_cfg"] |= places | {"source": "file", "custom_load": True}
    (folder / "config.json").write_text(json.dumps(config))
    with watched() as seen:
        assert open_folder(folder).card.num_features == 64
    assert_nothing_outside(seen, folder)


@pytest.mark.parametrize("name", ["hf-hub:me/other", "local-dir:{}", "hf_hub:x", "timm/test_vit", "test_vit.r160_in1k"])
def test_no_name_of_a_model_is_another_source(tmp_path, name):
    name = name.format(write_hub_model(tmp_path / "other", "test_vit"))
    assert not is_architecture(name) and is_architecture("test_vit")
    clip = write_clip(tmp_path / "clip", {"image_size": 32, "timm_model_name": name})
    own = write_hub_model(tmp_path / "mine", "test_vit", architecture=name)
    with watched() as seen, pytest.raises(ArtifactError, match="timm knows no architecture"):
        open_folder(clip)
    assert_nothing_outside(seen, clip)
    with watched() as seen:
        assert "timm knows no architecture" in open_folder(own).problem
        with pytest.raises(ArtifactError, match="knows no model"):
            open_source(f"open_clip:{name}", PATHS)
    assert_nothing_outside(seen, own)


def test_text_towers_and_tokenizers_are_never_asked_for(tmp_path):
    text = {"hf_model_name": "me/text", "hf_tokenizer_name": "me/words", "hf_model_pretrained": True}
    folder = write_clip(tmp_path / "clip", VISION, text_cfg=text)
    with watched() as seen:
        assert open_folder(folder).card.num_features == 16
    assert_nothing_outside(seen, folder)
    with pytest.raises(ArtifactError, match="'pretrained_image' does not shape an image tower"):
        open_folder(write_clip(tmp_path / "other", {**VISION, "pretrained_image": "x"}))


@pytest.mark.parametrize("change", [{"file": "../outside.pth"}, {"package": "xml.dom"}])
def test_a_card_may_not_name_a_file_in_a_package_unless_it_is_the_projects_own(tmp_path, pickled, change):
    """Those weights are pickles; ``file`` may be any path, and ``package`` would be imported when it has a dot."""
    card = json.loads((PATHS.real / "efficientnet-lite0" / "config.json").read_text())
    (tmp_path / "mine").mkdir()
    text = json.dumps({**card, "architecture": {**card["architecture"], **change}})
    (tmp_path / "mine" / "config.json").write_text(text)
    with watched() as seen, pytest.raises(ArtifactError, match="only the project's own cards"):
        open_folder(tmp_path / "mine")
    assert_nothing_outside(seen, tmp_path / "mine")


def test_what_shapes_a_network_is_taken():
    options = {
        "img_size": 64,
        "drop_path_rate": 0.1,
        "act_layer": "gelu",
        "global_pool": "avg",
        "dynamic_img_size": True,
    }
    assert check_options("test_vit", options) == options
    assert check_options("swinv2_tiny_window8_256", {"pretrained_window_sizes": [8, 8, 8, 4]})
    for name in open_clip.list_models():
        check_tower(open_clip.get_model_config(name)["vision_cfg"])


@pytest.mark.parametrize(
    "value", [10**7, -(10**7), float("inf"), "a/b", "a:b", "a\nb", "x" * 100, [0] * 2000, {"a": ["../x"]}, [[1e99]]]
)
def test_values_of_no_network(value):
    with pytest.raises(ArtifactError, match="which no network is made of") as caught:
        check_options("test_vit", {"embed_dim": value})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("value", [None, "many", True, -1, 10**7, 2.0])
def test_numbers_that_count_something(value):
    with pytest.raises(ArtifactError, match="'num_classes' should be a whole number up to 1,000,000"):
        check_number("num_classes", value)


@pytest.mark.parametrize(
    "change",
    [
        {"num_classes": 10**7},
        {"num_classes": 10**6},
        {"model_args": {"depth": 10**6}},
        {"model_args": {"depth": 10**5}},
        {"model_args": {"embed_dim": 99_840}},
        {"model_args": {"mlp_ratio": 1e6}},
        {"model_args": {"num_heads": 3}},
    ],
)
def test_a_network_larger_than_its_weights_is_never_made(tmp_path, change):
    folder = write_hub_model(tmp_path / "mine", "test_vit", **change)
    refused_at_once(folder, "mine")


@pytest.mark.parametrize(
    "change", [{"width": 19_968}, {"layers": 10**6}, {"layers": 10**5}, {"patch_size": 1, "width": 4096}]
)
def test_a_tower_larger_than_its_weights_is_never_made(tmp_path, change):
    refused_at_once(write_clip(tmp_path / "clip", {**VISION, **change}), "clip")


def test_a_model_of_our_own_larger_than_its_weights_is_never_made(tmp_path, toy_zoo):
    folder = toy_zoo / "vgg-small-toy"
    card = json.loads((folder / "config.json").read_text())
    for classes in (10**7, 10**6, None, "ten"):
        architecture = {**card["architecture"], "num_classes": classes}
        (folder / "config.json").write_text(json.dumps({**card, "architecture": architecture}))
        with pytest.raises(ArtifactError, match=r"vgg-small-toy: .*mend the architecture in config\.json"):
            open_folder(folder).load()
    del architecture["num_classes"]
    (folder / "config.json").write_text(json.dumps({**card, "architecture": architecture}))
    with pytest.raises(ArtifactError, match="'num_classes' should be a whole number"):
        open_folder(folder).load()


def refused_at_once(folder: Path, name: str) -> None:
    open_folder(write_hub_model(folder.with_name("first"), "test_vit"))  # what the first use costs is not the bomb's
    before, started = highest_memory(), time.monotonic()
    with pytest.raises(ArtifactError, match=rf"{name}: ") as caught:
        open_folder(folder)
    assert "\n" not in str(caught.value)
    assert highest_memory() - before < 2**28
    assert time.monotonic() - started < 10


def test_what_is_made_elsewhere_is_not_counted_and_nothing_is_when_done():
    with (
        pytest.raises(ArtifactError, match="far more than its weights hold"),
        torch.device("meta"),
        bounded(Held(1, 1)),
    ):
        nn.Linear(10**5, 10**5)
    with bounded(None), torch.device("meta"):
        nn.Linear(10**5, 10**5)


def test_the_watch_sees_sockets():
    with watched() as seen:
        socket.socket().close()
    assert "socket.__new__" in dict(seen)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "README.md"])
def test_a_link_out_of_a_models_folder_is_not_followed(tmp_path, name):
    (tmp_path / "secret").write_text("{}")
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / name).symlink_to("../secret")
    for read in (read_snapshot, open_folder):
        with pytest.raises(ArtifactError, match=f"{name}: a link out of the folder, which is not followed"):
            read(tmp_path / "model")
