"""Work in shards: of N shards the I-th does every N-th model from the I-th on, and a model is done when its files are.

A shard needs nothing but the shared folder; there is no coordinator, and no shard knows of another.
"""

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from ptmrec.cli.context import say
from ptmrec.core.errors import ArtifactError, ConfigError
from ptmrec.core.files import read_json, write_json
from ptmrec.core.log import logger

TASK, COUNT, MIN, MAX = (f"SLURM_ARRAY_TASK_{name}" for name in ("ID", "COUNT", "MIN", "MAX"))
"""What SLURM tells each task of an array: its number, how many there are, the smallest and the largest number."""
BEGUN = "shards.json"
"""File that a shard writes when it begins: what the models are made with, and the number of shards."""
OPTIONS = (
    click.option(
        *("--shard", "shard"),
        metavar="I/N",
        help="Do every N-th model from the I-th on: of four shards 0/4 to 3/4. In a SLURM array it is the task's own.",
    ),
    click.option(
        "--shards", type=click.IntRange(min=1), metavar="N", help="Number of shards; known once one is begun."
    ),
    click.option(
        "--status", is_flag=True, help="Print the missing shards as sbatch --array takes them; status 1 then."
    ),
    click.option("--merge", is_flag=True, help="Join the shards; refuses gaps and mixed versions."),
)


@dataclass(frozen=True)
class Shard:
    """The ``index``-th of ``count`` shards, from 0.

    Raises:
        ConfigError: there is none such.
    """

    index: int
    count: int

    def __post_init__(self) -> None:
        if not 0 <= self.index < self.count:
            raise ConfigError(f"no shard {self.index}/{self.count}; of N shards they are 0/N to {self.count - 1}/N")


def parse_shard(text: str) -> Shard:
    """The shard ``i/n``, for example ``0/4``.

    Raises:
        ConfigError: it is none.
    """
    found = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,6})", text.strip())
    if not found or not int(found[2]):
        raise ConfigError(f"--shard {text}: write I/N, of four shards 0/4 to 3/4")
    return Shard(int(found[1]), int(found[2]))


def shard_of_array(count: int | None = None) -> Shard | None:
    """The shard of the task of a SLURM array that runs this; None outside of an array.

    Args:
        count: number of shards, when it is known. The array may then hold some of them alone (submitted again),
            whose numbers are those of the shards. An array of all of them may begin at 0 or at 1.

    Raises:
        ConfigError: the numbers of the array are not those of all shards and ``count`` is not known, or a number
            is that of no shard.
    """
    if TASK not in os.environ:
        return None
    texts = {name: os.environ.get(name, "") for name in (TASK, COUNT, MIN, MAX)}
    for name, text in texts.items():
        if not re.fullmatch("[0-9]{1,9}", text):
            raise ConfigError(f"{name} is {text[:20]!r}, which is no number of an array; say --shard I/N")
    task, tasks, first, last = map(int, texts.values())
    whole = last - first + 1 == tasks and first in (0, 1)
    if count is None and not whole:
        raise ConfigError(
            f"this array of {tasks} tasks from {first} to {last} is not all of the shards; say --shards N"
        )
    return Shard(task - (first if whole and count in (None, tasks) else 0), count or tasks)


