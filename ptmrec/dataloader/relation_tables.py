"""Relations of models to data sets on disk: what a ranker reads of each pair, one NPZ for all."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ptmrec.core.errors import ArtifactError, reading
from ptmrec.core.files import read_npz, write_npz

RELATIONS_NAME = "relations.npz"
"""File of the relations inside a recommender's folder."""

RelationTables = dict[tuple[str, str], np.ndarray]
"""Regime and data set -> relations ``(N, R)`` of models."""


def write_relation_tables(
    path: Path, models: Sequence[str], tables: Mapping[tuple[str, str], np.ndarray], weights: Mapping[str, np.ndarray]
) -> Path:
    """Write relations ``(N, R)`` of models by regime and data set, and each regime's linear weights ``(R,)``."""
    arrays = {f"{regime}/{name}": table.astype(np.float32) for (regime, name), table in tables.items()}
    arrays |= {f"weights/{regime}": values for regime, values in weights.items()}
    return write_npz(path, {"models": np.array(list(models), np.str_), **arrays})


def read_relation_tables(path: Path, models: Sequence[str]) -> tuple[RelationTables, dict[str, np.ndarray]]:
    """Relations of the models named, in that order, and each regime's linear weights.

    Raises:
        ArtifactError: missing or damaged file, a model it holds twice, or one it does not hold.
    """
    arrays = read_npz(path, ("models",))
    with reading(path):
        held = [str(name) for name in arrays.pop("models")]
        if len(set(held)) < len(held):
            raise ArtifactError(f"{path}: model {max(held, key=held.count)!r} is in it twice; run ptmrec reproduce")
        places = {name: place for place, name in enumerate(held)}
        missing = [name for name in models if name not in places]
        if missing:
            raise ArtifactError(f"{path}: no relations of model {missing[0]!r}; run ptmrec reproduce")
        rows = [places[name] for name in models]
        split = {tuple(key.split("/", 1)): values for key, values in arrays.items()}
        weights = {regime: values for (kind, regime), values in split.items() if kind == "weights"}
        return {key: values[rows] for key, values in split.items() if key[0] != "weights"}, weights
