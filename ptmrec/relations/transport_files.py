"""How the references explain models, on disk: one NPZ per model."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ptmrec.core.errors import ArtifactError
from ptmrec.core.files import read_npz, write_npz
from ptmrec.relations.transport import TransportMaps


def write_transport(folder: Path, name: str, maps: TransportMaps, features: np.ndarray) -> Path:
    """Explain a model by the references and write the map as ``<name>.npz``, in half precision.

    Args:
        folder: where it goes.
        name: name of the model.
        maps: of the probe images.
        features: ``(P, d)`` the model's features of them.
    """
    transport, share = maps.fit(features)
    arrays = {"transport": transport.astype(np.float16), "explained": np.array(share)}
    return write_npz(folder / f"{name}.npz", arrays)


def read_transports(folder: Path, names: Sequence[str]) -> list[np.ndarray]:
    """The maps ``(r, d)`` of models, float16.

    Raises:
        ArtifactError: a model was not explained, or its file is damaged.
    """
    maps = [read_npz(folder / f"{name}.npz", ("transport", "explained"))["transport"] for name in names]
    for name, values in zip(names, maps, strict=True):
        if values.ndim != 2 or values.dtype.kind != "f" or not np.isfinite(values).all():
            raise ArtifactError(f"{folder / name}.npz: no map from references to features; run ptmrec reproduce again")
    return maps
