import pytest

from experiments.sharding import Shard
from experiments.view_shards import ViewShards
from ptmrec.core.errors import ArtifactError
from ptmrec.core.files import file_hash
from ptmrec.pipeline.project import open_project
from ptmrec.pipeline.views import extract_views

pytestmark = pytest.mark.slow


def open_tiny(folder):
    return open_project("smoke", overrides={"paths.artifacts": str(folder), "zoo.every": "50"})


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    project = open_tiny(tmp_path_factory.mktemp("whole"))
    return {path.name: file_hash(path) for path in project.extract().iterdir()}


def test_merged_shards_are_the_views_one_machine_makes_and_are_not_made_again(tmp_path, whole, monkeypatch):
    for index in (2, 0, 1):
        ViewShards(open_tiny(tmp_path)).run(Shard(index, 3))
    project = open_tiny(tmp_path)
    merged = ViewShards(project).merge()
    assert {path.name: file_hash(path) for path in merged.iterdir()} == whole
    monkeypatch.setattr("ptmrec.pipeline.views.ViewExtractor", None)
    assert open_tiny(tmp_path).extract() == project.paths.artifacts / "views"


def test_a_stopped_shard_goes_on_from_the_last_model(tmp_path, monkeypatch):
    project = open_tiny(tmp_path)
    work = ViewShards(project)
    names = Shard(0, 1).share(project.cards)

    def stop_half_way(files, folder, snapshots):
        extract_views(files, folder, snapshots[:2])
        raise KeyboardInterrupt

    monkeypatch.setattr("experiments.view_shards.extract_views", stop_half_way)
    with pytest.raises(KeyboardInterrupt):
        work.run(Shard(0, 1))
    assert work.missing(1) == [0]
    (partial,) = work.folder.glob(".0-of-1.partial-*")
    kept = {path.name: path.stat().st_mtime_ns for path in partial.iterdir()}
    assert set(kept) == {f"{name}.npz" for name in names[:2]}

    def look_and_go_on(files, folder, snapshots):
        extract_views(files, folder, snapshots)
        assert {name: (folder / name).stat().st_mtime_ns for name in kept} == kept

    monkeypatch.setattr("experiments.view_shards.extract_views", look_and_go_on)
    work.run(Shard(0, 1))
    assert work.missing() == []
    assert sorted(path.name for path in work.folder.iterdir() if path.suffix != ".lock") == [
        "0-of-1.json",
        "0-of-1.npz",
    ]


def test_a_merge_with_a_gap_leaves_no_result(tmp_path):
    work = ViewShards(open_tiny(tmp_path))
    work.run(Shard(0, 2))
    with pytest.raises(ArtifactError, match="of 2 shards of the views, 1 are missing"):
        work.merge()
    assert not (tmp_path / "views").exists()
