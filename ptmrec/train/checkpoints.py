"""What a training run leaves on disk and continues from: weights, resumable state and random states."""

import errno
import hashlib
import io
import math
import os
import random
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ptmrec.core.errors import ArtifactError, TrainingError, brief, describe_os_error, first_line
from ptmrec.core.files import TEMPORARY, naming, write_bytes

try:
    import fcntl
except ImportError:  # not on Windows
    fcntl = None

MARK = b"sha256:"
"""Begins the comment of a checkpoint's ZIP file; the hash of everything before it follows."""


@dataclass
class Position:
    """How far a run has come.

    Attributes:
        started: timestamp of the fresh start, which tells this run's files from those of earlier runs.
        epoch: epochs finished.
        best_loss: lowest monitored loss so far.
        best_checkpoint: file name of the weights with that loss.
        patience_loss: the loss that the next epoch must beat by ``min_delta`` for patience to start anew.
        epochs_waited: epochs since that last happened.
    """

    started: str
    epoch: int = 0
    best_loss: float = math.inf
    best_checkpoint: str | None = None
    patience_loss: float = math.inf
    epochs_waited: int = 0

    def update(self, loss: float, min_delta: float) -> bool:
        """Take in an epoch's monitored loss; True when it is the lowest so far, by however little."""
        self.epochs_waited += 1
        if loss < self.patience_loss - min_delta:
            self.patience_loss, self.epochs_waited = loss, 0
        improved = loss < self.best_loss
        self.best_loss = min(loss, self.best_loss)
        return improved


class CheckpointStore:
    """The files of one trainer in its output folder.

    Args:
        folder: the output folder; made on the first write.
        name: the trainer's name, with which every file name begins.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self.folder, self.name = folder, name
        self.last_path = folder / f"{name}_last.pt"
        self.history_path = folder / f"{name}_history.json"
        self._pattern = re.compile(
            rf"{re.escape(name)}_weights\.(?:epoch_(?P<epoch>\d+)\.)?loss_-?[\d.]+\.(?P<stamp>\d{{8}}_\d{{6}})\.pt"
        )

    def save_weights(self, weights: Mapping[str, Tensor], loss: float, epoch: int | None = None) -> Path:
        """Write a state dict under a name that tells loss, time (UTC) and, for a periodic one, the epoch."""
        part = f"epoch_{epoch:04d}." if epoch is not None else ""
        path = self.folder / f"{self.name}_weights.{part}loss_{loss:.6f}.{timestamp()}.pt"
        return save_tensors(weights, path)

    def load_last(self) -> dict[str, Any]:
        """Read the resumable state, tensors on the CPU.

        Raises:
            ArtifactError: the file is missing, damaged or something else.
        """
        state = load_tensors(self.last_path)
        if not isinstance(state, dict) or "standing" not in state:
            raise ArtifactError(f"{self.last_path}: not a resumable training state; delete it to start afresh")
        return state

    def remove_superseded(self, standing: Position) -> None:
        """Delete this run's former best weights, and periodic ones of epochs it has yet to repeat.

        Looking at the folder instead of remembering one name also clears what a killed run left between
        writing the weights and writing the state. Files of earlier runs stay.
        """
        for path in self.folder.iterdir():
            match = self._pattern.fullmatch(path.name)
            if match is None or match["stamp"] < standing.started:
                continue
            repeated = match["epoch"] is not None and int(match["epoch"]) > standing.epoch
            if repeated or (match["epoch"] is None and path.name != standing.best_checkpoint):
                path.unlink(missing_ok=True)


def timestamp() -> str:
    """Now as ``20251103_085137``; UTC, so that sorting by name sorts by time through clock changes."""
    return datetime.now(UTC).strftime("%Y%m%d_%H%M%S")


def save_tensors(value: Any, path: Path) -> Path:
    """Write what ``torch.save`` makes of a value, its SHA-256 in the comment of the ZIP file; atomically."""
    buffer = io.BytesIO()
    torch.save(value, buffer)
    data = buffer.getvalue()
    if data[-2:] != bytes(2) or data[-22:-18] != b"PK\5\6":  # no ZIP file without a comment: an older format
        return write_bytes(path, data)
    body = data[:-2] + len(MARK + bytes(64)).to_bytes(2, "little")
    return write_bytes(path, body + MARK + hashlib.sha256(body).hexdigest().encode())


def load_tensors(path: Path) -> Any:
    """Read a file of ``torch.save`` onto the CPU, never unpickling more than tensors and plain data.

    Raises:
        ArtifactError: the file is missing or damaged (by its SHA-256, or the check sums of its parts when it has
            none), or holds other Python objects.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise ArtifactError(f"{path}: file not found") from None
    except OSError as error:
        raise ArtifactError(f"{path}: not a usable checkpoint ({describe_os_error(error)})") from None
    body, mark, digest = data[: -64 - len(MARK)], data[-64 - len(MARK) : -64], data[-64:]
    if mark == MARK and hashlib.sha256(body).hexdigest().encode() != digest:
        raise ArtifactError(f"{path}: damaged checkpoint (another SHA-256 than it was written with); delete it")
    try:
        if mark != MARK:
            _check_parts(data)
        stream = io.BytesIO(data)
        return torch.load(stream, map_location="cpu", weights_only=True)
    except Exception as error:  # what the readers of a foreign file raise has no end
        raise ArtifactError(f"{path}: not a usable checkpoint ({first_line(error)})") from None


