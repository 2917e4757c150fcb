"""Names of models: one model is known by several tables under several names."""

from collections.abc import Sequence
from pathlib import Path

from ptmrec.core.errors import ArtifactError, reading
from ptmrec.core.files import read_json

PLACE = Path("cards/models.json")
"""Where the file is, inside the folder of the published zoos."""


def read_aliases(path: Path) -> dict[str, frozenset[str]]:
    """Every name of a model that goes by several -> all of them.

    Raises:
        ArtifactError: damaged file, or a name of two models.
    """
    data, found = read_json(path), {}
    with reading(path):
        rows: Sequence[Sequence[str]] = data["models"]
        for names in rows:
            for name in names:
                if name in found:
                    raise ArtifactError(f"{path}: {name!r} names two models; keep one")
                found[name] = frozenset(names)
    return found


def places_of(models: Sequence[str], sources: Sequence[str], aliases: dict[str, frozenset[str]]) -> dict[str, int]:
    """Every name that models go by, sources and aliases included -> index; their own names come first."""
    found = {name: place for place, name in enumerate(models)}
    for place, both in enumerate(zip(models, sources, strict=True)):
        for name in (*both, *(alias for own in both for alias in aliases.get(own, ()))):
            found.setdefault(name, place)
    return found
