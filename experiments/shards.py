"""Work in shards: each is done by whoever is asked to, and says in a manifest what it made, from what, with what.

A shard needs nothing but the shared folder; there is no coordinator, and no shard knows of another.
"""

import hashlib
import json
import platform
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from experiments.sharding import Shard, array_text
from ptmrec.core.errors import ArtifactError, ConfigError
from ptmrec.core.files import file_hash, read_json, write_json
from ptmrec.core.log import logger
from ptmrec.pipeline.step import hold

_NAME = re.compile(r"(\d{1,6})-of-(\d{1,6})\.json")


class ShardedWork(ABC):
    """Something made of every model, in shards of the models.

    Files in ``folder``: ``<i>-of-<n>.json``, the manifest, is written when all else of a shard is. It counts while
    it names the same ``key`` and versions as this run, and the files are those it describes.

    Args:
        what: what is made, for messages.
        command: the command that makes it, for messages.
        folder: where the manifests are.
        root: folder that the files named in manifests are in.
        key: hash of all that the result depends on.
        models: names of the models.
    """

    def __init__(self, what: str, command: str, folder: Path, root: Path, key: str, models: list[str]) -> None:
        self.what, self.command, self.folder, self.root, self.key = what, command, folder, root, _with_versions(key)
        self.models = models

    @abstractmethod
    def _work(self, shard: Shard, models: list[str]) -> list[Path]:
        """Do a shard's models; gives the files that hold the result."""

    @abstractmethod
    def _hashes(self, models: list[str]) -> Mapping[str, str]:
        """SHA-256 of the weights of some models, by name."""

    def run(self, shard: Shard) -> Path:
        """Do a shard unless it is done; gives its manifest.

        Raises:
            PtmrecError: whatever the work meets.
        """
        path, models = self.manifest_path(shard), shard.share(self.models)
        path.parent.mkdir(parents=True, exist_ok=True)
        with hold(path.with_suffix(".lock"), f"shard {shard} of the {self.what}"):
            if self._fault(shard) is None:
                logger.info("shard %s of the %s is done already", shard, self.what)
                return path
            files = self._work(shard, models)
            manifest = {
                "shard": shard.index,
                "of": shard.count,
                "key": self.key,
                "versions": versions(),
                "models": dict(self._hashes(models)),
                "files": {file.relative_to(self.root).as_posix(): file_hash(file) for file in files},
            }
            write_json(path, manifest)
        logger.info("shard %s of the %s is done: %d models", shard, self.what, len(models))
        return path

    def missing(self, count: int | None = None) -> list[int]:
        """Numbers of the shards that are not done.

        Args:
            count: number of shards; without it that of the shards that are there.

        Raises:
            ConfigError: there are none, or of several numbers.
        """
        count = count or self.count()
        return [index for index in range(count) if self._fault(Shard(index, count)) is not None]

    def count(self) -> int:
        """Number of shards, as told by those that are there.

        Raises:
            ConfigError: there are none, or of several numbers.
        """
        counts = sorted(self._counts())
        if len(counts) == 1:
            return counts[0]
        found = f"shards of {' and of '.join(map(str, counts))} are" if counts else "no shard of it is"
        raise ConfigError(f"{self.folder}: {found} there; say how many there are to be with --shards N")

    def known_count(self) -> int | None:
        """Number of the shards that are there; None when that is not one number."""
        counts = self._counts()
        return counts.pop() if len(counts) == 1 else None

    def _counts(self) -> set[int]:
        """A lock is there from a shard's first moment, so that a number is known before anything is finished."""
        names = (f"{path.stem}.json" for path in self.folder.glob("*-of-*") if path.suffix in (".json", ".lock"))
        return {int(found[2]) for found in map(_NAME.fullmatch, names) if found}

    def check(self, count: int | None = None) -> list[Shard]:
        """All shards, when they are done, by the same versions as this run's, and no model is left out.

        Raises:
            ArtifactError: one of them is not; the message names the first.
            ConfigError: nobody says how many there are.
        """
        shards = [Shard(index, count or self.count()) for index in range(count or self.count())]
        faults = {shard: fault for shard in shards if (fault := self._fault(shard)) is not None}
        gaps = array_text([shard.index for shard in faults if not self.manifest_path(shard).is_file()])
        if gaps:
            raise ArtifactError(
                f"{self.folder}: of {len(shards)} shards of the {self.what}, {gaps} are missing; make each with: "
                f"{self.command} --shard I/{len(shards)}"
            )
        for shard, fault in faults.items():
            again = f"make it again with: {self.command} --shard {shard}"
            raise ArtifactError(f"{self.manifest_path(shard)}: {fault}; {again}")
        return shards

    def manifest_path(self, shard: Shard) -> Path:
        """Where the manifest of a shard is."""
        return self.folder / f"{shard.index}-of-{shard.count}.json"

    def _fault(self, shard: Shard) -> str | None:
        """Why a shard does not count as done; None when it does."""
        try:
            manifest = read_json(self.manifest_path(shard))
        except ArtifactError:
            return "missing or damaged"
        wanted = {"shard": shard.index, "of": shard.count}
        if not isinstance(manifest, dict) or {name: manifest.get(name) for name in wanted} != wanted:
            return "no manifest of this shard"
        there, here = manifest.get("versions"), versions()
        if there != here:
            there = there if isinstance(there, dict) else {}
            changed = ", ".join(f"{n} {there.get(n)} there, {here[n]} here" for n in here if there.get(n) != here[n])
            return f"made by other versions ({changed})"
        if manifest.get("key") != self.key:
            return "made from other data, settings or code"
        return self._fault_of_content(shard, manifest)

    def _fault_of_content(self, shard: Shard, manifest: Mapping[str, Any]) -> str | None:
        models, files = manifest.get("models"), manifest.get("files")
        if not isinstance(models, dict) or not isinstance(files, dict) or list(models) != shard.share(self.models):
            return "it holds other models"
        changed = next(self._changed(files), None)
        return None if changed is None else f"{changed} is missing or has changed since"

    def _changed(self, files: Mapping[str, str]) -> Iterator[str]:
        """Names of the files that are not those a manifest describes."""
        for name, expected in files.items():
            file = self.root / name
            if not file.is_file() or file_hash(file) != expected:
                yield name


def _with_versions(key: str) -> str:
    return hashlib.sha256(json.dumps([key, versions()]).encode()).hexdigest()


def versions() -> dict[str, str]:
    """What the bits of a result may depend on beside data, settings and code."""
    return {"python": platform.python_version(), **{name: version(name) for name in ("torch", "numpy", "ptmrec")}}
