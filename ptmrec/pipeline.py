"""Steps that are reused while their inputs, settings and code stay the same, and resumed when stopped half-way."""

import dataclasses
import hashlib
import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from ptmrec.artifacts import read_json, tree_hash, write_json
from ptmrec.config.section import Section
from ptmrec.errors import ArtifactError
from ptmrec.log import logger

PACKAGE = Path(__file__).resolve().parent


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

    A result counts when the record holds the same key and the output has not changed since. When the same
    step was stopped half-way, what it left in its output is kept for ``work`` to go on from; anything else
    there is removed first.

    Args:
        step: what is to be done.
        work: does it, given the output folder.
        records: folder of the records.

    Returns:
        True when the step ran, False when its result was reused.
    """
    record_path, key = records / f"{step.name}.json", step.key()
    record = _read_record(record_path)
    if record.get("key") == key:
        if record.get("output") and record["output"] == _output_hash(step.output):
            logger.info("%s: reused, nothing it depends on has changed", step.name)
            return False
        if record.get("output"):
            logger.warning("%s: its result was changed or lost; making it again", step.name)
            shutil.rmtree(step.output, ignore_errors=True)
    else:
        shutil.rmtree(step.output, ignore_errors=True)
    write_json(record_path, {"key": key, "output": None})
    step.output.mkdir(parents=True, exist_ok=True)
    work(step.output)
    write_json(record_path, {"key": key, "output": _output_hash(step.output)})
    return True


def _read_record(path: Path) -> dict:
    try:
        record = read_json(path)
    except ArtifactError:
        return {}
    return record if isinstance(record, dict) else {}


def _output_hash(folder: Path) -> str | None:
    return tree_hash([folder]) if folder.is_dir() else None


def _module(name: str) -> Path:
    path = PACKAGE / name
    return path if path.is_dir() else path.with_suffix(".py")


def code_version() -> str:
    """Short hash of the package's code, stored with results."""
    return tree_hash([PACKAGE])[:12]
