import random

import pytest

from experiments.sharding import Shard, array_text, parse_shard, shard_of_array
from ptmrec.core.errors import ConfigError


def array(task, numbers):
    values = {"ID": task, "COUNT": len(numbers), "MIN": min(numbers), "MAX": max(numbers)}
    return {f"SLURM_ARRAY_TASK_{name}": str(value) for name, value in values.items()}


@pytest.mark.parametrize("count", [1, 2, 3, 7, 12])
def test_shards_hold_every_item_once_whatever_the_order(count):
    items = [f"model-{number}" for number in range(10)]
    mixed = random.Random(0).sample(items, len(items))
    shares = [Shard(index, count).share(items) for index in range(count)]
    assert sorted(sum(shares, [])) == sorted(items)
    assert shares == [Shard(index, count).share(mixed) for index in range(count)]
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_a_shard_is_written_with_its_number_from_zero():
    assert parse_shard("0/4") == Shard(0, 4)
    assert str(parse_shard("3/4")) == "3/4"


@pytest.mark.parametrize("text", ["4/4", "0/0", "1", "a/4", "-1/4", "1/4/2", "", "0.5/4", "1/9999999", "½/2"])
def test_what_is_no_shard_is_refused(text):
    with pytest.raises(ConfigError):
        parse_shard(text)


@pytest.mark.parametrize("first", [0, 1])
def test_arrays_from_zero_and_from_one_name_the_same_shards(first):
    numbers = range(first, first + 4)
    for count in (None, 4):
        assert [shard_of_array(array(n, numbers), count) for n in numbers] == [Shard(i, 4) for i in range(4)]


def test_a_part_of_an_array_needs_the_number_of_shards():
    part = [3, 7]
    with pytest.raises(ConfigError, match="say --shards N"):
        shard_of_array(array(3, part))
    assert [shard_of_array(array(n, part), 9) for n in part] == [Shard(3, 9), Shard(7, 9)]
    assert shard_of_array(array(1, [1, 2]), 9) == Shard(1, 9), "numbers of shards, not of an array from 1"
    with pytest.raises(ConfigError, match="no shard 9/9"):
        shard_of_array(array(9, [9]), 9)


def test_outside_of_an_array_there_is_no_shard():
    assert shard_of_array({"SLURM_JOB_ID": "4"}) is None


def test_a_damaged_environment_is_one_line():
    with pytest.raises(ConfigError, match="SLURM_ARRAY_TASK_COUNT"):
        shard_of_array({"SLURM_ARRAY_TASK_ID": "0"})


@pytest.mark.parametrize(
    ("numbers", "text"),
    [([], ""), ([4], "4"), ([0, 1, 2, 3, 7, 9, 10, 11], "0-3,7,9-11"), ([2, 1, 2], "1-2"), ([5, 3], "3,5")],
)
def test_numbers_as_sbatch_takes_them(numbers, text):
    assert array_text(numbers) == text