def array_text(numbers: Sequence[int]) -> str:
    """Numbers in order as ``sbatch --array`` takes them: ``0-3,7,9-11``; empty for none."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1][1:] = [number]
        else:
            runs.append([number])
    return ",".join("-".join(map(str, run)) for run in runs)


@dataclass(frozen=True)
class ShardedWork:
    """Something made of every model, in shards of the models.

    Attributes:
        what: what is made, for messages.
        command: the command that makes it, for messages.
        folder: where the files of the models are.
        key: hash of all that the result depends on; shards of another one are not mixed in.
        names: names of the models.
        is_done: whether the files of a model are there.
        work: makes those of some models that are not.
    """

    what: str
    command: str
    folder: Path
    key: str
    names: Sequence[str]
    is_done: Callable[[str], bool]
    work: Callable[[list[str]], object]

    def run(self, shard: Shard) -> Path:
        """Do a shard's models that are not done yet; gives the folder.

        Raises:
            PtmrecError: whatever the work meets.
        """
        self.known_count()  # refuses what was begun otherwise
        write_json(self.folder / BEGUN, {"key": self.key, "shards": shard.count})
        self.work(self._names(shard))
        logger.info("shard %d/%d of the %s is done", shard.index, shard.count, self.what)
        return self.folder

    def missing(self, count: int | None = None) -> list[int]:
        """Numbers of the shards that are not done, of ``count``; without it, of as many as the last one said.

        Raises:
            ConfigError: nobody says how many there are.
            ArtifactError: those there were begun with something else.
        """
        count = count or self.known_count()
        if count is None:
            raise ConfigError(f"{self.folder}: no shard of it is there; say how many there are to be with --shards N")
        return [i for i in range(count) if not all(map(self.is_done, self._names(Shard(i, count))))]

    def check(self, count: int | None = None) -> None:
        """Refuse to merge with a gap.

        Raises:
            ArtifactError: a shard is missing, or was begun with something else.
            ConfigError: nobody says how many there are.
        """
        missing, known = self.missing(count), self.known_count()
        if missing:
            raise ArtifactError(
                f"{self.folder}: of {count or known} shards of the {self.what}, {array_text(missing)} are missing, or "
                f"made by other versions, settings or code; make each with: {self.command} --shard I/{count or known}"
            )

    def known_count(self) -> int | None:
        """Number of the shards, as told by the last one that began; None when none has.

        Raises:
            ArtifactError: it was begun with something else.
        """
        path = self.folder / BEGUN
        if not path.is_file():
            return None
        begun = read_json(path)
        if not isinstance(begun, dict) or begun.get("key") != self.key or not isinstance(begun.get("shards"), int):
            raise ArtifactError(
                f"{path}: begun by other versions, or with other settings or code; remove all of its folder, or this "
                "file alone to keep what is there"
            )
        return begun["shards"]

    def _names(self, shard: Shard) -> list[str]:
        return sorted(self.names)[shard.index :: shard.count]


@dataclass(frozen=True)
class ShardRequest:
    """What is asked for of shards by the options of a command.

    Raises:
        ConfigError: more than one of the options, or a shard of another number than ``--shards``.
    """

    shard: str | None
    shards: int | None
    status: bool
    merge: bool

    def __post_init__(self) -> None:
        if sum([self.shard is not None, self.status, self.merge]) > 1:
            raise ConfigError("--shard, --status and --merge exclude each other; give one of them")
        if self.shard is not None and self.shards not in (None, parse_shard(self.shard).count):
            raise ConfigError(f"--shard {self.shard} is none of {self.shards} shards; leave --shards out")

    @property
    def given(self) -> bool:
        """Whether one of the options is."""
        return self.status or self.merge or self.shard is not None or self.shards is not None

    @property
    def any(self) -> bool:
        """Whether shards are asked for, which the task of an array does without an option."""
        return self.given or TASK in os.environ

    def handle(self, work: ShardedWork) -> None:
        """Do the shard, print which are missing (exit status 1), or make sure that none is before a merge.

        Raises:
            ConfigError: it is not known which shard, or of how many.
            ArtifactError: a shard is missing that is to be merged.
        """
        if self.merge:
            work.check(self.shards)
        elif self.status:
            missing = work.missing(self.shards)
            say(array_text(missing) if missing else "no shard is missing", err=not missing)
            if missing:
                raise SystemExit(1)
        else:
            # The number of those that are there, as an array that is submitted again holds the missing ones alone.
            which = (
                parse_shard(self.shard) if self.shard is not None else shard_of_array(self.shards or work.known_count())
            )
            if which is None:
                raise ConfigError("--shards says how many; say which with --shard I/N, or --status or --merge")
            say(work.run(which))


def shard_options(command: Callable) -> Callable:
    """Give a command the options of shards, which are the fields of a :class:`ShardRequest`."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command
