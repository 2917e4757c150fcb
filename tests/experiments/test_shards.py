import json

import pytest

from experiments import shards
from experiments.sharding import Shard
from experiments.shards import ShardedWork
from ptmrec.core.errors import ArtifactError, ConfigError
from ptmrec.core.files import write_text

MODELS = [f"m{number}" for number in range(5)]


class ToyWork(ShardedWork):
    def __init__(self, root, key="a", models=MODELS):
        super().__init__("toys", "make toys", root / "shards", root, key, models)
        self.done = []

    def _work(self, shard, models):
        self.done.append(models)
        return [write_text(self.root / f"{name}.txt", name) for name in models]

    def _hashes(self, models):
        return {name: f"hash of {name}" for name in models}


@pytest.fixture
def work(tmp_path):
    return ToyWork(tmp_path)


def run_all(work, count=3):
    return [work.run(Shard(index, count)) for index in range(count)]


def test_a_manifest_says_what_was_made_from_what_with_what(work, tmp_path):
    manifest = json.loads(work.run(Shard(1, 3)).read_text())
    assert (manifest["shard"], manifest["of"], manifest["key"]) == (1, 3, work.key)
    assert manifest["models"] == {"m1": "hash of m1", "m4": "hash of m4"}
    assert list(manifest["files"]) == ["m1.txt", "m4.txt"]
    assert {"python", "torch", "numpy", "ptmrec"} == set(manifest["versions"])


def test_a_finished_shard_is_not_done_again(work):
    run_all(work)
    assert sorted(sum(work.done, [])) == MODELS
    before = len(work.done)
    run_all(work)
    assert len(work.done) == before
    assert work.check() == [Shard(index, 3) for index in range(3)]


def test_what_is_missing_is_told_and_a_merge_refuses_the_gap(work):
    with pytest.raises(ConfigError, match="--shards N"):
        work.missing()
    assert work.missing(3) == [0, 1, 2]
    work.run(Shard(1, 3))
    assert work.missing() == [0, 2]
    with pytest.raises(
        ArtifactError, match="of 3 shards of the toys, 0,2 are missing; make each with: make toys --shard"
    ):
        work.check()
    run_all(work)
    assert work.missing() == []


def test_shards_of_two_numbers_need_to_be_told_apart(work):
    run_all(work)
    work.run(Shard(0, 2))
    assert work.known_count() is None
    with pytest.raises(ConfigError, match="shards of 2 and of 3 are there"):
        work.check()
    assert work.missing(3) == []
    assert work.missing(2) == [1]


def test_more_shards_than_models_are_no_error(work):
    run_all(work, 7)
    assert work.missing() == []


def test_other_settings_make_a_shard_again(work, tmp_path):
    run_all(work)
    other = ToyWork(tmp_path, key="b")
    with pytest.raises(ArtifactError, match=r"0-of-3.json: made from other data, settings or code; make it again with"):
        other.check()
    other.run(Shard(0, 3))
    assert other.missing() == [1, 2]


def test_mixed_versions_are_refused_by_name(work, monkeypatch, tmp_path):
    run_all(work)
    monkeypatch.setattr(shards, "version", lambda name: "9.9" if name == "torch" else "1")
    with pytest.raises(ArtifactError, match=r"made by other versions \(torch .* there, 9.9 here"):
        ToyWork(tmp_path).check()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda root: (root / "m1.txt").write_text("x"), "m1.txt is missing or has changed"),
        (lambda root: (root / "m4.txt").unlink(), "m4.txt is missing or has changed"),
        (lambda root: (root / "shards" / "1-of-3.json").write_text("{"), "damaged"),
        (lambda root: (root / "shards" / "1-of-3.json").write_text("[]"), "no manifest of this shard"),
    ],
)
def test_a_damaged_shard_counts_as_missing_until_it_is_made_again(work, tmp_path, spoil, words):
    run_all(work)
    spoil(tmp_path)
    assert work.missing() == [1]
    with pytest.raises(ArtifactError, match=words):
        work.check()
    work.run(Shard(1, 3))
    assert work.missing() == []


def test_models_that_joined_since_are_noticed(work, tmp_path):
    run_all(work)
    with pytest.raises(ArtifactError, match="other models"):
        ToyWork(tmp_path, models=[*MODELS, "m5"]).check()


def test_the_number_of_shards_is_known_once_one_is_begun(work):
    class Stopped(ToyWork):
        def _work(self, shard, models):
            assert self.known_count() == 4
            raise KeyboardInterrupt

    stopped = Stopped(work.root)
    with pytest.raises(KeyboardInterrupt):
        stopped.run(Shard(2, 4))
    assert work.missing(4) == [0, 1, 2, 3]
