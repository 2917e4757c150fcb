"""Cards of the data sets in published tables: what their papers say, without images."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from ptmrec.core.errors import ArtifactError
from ptmrec.core.files import read_json

PLACE = Path("cards/datasets.json")
"""Where the file is, inside the folder of the published zoos."""
_TASK = re.compile(r"(zeroshot|classification|cropped)$")


@dataclass(frozen=True)
class DatasetCard:
    """What is public of a data set.

    Attributes:
        name: usual name.
        classes: number of classes; 0 where there are none (retrieval).
        domain: kind of picture, such as ``photo`` or ``satellite``.
        kind: what is asked, such as ``fine-grained`` or ``geometry``.
        subject: what is shown, such as ``birds``.
        images: pictures in the usual training part.
        side: usual shorter side of a stored picture, in pixels.
        group: shared by near-identical data sets, which should be held out together.
    """

    name: str
    classes: int
    domain: str
    kind: str
    subject: str
    images: int
    side: int
    group: str


def read_dataset_cards(path: Path) -> Mapping[str, DatasetCard]:
    """Cards by every name a published table uses.

    Raises:
        ArtifactError: damaged file, a field missing or of the wrong kind, or a name used twice.
    """
    data = read_json(path)
    rows = data.get("datasets") if isinstance(data, dict) else None
    if not isinstance(rows, dict) or not rows:
        raise ArtifactError(f"{path}: no object 'datasets'; restore the file")
    cards: dict[str, DatasetCard] = {}
    for name, row in rows.items():
        card = _card(path, name, row)
        for alias in (name, *row.get("aliases", ())):
            if alias in cards:
                raise ArtifactError(f"{path}: {alias!r} names two data sets; keep one")
            cards[alias] = card
    return cards


def like_groups(names: Sequence[str], cards: Mapping[str, DatasetCard]) -> np.ndarray:
    """Labels ``(T,)`` of data sets, shared by those that are nearly the same; an unknown one is alone.

    Args:
        names: as a table has them; case, punctuation and words for the task do not count.
        cards: by every known name, see :func:`read_dataset_cards`.
    """
    known = {_plain(name): card.group for name, card in cards.items()}
    return np.array([known.get(_plain(name), _plain(name)) for name in names])


def _plain(name: str) -> str:
    return _TASK.sub("", re.sub(r"[^a-z0-9]", "", name.partition(" (")[0].lower()))


def _card(path: Path, name: str, row: Any) -> DatasetCard:
    kinds = {entry.name: entry.type for entry in fields(DatasetCard) if entry.name != "name"}
    for key, kind in kinds.items():
        if not isinstance(row, dict) or type(row.get(key)) is not kind:
            raise ArtifactError(f"{path}: {name!r}: {key!r} should be of type {kind.__name__}")
    return DatasetCard(name, **{key: row[key] for key in kinds})
