"""What is known of models, on disk: how the references explain them, one NPZ each."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ptmrec.files import read_npz, write_npz
from ptmrec.relations.transport import explain
from ptmrec.zoo.card import Card


@dataclass(frozen=True)
class Candidate:
    """What is known of a model.

    Attributes:
        name: its name.
        transport: ``(r, d)`` map from reference coordinates to its features, see :mod:`ptmrec.relations.transport`.
        explained: share of its variance on the probes that the references explain, left one out.
        datasets: image sets it was trained on.
        num_params: number of parameters.
        source_accuracy: accuracy on what it was trained on.
    """

    name: str
    transport: np.ndarray
    explained: float
    datasets: tuple[str, ...]
    num_params: int
    source_accuracy: float


def write_transport(folder: Path, name: str, coordinates: np.ndarray, features: np.ndarray) -> Path:
    """Explain a model by the references and write the map as ``<name>.npz``, in half precision.

    Args:
        folder: where it goes.
        name: name of the model.
        coordinates: ``(P, r)`` of the probe images.
        features: ``(P, d)`` the model's features of them.
    """
    transport, share = explain(coordinates, features)
    arrays = {"transport": transport.astype(np.float16), "explained": np.array(share)}
    return write_npz(folder / f"{name}.npz", arrays)


def read_candidates(folder: Path, cards: Mapping[str, Card]) -> list[Candidate]:
    """The models named by their cards, in that order.

    Raises:
        ArtifactError: a model was not explained, or its file is damaged.
    """
    candidates = []
    for name, card in cards.items():
        arrays = read_npz(folder / f"{name}.npz", ("transport", "explained"))
        transport, share = arrays["transport"].astype(np.float64), float(arrays["explained"])
        facts = (tuple(card.datasets), card.num_params, card.source_accuracy)
        candidates.append(Candidate(name, transport, share, *facts))
    return candidates
