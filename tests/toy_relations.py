"""Toy data sets in a reference space, and candidates explained in it."""

import numpy as np

from ptmrec.relations.candidates import Candidate
from ptmrec.relations.pairs import PairTable
from ptmrec.relations.samples import DatasetSample

DATASETS = ("a", "b", "c", "d")
RANK, CLASSES, EACH = 12, 3, 10


def make_sample(name: str, centre: np.ndarray, generator: np.random.Generator) -> DatasetSample:
    """Classes that differ along the data set's own axes."""
    labels = np.repeat(np.arange(CLASSES), EACH)
    spread = centre**2 + 0.1
    coordinates = generator.normal(size=(CLASSES, RANK))[labels] * spread * 2 + generator.normal(size=(30, RANK)) * 0.3
    return DatasetSample(name, centre, coordinates, labels)


def make_pairs(models: int = 16) -> PairTable:
    """Four data sets with axes of their own; each model sees the axes of the data set it was trained on."""
    generator = np.random.default_rng(0)
    centres = {name: np.roll(np.repeat([1.0, 0.05], [4, 8]), 3 * place) for place, name in enumerate(DATASETS)}
    samples = {name: make_sample(name, centre, generator) for name, centre in centres.items()}
    candidates = []
    for index in range(models):
        source = "abc"[index % 3]
        transport = centres[source][:, None] * generator.normal(size=(RANK, 5))
        candidates.append(Candidate(f"m{index}", transport, 0.9, (source,), 1000 * (index + 1), index / models))
    return PairTable(candidates, samples)
