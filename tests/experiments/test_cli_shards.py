import re

import pytest
from cli_calls import call

from ptmrec.core.files import tree_hash

pytestmark = pytest.mark.slow


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    for name in ("ID", "COUNT", "MIN", "MAX"):
        monkeypatch.delenv(f"SLURM_ARRAY_TASK_{name}", raising=False)
    return ["--profile", "smoke", "--set", f"paths.artifacts={tmp_path}", "--set", "zoo.every=50"]


def be_task(monkeypatch, task, numbers):
    values = {"ID": task, "COUNT": len(numbers), "MIN": min(numbers), "MAX": max(numbers)}
    for name, value in values.items():
        monkeypatch.setenv(f"SLURM_ARRAY_TASK_{name}", str(value))


def test_an_array_with_a_task_lost_is_completed_and_merged(tiny, tmp_path, monkeypatch):
    for task in (1, 3):
        be_task(monkeypatch, task, [1, 2, 3])
        done = call(*tiny, "extract")
        assert done.exit_code == 0, done.output
        assert done.stdout.strip() == str(tmp_path / "shards" / "views" / f"{task - 1}-of-3.json")
    status = call(*tiny, "extract", "--status")
    assert (status.stdout, status.exit_code) == ("1\n", 1)
    gap = call(*tiny, "extract", "--merge")
    assert gap.exit_code == 2
    assert re.fullmatch(r"Error: .*of 3 shards of the views, 1 are missing.*\n", gap.stderr)
    be_task(monkeypatch, 1, [1])  # submitted again with what --status said
    assert call(*tiny, "extract").exit_code == 0
    status = call(*tiny, "extract", "--status")
    assert (status.stdout, status.stderr, status.exit_code) == ("", "no shard is missing\n", 0)
    merged = call(*tiny, "extract", "--merge")
    assert merged.exit_code == 0, merged.output
    monkeypatch.delenv("SLURM_ARRAY_TASK_ID")
    again = call(*tiny[:3], f"paths.artifacts={tmp_path / 'one'}", *tiny[4:], "extract")
    results = [tmp_path / "model_tokens", tmp_path / "one" / "model_tokens"]
    assert [line.strip() for line in (merged.stdout, again.stdout)] == [str(folder) for folder in results]
    assert tree_hash([results[0]]) == tree_hash([results[1]])


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
def test_what_cannot_be_asked_of_shards_is_one_line(tiny, command, options, words):
    done = call(*tiny, *command, *options)
    assert done.exit_code == 2
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_without_a_shard_and_a_number_it_is_said_what_to_give(tiny):
    assert "say how many there are to be with --shards N" in call(*tiny, "extract", "--status").stderr
    assert call(*tiny, "extract", "--status", "--shards", "4").stdout == "0-3\n"
    assert "say which with --shard I/N" in call(*tiny, "extract", "--shards", "4").stderr
    assert "is not done in shards" in call(*tiny, "extract", "--datasets", "--status").stderr
