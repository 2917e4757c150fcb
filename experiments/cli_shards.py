"""The options of commands whose work can be done in shards."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from experiments.sharding import TASK, Shard, array_text, parse_shard, shard_of_array
from ptmrec.cli.context import say
from ptmrec.core.errors import ConfigError

if TYPE_CHECKING:
    from experiments.shards import ShardedWork

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
class ShardRequest:
    """What is asked for of shards."""

    shard: str | None
    shards: int | None
    status: bool
    merge: bool

    def check(self) -> None:
        """Refuse what excludes each other.

        Raises:
            ConfigError: more than one of the options, or a shard of another number than ``--shards``.
        """
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

    def handle(self, work: "ShardedWork") -> None:
        """Do the shard, or print which are missing (exit status 1); merging is left to the command.

        Raises:
            ConfigError: it is not known which shard, or of how many.
        """
        if self.status:
            missing = work.missing(self.shards)
            if missing:
                say(array_text(missing))
                raise SystemExit(1)
            say("no shard is missing", err=True)
        elif not self.merge:
            say(work.run(self._which(work)))

    def _which(self, work: "ShardedWork") -> Shard:
        if self.shard is not None:
            return parse_shard(self.shard)
        # The number of those that are there, as an array that is submitted again holds the missing ones alone.
        found = shard_of_array(os.environ, self.shards or work.known_count())
        if found is None:
            raise ConfigError("--shards says how many; say which with --shard I/N, or --status or --merge")
        return found


def shard_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options of shards; it gets them as ``request``, a :class:`ShardRequest`."""

    def with_request(
        *args: Any, shard: str | None, shards: int | None, status: bool, merge: bool, **kwargs: Any
    ) -> Any:
        request = ShardRequest(shard, shards, status, merge)
        request.check()
        return command(*args, request=request, **kwargs)

    with_request.__name__, with_request.__doc__ = command.__name__, command.__doc__
    with_request.__click_params__ = getattr(command, "__click_params__", [])
    for option in reversed(OPTIONS):
        with_request = option(with_request)
    return with_request
