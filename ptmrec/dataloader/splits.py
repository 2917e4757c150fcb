"""The role of each data set: train, validation (both known), or blind. Fixed in one committed file."""

from dataclasses import dataclass
from pathlib import Path

from ptmrec.artifacts import read_json
from ptmrec.errors import ArtifactError

ROLES = ("train", "validation", "blind")


@dataclass(frozen=True)
class Splits:
    """Data sets by role. The blind ones are used by nothing but the final evaluation."""

    train: tuple[str, ...]
    validation: tuple[str, ...]
    blind: tuple[str, ...]

    @property
    def known(self) -> tuple[str, ...]:
        """Data sets a ranker may learn from or be chosen on."""
        return self.train + self.validation

    @property
    def all(self) -> tuple[str, ...]:
        """Every data set."""
        return self.known + self.blind


def read_splits(path: Path) -> Splits:
    """Read ``{dataset: {"role": ..., "reason": ...}}``.

    Raises:
        ArtifactError: damaged file, a role that is none, no reason, or no training data set.
    """
    data = read_json(path)
    if not isinstance(data, dict):
        raise ArtifactError(f"{path}: expected an object of data sets, found {type(data).__name__}")
    for name, entry in data.items():
        if not isinstance(entry, dict) or entry.get("role") not in ROLES:
            raise ArtifactError(f"{path}: {name!r} needs a role, one of {', '.join(ROLES)}")
        if not entry.get("reason"):
            raise ArtifactError(f"{path}: {name!r} needs the reason for its role")
    groups = {role: tuple(name for name, entry in data.items() if entry["role"] == role) for role in ROLES}
    if not groups["train"]:
        raise ArtifactError(f"{path}: no data set has the role 'train'")
    return Splits(**groups)
