import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from cli_calls import call
from conftest import make_card
from safetensors import safe_open
from safetensors.numpy import load_file, save_file
from toy_hub import write_hub_model

from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import PathsConfig
from ptmrec.core.errors import ArtifactError, ConfigError
from ptmrec.core.files import read_json, write_json
from ptmrec.dataloader.model_datasets import KNOWLEDGE, find_recommender
from ptmrec.recommender import sharing
from ptmrec.recommender.added_models import ADDED, added_snapshots, read_added, remove_added, write_added
from ptmrec.recommender.knowledge_files import read_knowledge
from ptmrec.recommender.request import recommend
from ptmrec.recommender.sharing import (
    HEADER,
    Registration,
    export_registrations,
    import_registrations,
    narrow,
    read_shared,
    subject_of,
    write_shared,
)
from ptmrec.relations.transport import transports_left_out
from ptmrec.zoo.snapshot import read_snapshot
from ptmrec.zoo.sources import open_source

PATHS = ConfigParser().get(PathsConfig)
SUBJECT = {"datasets": ["a", "b"], "space": "0" * 64}


@pytest.fixture(scope="module")
def knowledge():
    return read_knowledge(find_recommender(PATHS) / KNOWLEDGE)


def registration(name="mine", width=5, rank=7, known=2, weights="a" * 64):
    generator = np.random.default_rng(width)
    scores = {key: generator.uniform(-1, 0, known).astype(np.float32) for key in ("transported", "few_shot")}
    scores["few_shot"][0] = np.nan
    found = {"transport": generator.normal(size=(rank, width)), "explained": np.float32(0.5), **scores}
    return Registration(make_card(name=name), weights, found, [{"machine": {"processor": "x"}, "hash": weights}])


def test_registrations_come_back(tmp_path):
    written = [registration(), registration("other", 3)]
    subject, read = read_shared(write_shared(tmp_path / "x.safetensors", written, SUBJECT))
    assert subject == SUBJECT and [one.card for one in read] == [one.card for one in written]
    for own, theirs in zip(read, written, strict=True):
        assert (own.weights, list(own.costs)) == (theirs.weights, list(theirs.costs))
        for key in ("transported", "few_shot", "explained"):
            np.testing.assert_array_equal(own.found[key], theirs.found[key])
        shapes = [one.found["transport"] / one.found["transport"].std(axis=0) for one in (own, theirs)]
        np.testing.assert_allclose(*shapes, atol=0.05)


def test_a_model_takes_about_a_hundred_kilobytes(tmp_path):
    one = registration(width=2048, rank=384, known=28)
    path = write_shared(tmp_path / "x.safetensors", [one], {**SUBJECT, "datasets": [str(n) for n in range(28)]})
    assert path.stat().st_size < 110_000


def test_a_narrow_map_judges_as_the_wide_one_does():
    """Features of real networks are alike; of a few directions the scores are the same to a few hundredths."""
    generator = np.random.default_rng(0)
    wide = generator.normal(size=(60, 20)) @ generator.normal(size=(20, 900))
    coordinates, labels = generator.normal(size=(80, 60)), np.repeat(np.arange(4), 20)
    coordinates[np.arange(80), labels] += 2
    assert narrow(wide).shape == (60, 60) and narrow(wide[:, :40]).shape == (60, 40)
    scores = transports_left_out(coordinates, labels, [wide, narrow(wide)])[0]
    assert abs(scores[0] - scores[1]) < 0.03


def change_header(path, change):
    tensors = load_file(path)
    with safe_open(path, framework="np") as handle:
        header = json.loads(handle.metadata()[HEADER])
    change(header, tensors)
    save_file(tensors, path, {HEADER: json.dumps(header)})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda head, _: head.update(schema=2), r"of schema 2, not 1"),
        (lambda head, _: head.update(models=[]), "lists no models"),
        (lambda head, _: head["models"].update(more={}), "not those of the models it lists"),
        (lambda head, _: head["models"]["mine"].update(weights="x"), "numbers of mine are damaged"),
        (lambda head, _: head["models"]["mine"]["card"].update(name="../x"), "may hold letters"),
        (lambda head, _: head["models"]["mine"]["card"].update(name="x"), "numbers of mine are damaged"),
        (lambda head, _: head["models"]["mine"].pop("card"), "does not fit"),
        (lambda head, _: head["models"]["mine"].update(costs=[3]), "numbers of mine are damaged"),
        (lambda _, parts: parts["mine/rows"].fill(np.nan), "numbers of mine are damaged"),
        (lambda _, parts: parts.update({"mine/map": np.zeros((7, 300), np.int8)}), "numbers of mine are damaged"),
        (lambda _, parts: parts["mine/scores"].fill(np.inf), "numbers of mine are damaged"),
        (lambda _, parts: parts.pop("mine/map"), "not those of the models it lists"),
    ],
)
def test_damaged_and_other_files_are_one_line(tmp_path, change, words):
    path = write_shared(tmp_path / "x.safetensors", [registration()], SUBJECT)
    change_header(path, change)
    with pytest.raises(ArtifactError, match=words) as caught:
        read_shared(path)
    assert "\n" not in str(caught.value) and str(caught.value).startswith(str(path))


