"""The committed files of the zoo and their hashes."""

import os
from collections.abc import Iterator
from pathlib import Path

from ptmrec.config.sections import PathsConfig
from ptmrec.errors import ArtifactError
from ptmrec.files import file_hash, read_json, write_json


def committed_files(paths: PathsConfig) -> Iterator[Path]:
    """Every file of the zoo that the project commits, also splits and published tables."""
    for folder in (paths.zoo, paths.dataset_tokens, paths.encoder, paths.published):
        yield from sorted(path for path in folder.rglob("*") if path.is_file())
    yield from (paths.ground_truth, paths.estimators, paths.costs, paths.encoder_separation, paths.image_sets)
    yield paths.splits


def write_manifest(paths: PathsConfig) -> Path:
    """Write the hash of every committed file, by its path relative to the manifest."""
    return write_json(paths.manifest, current_hashes(paths))


def current_hashes(paths: PathsConfig) -> dict[str, str]:
    """SHA-256 of every committed file that is there, by its path relative to the manifest's folder."""
    root = paths.manifest.parent
    files = (path for path in committed_files(paths) if path.is_file())
    return {Path(os.path.relpath(path, root)).as_posix(): file_hash(path) for path in files}


def read_manifest(path: Path) -> dict[str, str]:
    """The hashes as committed.

    Raises:
        ArtifactError: missing or damaged file.
    """
    data = read_json(path)
    if not isinstance(data, dict) or not all(isinstance(value, str) for value in data.values()):
        raise ArtifactError(f"{path}: expected an object: file -> hash")
    return data
