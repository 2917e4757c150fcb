"""What a training run measured, epoch by epoch."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from ptmrec.core.errors import ArtifactError
from ptmrec.core.files import is_number, read_json, write_json

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LEADING_COLUMNS = ("epoch", "train_loss", "validation_loss")


class History:
    """The epochs of a run: one dict per epoch, from column name to number.

    Columns are ``epoch`` (from 1), ``train_loss``, ``validation_loss``, ``train_<metric>``,
    ``validation_<metric>``, ``learning_rate`` (of the first parameter group, during the epoch) and
    ``seconds`` (wall time). A number that is absent or not finite is None, because JSON knows no NaN.

    Args:
        epochs: epochs to start with.
    """

    def __init__(self, epochs: list[dict[str, Any]] | None = None) -> None:
        self.epochs: list[dict[str, float | int | None]] = []
        for row in epochs or []:
            self.append(row)

    def __len__(self) -> int:
        return len(self.epochs)

    def append(self, row: Mapping[str, float | int | None]) -> None:
        """Add an epoch; ``row`` must name ``epoch`` and ``train_loss``."""
        self.epochs.append({name: _finite_or_none(row.get(name)) for name in dict.fromkeys([*LEADING_COLUMNS, *row])})

    def to_frame(self) -> pd.DataFrame:
        """One row per epoch: ``epoch`` int64, everything else float64 with NaN for what is absent."""
        columns = list(dict.fromkeys([*LEADING_COLUMNS, *(name for row in self.epochs for name in row)]))
        return pd.DataFrame(self.epochs, columns=columns).astype(float).astype({"epoch": "int64"})

    @property
    def best_epoch(self) -> int | None:
        """First epoch with the lowest validation loss, or train loss where that is all; None if empty."""
        losses = [
            (row["train_loss"] if row["validation_loss"] is None else row["validation_loss"]) for row in self.epochs
        ]
        known = [(loss, row["epoch"]) for loss, row in zip(losses, self.epochs, strict=True) if loss is not None]
        return min(known)[1] if known else None

    def plot(self) -> "Figure":
        """Curves of the loss and of each metric, the best epoch marked; Jupyter shows them."""
        from ptmrec.plots.training_curves import plot_history  # brings matplotlib

        return plot_history(self.to_frame(), self.best_epoch)

    def save(self, path: Path) -> Path:
        """Write as JSON, atomically."""
        return write_json(path, self.epochs)

    @classmethod
    def load(cls, path: Path) -> "History":
        """Read what :meth:`save` wrote.

        Raises:
            ArtifactError: the file is missing, not JSON, not a list of epochs, or an epoch holds what is no number.
        """
        epochs = read_json(path)
        if not isinstance(epochs, list) or not all(isinstance(row, dict) and "epoch" in row for row in epochs):
            raise ArtifactError(f"{path}: not a training history; it must be a list of epochs")
        for row in epochs:
            if not isinstance(row["epoch"], int) or isinstance(row["epoch"], bool):
                raise ArtifactError(f"{path}: epoch {row['epoch']!r} is no whole number")
            wrong = [name for name, value in row.items() if not (value is None or is_number(value))]
            if wrong:
                raise ArtifactError(f"{path}: {wrong[0]!r} of epoch {row['epoch']} is no number")
        return cls(epochs)


def _finite_or_none(value: float | int | None) -> float | int | None:
    return value if value is not None and math.isfinite(value) else None
