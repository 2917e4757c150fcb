import re
import shutil

import pytest
from cli_calls import call

from experiments.shards import BEGUN, Shard, ShardedWork, array_text, parse_shard, shard_of_array
from ptmrec.core.errors import ArtifactError, ConfigError
from ptmrec.core.files import read_json, tree_hash, write_text

MODELS = [f"m{number}" for number in range(5)]


class Toys:
    """Toys made in shards, which note what was asked of them."""

    def __init__(self, root, key="a"):
        self.root, self.done = root, []
        self.all = ShardedWork("toys", "make toys", root, key, MODELS, self.is_done, self.make)

    def is_done(self, name):
        return (self.root / f"{name}.txt").is_file()

    def make(self, names):
        self.done += names
        for name in names:
            write_text(self.root / f"{name}.txt", name)


@pytest.fixture
def toys(tmp_path):
    return Toys(tmp_path)


def be_task(monkeypatch, task, numbers):
    values = {"ID": task, "COUNT": len(numbers), "MIN": min(numbers), "MAX": max(numbers)}
    for name, value in values.items():
        monkeypatch.setenv(f"SLURM_ARRAY_TASK_{name}", str(value))


def shards_of_tasks(monkeypatch, numbers, count=None):
    found = []
    for task in numbers:
        be_task(monkeypatch, task, numbers)
        found.append(shard_of_array(count))
    return found


def test_a_shard_is_written_with_its_number_from_zero():
    assert [parse_shard(text) for text in ("0/4", " 3/4")] == [Shard(0, 4), Shard(3, 4)]


@pytest.mark.parametrize("text", ["4/4", "0/0", "1", "a/4", "-1/4", "1/4/2", "", "0.5/4", "1/9999999", "½/2"])
def test_what_is_no_shard_is_refused(text):
    with pytest.raises(ConfigError):
        parse_shard(text)


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("count", [None, 4])
def test_arrays_from_zero_and_from_one_name_the_same_shards(monkeypatch, first, count):
    assert shards_of_tasks(monkeypatch, range(first, first + 4), count) == [Shard(i, 4) for i in range(4)]


def test_a_part_of_an_array_needs_the_number_of_shards(monkeypatch):
    with pytest.raises(ConfigError, match="say --shards N"):
        shards_of_tasks(monkeypatch, [3, 7])
    assert shards_of_tasks(monkeypatch, [3, 7], 9) == [Shard(3, 9), Shard(7, 9)]
    assert shards_of_tasks(monkeypatch, [1, 2], 9)[0] == Shard(1, 9), "numbers of shards, not of an array from 1"
    with pytest.raises(ConfigError, match="no shard 9/9"):
        shards_of_tasks(monkeypatch, [9], 9)


def test_outside_of_an_array_there_is_no_shard_and_a_damaged_one_is_one_line(monkeypatch):
    assert shard_of_array() is None
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "0")
    with pytest.raises(ConfigError, match="SLURM_ARRAY_TASK_COUNT"):
        shard_of_array()


@pytest.mark.parametrize(
    ("numbers", "text"), [([], ""), ([4], "4"), ([0, 1, 2, 3, 7, 9, 10, 11], "0-3,7,9-11"), ([1, 2], "1-2")]
)
def test_numbers_as_sbatch_takes_them(numbers, text):
    assert array_text(numbers) == text


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_shards_do_every_model_once(toys, count):
    for index in range(count):
        toys.all.run(Shard(index, count))
    assert sorted(toys.done) == MODELS
    assert toys.all.missing() == []


def test_what_is_missing_is_told_and_a_merge_refuses_the_gap(toys, tmp_path):
    with pytest.raises(ConfigError, match="--shards N"):
        toys.all.missing()
    assert toys.all.missing(3) == [0, 1, 2]
    assert toys.all.run(Shard(1, 3)) == tmp_path
    assert toys.done == ["m1", "m4"]
    assert toys.all.missing() == [0, 2]
    with pytest.raises(ArtifactError, match="of 3 shards of the toys, 0,2 are missing.*make toys --shard I/3"):
        toys.all.check()
    for index in (0, 2):
        toys.all.run(Shard(index, 3))
    toys.all.check()
    (tmp_path / "m2.txt").unlink()
    assert toys.all.missing() == [2]


