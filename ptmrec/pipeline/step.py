"""Steps that are reused while their inputs, settings and code stay the same, and resumed when stopped half-way."""

import dataclasses
import functools
import glob
import hashlib
import json
import os
import platform
import secrets
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from ptmrec.config.section import Section
from ptmrec.core.errors import ArtifactError
from ptmrec.core.files import (
    ATTEMPTS,
    read_json,
    remove_temporaries,
    replace_folder,
    restore_folder,
    tree_hash,
    write_json,
)
from ptmrec.core.log import logger
from ptmrec.core.processes import broadcast, is_main, main_only, wait_for_all
from ptmrec.core.temporaries import is_alive
from ptmrec.pipeline.code import OURS, ROOT, code_hash

ABANDONED = 24 * 3600
"""Seconds after which another machine's unfinished work counts as abandoned, when nothing in it has changed."""
_working: set[Path] = set()
"""Folders that this process works in."""


@dataclasses.dataclass(frozen=True)
class Step:
    """One step of the main job.

    Attributes:
        name: unique name, also of its record.
        inputs: files and folders it reads.
        settings: configuration sections it depends on (paths among them do not count, their contents do).
        work: does it, given the folder to fill: a function of a small module, with its arguments bound by
            ``functools.partial``. Its module and all that this imports are the code the result depends on, so the
            classes of its arguments have to be imported there. Plain arguments count as settings do.
        output: the folder it writes, and nothing else does.
    """

    name: str
    inputs: Sequence[Path]
    settings: Sequence[Section]
    work: Callable[[Path], None]
    output: Path

    def key(self) -> str:
        """Hash of everything the result depends on.

        Raises:
            ArtifactError: an input is missing.
        """
        for path in self.inputs:
            if not path.exists():
                raise ArtifactError(f"{path}: missing, but step {self.name!r} needs it; run the step before it")
        inputs = [tree_hash([path]) for path in self.inputs]
        text = json.dumps([self.asked(), code_hash(self.work), inputs])
        return hashlib.sha256(text.encode()).hexdigest()

    def asked(self) -> str:
        """What is asked for, as text: the settings and the plain arguments of the work."""
        settings = {type(section).__name__: section.computed() for section in self.settings}
        return json.dumps([settings, _plain(self.work)], sort_keys=True, default=str)


def run_step(step: Step, records: Path, together: bool = False, instead: Callable[[Path], None] | None = None) -> bool:
    """Run a step unless its result is there.

    A result counts when the record holds the same key and the output has not changed since. The work is done in
    a folder beside the output, which takes the output's place only when it is finished: a result is never
    deleted before its replacement stands. What a stopped run left there is kept for the work to go on from, if
    it was the same step; unfinished files in it are removed. Of several processes that want the same step one
    runs it and the others wait for its result; where locks do not work, as on some network disks, each runs it in
    a folder of its own and the result of one of them stands. Of the processes of one run (``accelerate launch``)
    the main one works and the others wait, unless the step is theirs together.

    Args:
        step: what is to be done.
        records: folder of the records.
        together: all processes of this run work, in one folder.
        instead: makes what the step's own work would make, from pieces that it made elsewhere.

    Returns:
        True when the step ran, False when its result was reused.
    """
    work = instead or step.work
    if is_main():
        return broadcast(_run_step(step, work, records, together))
    folder = broadcast(None) if together else None
    if folder is not None:
        work(folder)
        wait_for_all()
    return broadcast(False)


def _run_step(step: Step, work: Callable[[Path], None], records: Path, together: bool) -> bool:
    records.mkdir(parents=True, exist_ok=True)
    with wait_for_lock(records / f"{step.name}.lock", f"step {step.name!r}"):
        record_path, key = records / f"{step.name}.json", step.key()
        restore_folder(step.output)
        record = _read_record(record_path)
        if record.get("key") == key and record.get("output"):
            if record["output"] == _output_hash(step.output):
                logger.info("%s: reused, nothing it depends on has changed", step.name)
                if together:
                    broadcast(None)
                return False
            logger.warning("%s: its result was changed or lost; making it again", step.name)
        with _claim(step.output, key) as partial:
            remove_temporaries(partial)
            with nullcontext(broadcast(partial)) if together else main_only():
                work(partial)
                if together:
                    wait_for_all()  # they may still read what is moved next
            record = _read_record(record_path)
            if record.get("key") == key and record.get("output") == _output_hash(step.output):
                shutil.rmtree(partial, ignore_errors=True)  # without working locks another was faster
                return True
            replace_folder(step.output, partial)
        write_json(record_path, {"key": key, "output": _output_hash(step.output)})
        return True


@contextmanager
def wait_for_lock(path: Path, what: str) -> Iterator[None]:
    """Hold a lock file; says so when another process has it, and waits. A kill frees it."""
    lock = FileLock(path)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        logger.info("%s: another process is at it, waiting for its result", what)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _claim(output: Path, key: str) -> Iterator[Path]:
    """A folder to work in that no other process works in, with what a stopped run of the same step left.

    Its name holds the key and who works in it; a rename, which only one process can win, takes over what is left.
    """
    owner = f"{_host()}-{os.getpid()}"
    own = output.with_name(f".{output.name}.partial-{key[:16]}-{owner}-{secrets.token_hex(4)}")
    output.parent.mkdir(parents=True, exist_ok=True)
    for left in sorted(output.parent.glob(f".{glob.escape(output.name)}.partial-*")):
        if _is_abandoned(left):
            if f".partial-{key[:16]}-" in left.name and not own.exists():
                with suppress(OSError):
                    left.rename(own)
            else:
                shutil.rmtree(left, ignore_errors=True)
    own.mkdir(exist_ok=True)
    _working.add(own)
    try:
        yield own
    finally:
        _working.discard(own)


def _is_abandoned(partial: Path) -> bool:
    """Whether nobody works in a folder any more; of other machines that is only known after a day."""
    host, pid = partial.name.split("-")[-3:-1]
    if host == _host():
        return partial not in _working if int(pid) == os.getpid() else not is_alive(int(pid))
    with suppress(OSError):
        return time.time() - max(path.stat().st_mtime for path in [partial, *partial.rglob("*")]) > ABANDONED
    return False


def _host() -> str:
    return hashlib.sha256(platform.node().encode()).hexdigest()[:8]


def _read_record(path: Path) -> dict:
    try:
        record = read_json(path)
    except ArtifactError:
        return {}
    return record if isinstance(record, dict) else {}


def _output_hash(folder: Path) -> str | None:
    for _ in range(ATTEMPTS):
        try:
            return tree_hash([folder]) if folder.is_dir() else None
        except FileNotFoundError:  # where locks do not work, another process puts its own in this place
            continue
    return None


def _plain(work: Callable) -> list:
    """Arguments bound to a function that are numbers, words or lists of them; paths and objects have inputs."""
    if not isinstance(work, functools.partial):
        return []
    named = [value for _, value in sorted(work.keywords.items())]
    return [value for value in (*work.args, *named) if isinstance(value, (str, int, float, tuple, list))]


def code_version() -> str:
    """Short hash of our code, stored with results."""
    return tree_hash(file for name in OURS for file in (ROOT / name).rglob("*.py"))[:12]
