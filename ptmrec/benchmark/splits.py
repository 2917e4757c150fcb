"""The role of each data set, family and source: train, validation (both known), or blind. One committed file."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ptmrec.core.errors import ArtifactError
from ptmrec.core.files import read_json
from ptmrec.zoo.card import Card

ROLES = ("train", "validation", "blind")
KNOWN = ("train", "validation")
"""Roles of the models and data sets a ranker may learn from."""
GROUPS = ("datasets", "families", "sources")


@dataclass(frozen=True)
class Roles:
    """Names by role. The blind ones are used by nothing but the final evaluation."""

    train: tuple[str, ...] = ()
    validation: tuple[str, ...] = ()
    blind: tuple[str, ...] = ()

    @property
    def known(self) -> tuple[str, ...]:
        """Names a ranker may learn from or be chosen on."""
        return self.train + self.validation

    @property
    def all(self) -> tuple[str, ...]:
        """Every name."""
        return self.known + self.blind

    def role(self, name: str) -> str:
        """Role of a name; one that the file does not name is taken as known."""
        return next((role for role in ROLES if name in getattr(self, role)), "train")


@dataclass(frozen=True)
class Splits(Roles):
    """Roles of the data sets, and of the families and sources of the models.

    Attributes:
        families: roles of architecture families.
        sources: roles of the image sets models are trained on.
    """

    families: Roles = Roles()
    sources: Roles = Roles()

    def model_role(self, card: Card) -> str:
        """Role of a model: the strictest role of its family and of its sources.

        A family or source the file does not name is taken as known: a ranker may learn from such a model.
        """
        roles = [self.families.role(card.family), *(self.sources.role(name) for name in card.datasets)]
        return max(roles, key=ROLES.index)


def read_splits(path: Path) -> Splits:
    """Read ``{"datasets": {name: {"role": ..., "reason": ...}}, "families": {...}, "sources": {...}}``.

    Raises:
        ArtifactError: damaged file, a missing group, a role that is none, no reason, or no training data set.
    """
    data = read_json(path)
    missing = [group for group in GROUPS if not isinstance(data, dict) or not isinstance(data.get(group), dict)]
    if missing:
        raise ArtifactError(f"{path}: expected an object with the groups {', '.join(GROUPS)}; {missing[0]} is missing")
    groups = {group: _read_roles(path, data[group]) for group in GROUPS}
    if not groups["datasets"]["train"]:
        raise ArtifactError(f"{path}: no data set has the role 'train'")
    return Splits(**groups["datasets"], families=Roles(**groups["families"]), sources=Roles(**groups["sources"]))


def _read_roles(path: Path, entries: dict[str, Any]) -> dict[str, tuple[str, ...]]:
    for name, entry in entries.items():
        if not isinstance(entry, dict) or entry.get("role") not in ROLES:
            raise ArtifactError(f"{path}: {name!r} needs a role, one of {', '.join(ROLES)}")
        if not entry.get("reason"):
            raise ArtifactError(f"{path}: {name!r} needs the reason for its role")
    return {role: tuple(name for name, entry in entries.items() if entry["role"] == role) for role in ROLES}
