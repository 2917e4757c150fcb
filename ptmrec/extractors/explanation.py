"""The images on which models are explained by references, see :mod:`ptmrec.relations.transport`."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ptmrec.benchmark.battery import read_battery
from ptmrec.config.sections import RelationConfig
from ptmrec.extractors.probes import make_probes
from ptmrec.zoo.architectures import INPUT_SIZE


def probe_images(config: RelationConfig, battery: Path, known: Sequence[str]) -> np.ndarray:
    """Probes made by code, and the battery's images of known data sets; those of a blind one are never used.

    Args:
        config: number and seed of the probes.
        battery: the battery's file.
        known: data sets whose images may be used.

    Returns:
        ``(P, 32, 32, 3)`` uint8.
    """
    probes = make_probes(config.probes, INPUT_SIZE, config.seed)
    parts = [part.images for name, part in read_battery(battery).items() if name in known]
    return np.concatenate([probes, *parts])
