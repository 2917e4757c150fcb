"""Models that were added: where their files lie and what was found of them. Listing them imports nothing heavy."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ptmrec.core.errors import ArtifactError, one_line, reading
from ptmrec.core.files import is_temporary, read_json, read_npz, write_folder, write_json, write_npz
from ptmrec.core.log import logger
from ptmrec.zoo.card import Card
from ptmrec.zoo.hub import HubSnapshot
from ptmrec.zoo.snapshot import Snapshot
from ptmrec.zoo.sources import from_record, record_of

PATH_NAME, NUMBERS_NAME = "model.json", "registered.npz"
REGISTERED = "registered"
"""Folder of the models that were added, among what runs write."""
AXES = {"transport": 2, "explained": 0, "transported": 1, "few_shot": 1}
"""What is kept of a model that was run, and the axes of each array."""
NEEDED = tuple(AXES)


def write_registered(folder: Path, snapshot: Snapshot, found: dict[str, np.ndarray] | None = None) -> Path:
    """Keep what was found of a model, and where its files lie.

    Args:
        folder: of all added models.
        snapshot: the model.
        found: from :class:`~ptmrec.recommender.registration.Registrar`; None for a model known by its card only.

    Returns:
        The model's own folder there; what was kept of another model of its name is replaced.
    """

    def write(fresh: Path) -> None:
        write_json(fresh / PATH_NAME, record_of(snapshot))
        if found is not None:
            write_npz(fresh / NUMBERS_NAME, {name: np.asarray(values, np.float32) for name, values in found.items()})

    return write_folder(folder / snapshot.name, write)


@dataclass(frozen=True)
class Added:
    """The models that were added.

    Attributes:
        ran: those that were run, with what was found of each.
        bare: those that cannot be run, of which only the card is known.
    """

    ran: tuple[tuple[Snapshot, dict[str, np.ndarray]], ...] = ()
    bare: tuple[HubSnapshot, ...] = ()


def read_registered(folder: Path) -> Added:
    """The models that were added; none without the folder.

    A model whose files are gone or damaged is left out, and a line says so.
    """
    ran, bare = [], []
    for path, snapshot in _read(folder):
        if isinstance(snapshot, HubSnapshot) and snapshot.problem:
            bare.append(snapshot)
            continue
        try:
            ran.append((snapshot, _read_numbers(path / NUMBERS_NAME)))
        except ArtifactError as error:
            leave_out(path, error)
    return Added(tuple(ran), tuple(bare))


def _read_numbers(path: Path) -> dict[str, np.ndarray]:
    found = read_npz(path, NEEDED)
    axes = {name: found[name].ndim for name in NEEDED}
    if axes != AXES or not all(np.isfinite(found[name]).all() for name in NEEDED[:3]):
        raise ArtifactError(f"{path}: damaged or of another version (its arrays are of another form)")
    return found


def read_registered_snapshots(folder: Path) -> list[Snapshot]:
    """All models that were added and are still there, those that are not ranked as well."""
    return [snapshot for _, snapshot in _read(folder)]


def read_registered_cards(folder: Path) -> list[Card]:
    """Cards of all models that were added and are still there."""
    return [snapshot.card for snapshot in read_registered_snapshots(folder)]


def _read(folder: Path) -> Iterator[tuple[Path, Snapshot]]:
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if not path.is_dir() or is_temporary(path):
            continue
        try:
            with reading(path / PATH_NAME, "damaged or of another version"):
                snapshot = from_record(read_json(path / PATH_NAME))
                if snapshot.name != path.name:
                    raise ArtifactError(f"its files are now those of {snapshot.name}")
        except ArtifactError as error:
            leave_out(path, error)
        else:
            yield path, snapshot


def leave_out(path: Path, error: Exception) -> None:
    """Say in one line why an added model is left out, and how not to read this again."""
    logger.warning("%s is left out (%s); add it again, or remove %s", path.name, one_line(error), path)