def test_files_of_another_kind_are_one_line(tmp_path, monkeypatch):
    path = tmp_path / "x.safetensors"
    save_file({"a": np.zeros(2)}, path)
    with pytest.raises(ArtifactError, match="holds no registrations"):
        read_shared(path)
    for data in (b"", b"x" * 1000, write_shared(path, [registration()], SUBJECT).read_bytes()[:-9]):
        path.write_bytes(data)
        with pytest.raises(ArtifactError, match="damaged, or no file of registrations"):
            read_shared(path)
    monkeypatch.setattr(sharing, "LARGEST", 10)
    with pytest.raises(ArtifactError, match="larger than"):
        read_shared(write_shared(path, [registration()], SUBJECT))


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A place where nothing was added; the numbers are about two data sets."""
    monkeypatch.setattr(sharing, "_subject", lambda _: SUBJECT)
    return replace(PATHS, artifacts=tmp_path / "here")


def test_imported_models_are_listed_and_cannot_be_loaded(here, tmp_path):
    path = write_shared(tmp_path / "x.safetensors", [registration(), registration("other")], SUBJECT)
    assert import_registrations(path, here) == import_registrations(path, here) == ["mine", "other"]
    folder = here.artifacts / ADDED
    assert [one.name for one in added_snapshots(folder)] == ["mine", "other"]
    ((first, found), _) = read_added(folder).ran
    assert first.digest() == "a" * 64 and found["transport"].shape == (7, 5)
    with pytest.raises(ArtifactError, match="ranked by its registration, its weights are not here; get it with"):
        first.load()
    assert len(list(here.artifacts.glob("measurements/*/mine.json"))) == 1
    (file,) = folder.iterdir()
    with pytest.raises(ConfigError, match=f"mine was imported with other; remove {file}"):
        remove_added(folder, "mine")
    file.write_bytes(file.read_bytes()[:-4])
    assert read_added(folder).ran == ()


def test_a_folder_of_files_is_imported_whole_or_not_at_all(here, tmp_path):
    folder = tmp_path / "files"
    write_shared(folder / "1.safetensors", [registration()], SUBJECT)
    write_shared(folder / "2.safetensors", [registration("other")], {**SUBJECT, "space": "1" * 64})
    with pytest.raises(ArtifactError, match=r"2\.safetensors: about other known data sets or references"):
        import_registrations(folder, here)
    assert not here.artifacts.exists()
    write_shared(folder / "2.safetensors", [registration(weights="b" * 64)], SUBJECT)
    with pytest.raises(ArtifactError, match=r"2\.safetensors: mine is a registration of other weights"):
        import_registrations(folder, here)
    with pytest.raises(ArtifactError, match="no file of registrations there"):
        import_registrations(tmp_path / "nowhere", here)


def test_registrations_come_from_an_address_or_the_hub(hub, here, tmp_path, monkeypatch):
    (tmp_path / "shared").mkdir()
    path = write_shared(tmp_path / "shared" / "x.safetensors", [registration(), registration("other")], SUBJECT)
    served = hub.add("me/shared", path.parent, cut={path.name: 100})
    address = f"{hub.address}/me/shared/resolve/main/{path.name}"
    assert import_registrations("me/shared", here) == import_registrations(address, here) == ["mine", "other"]
    assert hub.ranges(path.name) == ["", "bytes=100-", ""] and not list(here.artifacts.glob("fetched/*[0-9a-f]"))
    hub.tokens.clear()
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    assert import_registrations(address, here) and not hub.tokens, "the Hub's token is for the Hub"
    served.stated[path.name] = {"sha256": "0" * 64}
    with pytest.raises(ArtifactError, match=r"^http.*x\.safetensors came damaged: its SHA-256 is not"):
        import_registrations(address, here)
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", hub.address)
    for source, words in (
        (f"{hub.address}/me/shared/resolve/main/none", "a file is not there"),
        ("me/nothing", "me/nothing: there is no such repository"),
        ("ftp://x", "no address of a file"),
    ):
        with pytest.raises(ArtifactError, match=words):
            import_registrations(source, here)
    hub.add("me/weights", write_hub_model(tmp_path / "weights"))
    with pytest.raises(ArtifactError, match=r"^me/weights/model\.safetensors: holds no registrations"):
        import_registrations("me/weights", here)


def test_a_registration_of_other_weights_is_refused(here, tmp_path):
    name = "vgg-small-cifar10"
    path = write_shared(tmp_path / "x.safetensors", [registration(name)], SUBJECT)
    with pytest.raises(ArtifactError, match=f"{name} is a registration of other weights than those of that name here"):
        import_registrations(path, here)
    own = read_snapshot(PATHS.zoo / name).digest()
    write_shared(path, [registration(name, weights=own)], SUBJECT)
    assert import_registrations(path, here) == [name]


def test_what_is_added_here_is_exported_by_name(here, tmp_path):
    with pytest.raises(ConfigError, match="no model was added and run"):
        export_registrations(tmp_path / "x.safetensors", [], here)
    snapshots = [open_source(source, PATHS) for source in ("timm:test_vit?random", "timm:test_resnet?random")]
    for snapshot in snapshots:
        write_added(here.artifacts / ADDED, snapshot, dict(registration().found))
    record = read_json(here.artifacts / ADDED / "test_vit-random" / "model.json")
    write_json(tmp_path / "here" / "measurements" / "m" / "test_vit-random.json", {"hash": record["weights"]})
    with pytest.raises(ConfigError, match="no model 'test_vitrandom' was added and run; did you mean test_vit-random"):
        export_registrations(tmp_path / "x.safetensors", ["test_vitrandom"], here)
    assert export_registrations(tmp_path / "x.safetensors", [], here) == ["test_resnet-random", "test_vit-random"]
    last = read_shared(tmp_path / "x.safetensors")[1][-1]
    assert last.weights == snapshots[0].digest() == record["weights"] and len(last.costs) == 1


def test_where_a_model_lies_is_not_told(here, tmp_path):
    snapshot = open_source(str(write_hub_model(tmp_path / "secret" / "mine")), PATHS)
    write_added(here.artifacts / ADDED, snapshot, dict(registration().found))
    path = tmp_path / "x.safetensors"
    export_registrations(path, ["mine"], here)
    assert b"secret" not in path.read_bytes() and read_shared(path)[1][0].card.architecture["source"] == "mine"


def test_numbers_are_about_data_sets_and_a_space(knowledge):
    subject = subject_of(knowledge, PATHS.reference)
    assert subject == subject_of(knowledge, PATHS.reference) and len(subject["space"]) == 64
    assert subject["datasets"] == [sample.name for sample in knowledge.samples]


@pytest.mark.slow
def test_one_person_registers_and_another_ranks(tmp_path, digits):
    mine, theirs = (["--set", f"paths.artifacts={tmp_path / name}"] for name in ("mine", "theirs"))
    quick = ["--set", "relations.probes=100"]
    assert call("zoo", "add", "timm:test_vit?random", *mine, *quick).exit_code == 0
    file = tmp_path / "file.safetensors"
    done = call("zoo", "export", file, *mine)
    assert done.exit_code == 0 and f"the registration of test_vit-random written to {file}" in done.stdout
    done = call("zoo", "import", file, *theirs)
    assert done.exit_code == 0 and "the registration of test_vit-random imported" in done.stdout
    assert call("zoo", "ls", "--format", "ids", *theirs).stdout.split()[-1] == "test_vit-random"
    answers = []
    for name in ("mine", "theirs"):
        config = ConfigParser(overrides={"paths.artifacts": str(tmp_path / name)})
        answers.append(recommend(*digits, config=config, regime="low_data").frame.set_index("model")["score"])
    np.testing.assert_allclose(*(answer["test_vit-random"] for answer in answers), atol=0.1)
    done = call("zoo", "remove", "test_vit-random", *theirs)
    assert done.exit_code == 0 and done.stdout.startswith("removed: ")
    assert "test_vit-random" not in call("zoo", "ls", "--format", "ids", *theirs).stdout.split()
    assert "no model 'test_vit-random' was added" in call("zoo", "remove", "test_vit-random", *theirs).stderr
    shutil.rmtree(tmp_path / "mine")
    done = call("zoo", "export", Path("nowhere"), *mine)
    assert done.exit_code == 2 and done.stderr.count("\n") == 1
