"""Steps that are reused while their inputs, settings and code stay the same, and resumed when stopped half-way."""

import dataclasses
import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from ptmrec.config.section import Section
from ptmrec.errors import ArtifactError
from ptmrec.files import read_json, remove_temporaries, replace_folder, tree_hash, write_json
from ptmrec.log import logger

PACKAGE = Path(__file__).resolve().parents[1]


@dataclasses.dataclass(frozen=True)
class Step:
    """One step of the main job.

    Attributes:
        name: unique name, also of its record.
        inputs: files and folders it reads.
        settings: configuration sections it depends on (paths among them do not count, their contents do).
        code: sub-packages or modules of ptmrec it depends on.
        output: the folder it writes, and nothing else does.
    """

    name: str
    inputs: Sequence[Path]
    settings: Sequence[Section]
    code: Sequence[str]
    output: Path

    def key(self) -> str:
        """Hash of everything the result depends on.

        Raises:
            ArtifactError: an input is missing.
        """
        for path in self.inputs:
            if not path.exists():
                raise ArtifactError(f"{path}: missing, but step {self.name!r} needs it; run the step before it")
        settings = {type(section).__name__: dataclasses.asdict(section) for section in self.settings}
        code = tree_hash(_module(name) for name in self.code)
        inputs = [tree_hash([path]) for path in self.inputs]
        text = json.dumps([settings, code, inputs], sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()


def run_step(step: Step, work: Callable[[Path], None], records: Path) -> bool:
    """Run a step unless its result is there.

    A result counts when the record holds the same key and the output has not changed since. The work is done in
    a folder beside the output, which takes the output's place only when it is finished: a result is never
    deleted before its replacement stands. What a stopped run left there is kept for ``work`` to go on from, if
    it was the same step; unfinished files in it are removed. Of several processes that want the same step one
    runs it and the others wait for its result.

    Args:
        step: what is to be done.
        work: does it, given the folder to fill.
        records: folder of the records.

    Returns:
        True when the step ran, False when its result was reused.
    """
    records.mkdir(parents=True, exist_ok=True)
    with hold(records / f"{step.name}.lock", f"step {step.name!r}"):
        record_path, key = records / f"{step.name}.json", step.key()
        record = _read_record(record_path)
        if record.get("key") == key and record.get("output"):
            if record["output"] == _output_hash(step.output):
                logger.info("%s: reused, nothing it depends on has changed", step.name)
                return False
            logger.warning("%s: its result was changed or lost; making it again", step.name)
        partial, begun = _partial(step.output), records / f"{step.name}.begun.json"
        if _read_record(begun).get("key") != key:
            shutil.rmtree(partial, ignore_errors=True)
        write_json(begun, {"key": key})
        remove_temporaries(partial)
        partial.mkdir(parents=True, exist_ok=True)
        work(partial)
        replace_folder(step.output, partial)
        write_json(record_path, {"key": key, "output": _output_hash(step.output)})
        begun.unlink()
        return True


@contextmanager
def hold(path: Path, what: str) -> Iterator[None]:
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


def _partial(output: Path) -> Path:
    return output.with_name(f".{output.name}.partial")


def _read_record(path: Path) -> dict:
    try:
        record = read_json(path)
    except ArtifactError:
        return {}
    return record if isinstance(record, dict) else {}


def _output_hash(folder: Path) -> str | None:
    return tree_hash([folder]) if folder.is_dir() else None


def _module(name: str) -> Path:
    """The folder or file of a module; a name that is none would hash as nothing and never change again."""
    folder, file = PACKAGE / name, PACKAGE / f"{name}.py"
    if not (folder.is_dir() or file.is_file()):
        raise ValueError(f"a step names ptmrec/{name} as its code, and there is no such module")
    return folder if folder.is_dir() else file


def code_version() -> str:
    """Short hash of the package's code, stored with results."""
    return tree_hash([PACKAGE])[:12]