def _check_parts(data: bytes) -> None:
    """Check the CRC-32 of every part of a ZIP file, and that they are as large together as the file can hold."""
    end = data.rfind(b"PK\5\6")
    if end >= 0 and len(data) - end - 22 != int.from_bytes(data[end + 20 : end + 22], "little"):
        raise ValueError("cut short")
    if zipfile.is_zipfile(io.BytesIO(data)):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if sum(part.file_size for part in archive.infolist()) > len(data):
                raise ValueError("its parts are larger than the file")
            broken = archive.testzip()
        if broken is not None:
            raise ValueError(f"part {broken!r} is damaged")


def load_into(model: nn.Module, weights: Mapping[str, Tensor], path: Path) -> None:
    """Load a state dict that came from ``path`` into ``model``.

    Raises:
        ArtifactError: names or shapes do not fit the model.
    """
    try:
        model.load_state_dict(weights)
    except (RuntimeError, TypeError, AttributeError) as error:
        raise ArtifactError(f"{path}: weights do not fit {type(model).__name__} ({brief(error)})") from None


@contextmanager
def try_lock(path: Path) -> Iterator[None]:
    """Be the only process that writes a file, as far as locks work on its disk; a kill gives it free.

    Two runs of one name would delete each other's best weights. The lock is one that forked workers do not hold on to.

    Raises:
        TrainingError: another process has claimed it.
    """
    if fcntl is None:
        yield
        return
    with naming(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        place = path.with_name(f".{path.name}.lock{TEMPORARY}")
        handle = os.open(place, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        if not _lock(handle):
            raise TrainingError(f"{path}: another process is training here; wait for it, or give another output folder")
        try:
            yield
        finally:
            with suppress(OSError):
                place.unlink(missing_ok=True)
    finally:
        os.close(handle)


def _lock(handle: int) -> bool:
    """Whether a file could be locked, or the disk knows no locks."""
    try:
        fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in (errno.EACCES, errno.EAGAIN)
    return os.fstat(handle).st_nlink > 0  # or its owner has just removed it, and the next one makes another


def check_settings(path: Path, saved: Mapping[str, str], current: Mapping[str, str]) -> None:
    """Refuse to continue a run under other settings than it began with.

    Raises:
        TrainingError: naming each setting that differs, with both values.
    """
    differing = [name for name in sorted({*saved, *current}) if saved.get(name) != current.get(name)]
    if differing:
        changes = ", ".join(f"{name} was {saved.get(name)}, is {current.get(name)}" for name in differing)
        raise TrainingError(f"{path}: cannot resume, {changes}; set them back or start without resume")


def rng_state(device: torch.device) -> dict[str, Any]:
    """States of Python's, NumPy's and torch's global generators, in types that load without unpickling."""
    kind, keys, position, has_gauss, gauss = np.random.get_state()
    state = {
        "python": random.getstate(),
        "numpy": (kind, torch.from_numpy(keys.astype(np.int64)), int(position), int(has_gauss), float(gauss)),
        "torch": torch.get_rng_state(),
    }
    if device.type == "cuda":
        state["cuda"] = torch.cuda.get_rng_state(device)
    return state


def restore_rng_state(state: Mapping[str, Any], device: torch.device) -> None:
    """Put back what :func:`rng_state` returned."""
    random.setstate(state["python"])
    kind, keys, *rest = state["numpy"]
    np.random.set_state((kind, keys.numpy().astype(np.uint32), *rest))
    torch.set_rng_state(state["torch"])
    if "cuda" in state:
        torch.cuda.set_rng_state(state["cuda"], device)


def loader_generators(loaders: Iterable[Any]) -> list[torch.Generator]:
    """Every torch generator of the loaders and their samplers, each once, in a fixed order."""
    found: dict[int, torch.Generator] = {}
    for loader in loaders:
        samplers = (getattr(loader, name, None) for name in ("sampler", "batch_sampler"))
        candidates = [getattr(owner, "generator", None) for owner in (loader, *samplers)]
        for candidate in [*candidates, getattr(loader, "synchronized_generator", None)]:
            if isinstance(candidate, torch.Generator):
                found.setdefault(id(candidate), candidate)
    return list(found.values())
