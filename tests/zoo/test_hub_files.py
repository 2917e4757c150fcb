import pytest
import torch
from safetensors.torch import save_file
from toy_hub import into_cache, write_hub_model, write_remote_code

from ptmrec.errors import ArtifactError
from ptmrec.zoo.hub_files import HUB_ID, count_parameters, hub_folder, model_files


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A cache of the Hub's files and no network."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    return tmp_path / "cache"


def test_a_repository_in_the_cache_needs_no_network(cache):
    folder = into_cache(cache, "me/mine", write_hub_model)
    assert hub_folder("me/mine") == folder
    assert hub_folder(f"me/mine@{'a' * 40}", offline=True) == folder


def test_a_repository_nobody_can_reach_is_one_line(cache):
    with pytest.raises(ArtifactError, match=r"^me/none: not in the local cache, and the Hub cannot be reached"):
        hub_folder("me/none")
    with pytest.raises(ArtifactError, match="not in the local cache"):
        hub_folder("me/none", offline=True)


def test_pickles_alone_are_refused(cache):
    def write(folder):
        folder.mkdir(parents=True)
        (folder / "pytorch_model.bin").write_bytes(b"never read")
        return folder

    folder = into_cache(cache, "me/old", write)
    with pytest.raises(ArtifactError, match=r"pickles only \(pytorch_model.bin\), which are never read"):
        hub_folder("me/old")
    assert [path.name for path in folder.iterdir()] == ["pytorch_model.bin"]


def test_pickles_on_the_hub_are_not_fetched_and_named(cache, monkeypatch, tmp_path):
    import huggingface_hub

    asked = {}

    def fetch(repo_id, allow_patterns, revision=None, local_files_only=False):
        if local_files_only:
            raise huggingface_hub.errors.LocalEntryNotFoundError("no")
        asked["patterns"] = allow_patterns
        (tmp_path / "fetched").mkdir()
        return str(tmp_path / "fetched")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", fetch)
    monkeypatch.setattr(huggingface_hub.HfApi, "list_repo_files", lambda *a, **k: ["README.md", "weights/x.pth"])
    with pytest.raises(ArtifactError, match=r"me/old: weights as pickles only \(weights/x.pth\)"):
        hub_folder("me/old")
    assert asked["patterns"] == ["*.json", "*.safetensors", "README.md"]


def test_the_weights_of_the_library_are_taken(tmp_path):
    for name in ("a.safetensors", "b.safetensors"):
        save_file({"x": torch.zeros(2)}, tmp_path / name)
    with pytest.raises(ArtifactError, match="2 safetensors and no model"):
        model_files(tmp_path)
    (tmp_path / "b.safetensors").rename(tmp_path / "open_clip_model.safetensors")
    assert [path.name for path in model_files(tmp_path)] == ["open_clip_model.safetensors"]
    (tmp_path / "a.safetensors").rename(tmp_path / "model.safetensors")
    assert [path.name for path in model_files(tmp_path)] == ["model.safetensors"]
    assert [path.name for path in model_files(tmp_path, "open_clip")] == ["open_clip_model.safetensors"]


def test_parameters_are_counted_from_the_header(tmp_path):
    files = model_files(write_remote_code(tmp_path / "strange"))
    assert count_parameters(files) == 12
    assert count_parameters(files, "b") == 0
    files[0].write_bytes(b"damaged")
    with pytest.raises(ArtifactError, match="damaged safetensors"):
        count_parameters(files)


@pytest.mark.parametrize(
    ("text", "fits"), [("me/mine", True), ("me/mine@v1.0", True), ("mine", False), ("a/b/c", False), ("../x", False)]
)
def test_hub_ids(text, fits):
    assert bool(HUB_ID.fullmatch(text)) == fits
