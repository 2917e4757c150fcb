"""The committed files of the zoo and their hashes."""

from pathlib import Path

from ptmrec.config.sections import PathsConfig
from ptmrec.core.errors import ArtifactError
from ptmrec.core.files import hash_files, is_temporary, read_json, write_json


def committed_files(paths: PathsConfig) -> list[Path]:
    """Every file beside the manifest and below, in order: all that the project commits under ``constants/``."""
    files = (path for path in paths.manifest.parent.rglob("*") if path.is_file() and not is_temporary(path))
    return sorted(path for path in files if path != paths.manifest)


def zoo_bytes(paths: PathsConfig) -> int:
    """Bytes of what is committed of the zoo: everything but the recommender, which is trained from it."""
    files = (path for path in committed_files(paths) if not path.is_relative_to(paths.recommender))
    return sum(path.stat().st_size for path in files)


def write_manifest(paths: PathsConfig) -> Path:
    """Write the hash of every committed file, by its path relative to the manifest."""
    return write_json(paths.manifest, current_hashes(paths))


def current_hashes(paths: PathsConfig) -> dict[str, str]:
    """SHA-256 of every committed file that is there, by its path relative to the manifest's folder."""
    return hash_files(paths.manifest.parent, committed_files(paths))


def read_manifest(path: Path) -> dict[str, str]:
    """The hashes as committed.

    Raises:
        ArtifactError: missing or damaged file.
    """
    data = read_json(path)
    if not isinstance(data, dict) or not all(isinstance(value, str) for value in data.values()):
        raise ArtifactError(f"{path}: expected an object: file -> hash")
    return data
