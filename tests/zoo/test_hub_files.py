from types import SimpleNamespace

import pytest
import torch
from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, RepositoryNotFoundError
from safetensors.torch import save_file
from toy_hub import into_cache, link_blobs, write_hub_model, write_remote_code

from ptmrec.core.errors import ArtifactError
from ptmrec.zoo.hub_files import HUB_ID, count_parameters, hub_folder, model_files
from ptmrec.zoo.snapshot import read_shapes, read_tensors


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


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_a_file_with_another_hash_than_the_hub_states_is_refused(cache, name):
    folder = link_blobs(into_cache(cache, "me/mine", write_hub_model))
    assert hub_folder("me/mine") == folder
    blob = (folder / name).resolve()
    data = bytearray(blob.read_bytes())
    data[-1] ^= 1
    blob.write_bytes(data)
    with pytest.raises(ArtifactError, match=f"{name}: damaged, its hash is not the one that the Hub states; remove it"):
        hub_folder("me/mine")


def test_a_blob_that_is_named_otherwise_says_nothing(cache):
    folder = into_cache(cache, "me/mine", write_hub_model)
    (folder.parents[1] / "blobs").mkdir()
    (folder / "README.md").rename(folder.parents[1] / "blobs" / "etag")
    (folder / "README.md").symlink_to("../../blobs/etag")
    assert hub_folder("me/mine") == folder


def test_a_configuration_another_program_has_not_fetched_is_asked_for(cache, monkeypatch):
    import huggingface_hub

    folder = into_cache(cache, "me/mine", write_hub_model)
    text = (folder / "config.json").read_text()
    (folder / "config.json").unlink()
    assert hub_folder("me/mine", configured=False) == folder
    with pytest.raises(ArtifactError, match=r"no config\.json there; connect, or give a folder"):
        hub_folder("me/mine")
    real = huggingface_hub.snapshot_download

    def fetch(*arguments, local_files_only=False, **options):
        if local_files_only:
            return real(*arguments, local_files_only=True, **options)
        (folder / "config.json").write_text(text)
        return str(folder)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", fetch)
    assert hub_folder("me/mine") == folder and (folder / "config.json").is_file()


def answer(kind, status=404):
    """An error of the Hub."""
    return kind("no", response=SimpleNamespace(headers={}, request=None, status_code=status))


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (
            lambda: OSError("Consistency check failed: file should be of size 9 but has size 5 (x)."),
            "cut short or changed",
        ),
        (lambda: OSError(28, "No space left on device"), "No space left on device.*mend this"),
        (lambda: answer(RepositoryNotFoundError), "check its name"),
        (lambda: answer(GatedRepoError, 403), "access on request"),
        (lambda: answer(HfHubHTTPError, 500), "try again later"),
    ],
)
def test_the_real_cause_of_a_failed_download_is_named(monkeypatch, error, advice):
    import huggingface_hub

    def fail(local_files_only=False, **_):
        raise huggingface_hub.errors.LocalEntryNotFoundError("no") if local_files_only else error()

    monkeypatch.setattr(huggingface_hub, "snapshot_download", fail)
    with pytest.raises(ArtifactError, match=f"me/mine: cannot be fetched from the Hub .*{advice}") as caught:
        hub_folder("me/mine")
    assert ("check its name" in str(caught.value)) == (advice == "check its name")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "a pointer of Git LFS.*git lfs pull"),
        (bytes(5000), "damaged safetensors"),
        (b"", "damaged safetensors"),
    ],
)
def test_what_lies_in_place_of_weights_is_named(tmp_path, data, reason):
    folder = write_hub_model(tmp_path / "mine")
    (folder / "model.safetensors").write_bytes(data)
    for read in (read_shapes, lambda files: list(read_tensors(files[0]))):
        with pytest.raises(ArtifactError, match=rf"model.safetensors: {reason}") as caught:
            read([folder / "model.safetensors"])
        assert "\n" not in str(caught.value)
