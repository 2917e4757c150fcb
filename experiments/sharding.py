"""Shards of a list of work: which items are whose, what a SLURM array says, and arrays as text."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from ptmrec.core.errors import ConfigError

Item = TypeVar("Item")
TASK, COUNT, MIN, MAX = (f"SLURM_ARRAY_TASK_{name}" for name in ("ID", "COUNT", "MIN", "MAX"))
"""What SLURM tells each task of an array: its number, how many there are, the smallest and the largest number."""


@dataclass(frozen=True)
class Shard:
    """Every ``count``-th item from the ``index``-th on, which counts from 0.

    Raises:
        ConfigError: there is no such shard.
    """

    index: int
    count: int

    def __post_init__(self) -> None:
        if not 0 <= self.index < self.count:
            raise ConfigError(f"no shard {self.index}/{self.count}; of N shards they are 0/N to {self.count - 1}/N")

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"

    def share(self, items: Iterable[Item]) -> list[Item]:
        """This shard's part of the items, whatever order they are listed in."""
        return sorted(items)[self.index :: self.count]


def parse_shard(text: str) -> Shard:
    """The shard ``i/n``, for example ``0/4``.

    Raises:
        ConfigError: it is none.
    """
    found = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text.strip())
    if not found or not int(found[2]):
        raise ConfigError(f"--shard {text}: write I/N, of four shards 0/4 to 3/4")
    return Shard(int(found[1]), int(found[2]))


def shard_of_array(environment: Mapping[str, str], count: int | None = None) -> Shard | None:
    """The shard of the task of a SLURM array that runs this; None outside of an array.

    Args:
        environment: environment variables.
        count: number of shards, when it is known. The array may then hold some of them alone (submitted again),
            whose numbers are those of the shards. An array of all of them may begin at 0 or at 1.

    Raises:
        ConfigError: the numbers of the array are not those of all shards and ``count`` is not known, or a number
            is that of no shard.
    """
    if TASK not in environment:
        return None
    task, tasks, first, last = (_number(environment, name) for name in (TASK, COUNT, MIN, MAX))
    whole = last - first + 1 == tasks and first in (0, 1)
    if count is None and not whole:
        raise ConfigError(
            f"this array of {tasks} tasks from {first} to {last} is not all of the shards; say --shards N"
        )
    begin = first if whole and count in (None, tasks) else 0
    return Shard(task - begin, count or tasks)


def _number(environment: Mapping[str, str], name: str) -> int:
    text = environment.get(name, "")
    if not re.fullmatch(r"\d{1,9}", text):
        raise ConfigError(f"{name} is {text[:20]!r}, which is no number of an array; say --shard I/N")
    return int(text)


def array_text(numbers: Sequence[int]) -> str:
    """Numbers as ``sbatch --array`` takes them: ``0-3,7,9-11``; empty for none."""
    runs: list[list[int]] = []
    for number in sorted(set(numbers)):
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ",".join(f"{first}" if first == last else f"{first}-{last}" for first, last in runs)