def test_the_number_of_shards_is_known_once_one_is_begun(toys):
    def stop(names):
        assert toys.all.known_count() == 4
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ShardedWork(**vars(toys.all) | {"work": stop}).run(Shard(2, 4))
    assert toys.all.missing() == [0, 1, 2, 3]


@pytest.mark.parametrize("spoiled", [None, "[]", '{"key": "a"}', "{"])
def test_shards_of_other_settings_code_or_versions_are_not_mixed_in(toys, tmp_path, spoiled):
    toys.all.run(Shard(0, 3))
    if spoiled:
        (tmp_path / BEGUN).write_text(spoiled)
    other = toys if spoiled else Toys(tmp_path, "b")
    for ask in (lambda: other.all.run(Shard(1, 3)), lambda: other.all.check(3), other.all.missing):
        with pytest.raises(ArtifactError, match=BEGUN):
            ask()


def tiny(folder):
    return ["--profile", "smoke", "--set", f"paths.artifacts={folder}", "--set", "zoo.every=50"]


@pytest.mark.slow
def test_an_array_with_a_task_lost_is_completed_and_merged(tmp_path, monkeypatch):
    common = tiny(tmp_path)
    for task in (1, 3):
        be_task(monkeypatch, task, [1, 2, 3])
        done = call(*common, "extract")
        assert done.exit_code == 0, done.output
    folder = next((tmp_path / "shards" / "views").iterdir())
    assert done.stdout.strip() == str(folder)
    made = {path.name: path.stat().st_mtime_ns for path in folder.glob("*.npz")}
    status = call(*common, "extract", "--status")
    assert (status.stdout, status.exit_code) == ("1\n", 1)
    gap = call(*common, "extract", "--merge")
    assert gap.exit_code == 2
    assert re.fullmatch(r"Error: .*of 3 shards of the views, 1 are missing.*\n", gap.stderr)
    assert not (tmp_path / "views").exists()
    be_task(monkeypatch, 1, [1])  # submitted again with what --status said
    assert call(*common, "extract").exit_code == 0
    assert {name: (folder / name).stat().st_mtime_ns for name in made} == made, "what is done is not done again"
    status = call(*common, "extract", "--status")
    assert (status.stdout, status.stderr, status.exit_code) == ("", "no shard is missing\n", 0)
    merged = call(*common, "extract", "--merge")
    assert merged.exit_code == 0, merged.output
    monkeypatch.delenv("SLURM_ARRAY_TASK_ID")
    again = call(*tiny(tmp_path / "one"), "extract")
    results = [tmp_path / "model_tokens", tmp_path / "one" / "model_tokens"]
    assert [line.strip() for line in (merged.stdout, again.stdout)] == [str(folder) for folder in results]
    assert tree_hash([results[0]]) == tree_hash([results[1]])
    shutil.rmtree(tmp_path / "views")
    path = folder / sorted(made)[0]
    path.write_bytes(path.read_bytes()[:-30])
    damaged = call(*common, "extract", "--merge")
    assert damaged.exit_code == 2 and str(path) in damaged.stderr


@pytest.mark.slow
@pytest.mark.parametrize("command", [["extract"], ["zoo", "build"]])
@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--shard", "4/4"], "no shard 4/4; of N shards they are 0/N to 3/N"),
        (["--shard", "1"], "--shard 1: write I/N, of four shards 0/4 to 3/4"),
        (["--shard", "0/2", "--status"], "exclude each other"),
        (["--merge", "--status"], "exclude each other"),
        (["--shard", "0/2", "--shards", "3"], "none of 3 shards"),
    ],
)
def test_what_cannot_be_asked_of_shards_is_one_line(tmp_path, command, options, words):
    done = call(*tiny(tmp_path), *command, *options)
    assert done.exit_code == 2
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.slow
def test_without_a_shard_and_a_number_it_is_said_what_to_give(tmp_path):
    common = tiny(tmp_path)
    assert "say how many there are to be with --shards N" in call(*common, "extract", "--status").stderr
    assert call(*common, "extract", "--status", "--shards", "4").stdout == "0-3\n"
    assert "say which with --shard I/N" in call(*common, "extract", "--shards", "4").stderr
    assert "is not done in shards" in call(*common, "extract", "--datasets", "--status").stderr


def test_a_shard_says_what_it_is_made_with(toys, tmp_path):
    toys.all.run(Shard(1, 3))
    assert read_json(tmp_path / BEGUN) == {"key": "a", "shards": 3}
