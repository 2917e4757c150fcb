"""Toy data sets in a reference space, and models explained in it."""

import numpy as np
from conftest import make_card

from ptmrec.relations.pairs import PairTable
from ptmrec.relations.ridge import ridge_loo_score
from ptmrec.relations.samples import DatasetSample
from ptmrec.relations.scores import PairScores, join_rows, look_at

DATASETS = ("a", "b", "c", "d")
FAMILIES = ("vgg", "vit", "resnet")
RANK, CLASSES, EACH = 12, 3, 10


def transport_score(coordinates: np.ndarray, labels: np.ndarray, transport: np.ndarray) -> float:
    """What transport scores are of one model."""
    return ridge_loo_score(coordinates @ transport, labels)


def make_sample(name: str, centre: np.ndarray, generator: np.random.Generator) -> DatasetSample:
    """Classes that differ along the data set's own axes."""
    labels = np.repeat(np.arange(CLASSES), EACH)
    spread = centre**2 + 0.1
    coordinates = generator.normal(size=(CLASSES, RANK))[labels] * spread * 2 + generator.normal(size=(30, RANK)) * 0.3
    return DatasetSample(name, centre, coordinates, labels)


def make_samples() -> list[DatasetSample]:
    """Four data sets with axes of their own."""
    generator = np.random.default_rng(0)
    centres = {name: np.roll(np.repeat([1.0, 0.05], [4, 8]), 3 * place) for place, name in enumerate(DATASETS)}
    return [make_sample(name, centre, generator) for name, centre in centres.items()]


def make_transports(models: int = 16) -> list[np.ndarray]:
    """Each model sees the axes of the data set it was trained on: a, b, c in turn."""
    generator = np.random.default_rng(1)
    centres = [np.roll(np.repeat([1.0, 0.05], [4, 8]), 3 * place) for place in range(3)]
    return [centres[index % 3][:, None] * generator.normal(size=(RANK, 5)) for index in range(models)]


def make_cards(models: int = 16) -> dict:
    """Cards of those models; families take turns slower than sources."""
    return {
        f"m{index}": make_card(
            f"m{index}",
            FAMILIES[index // 3 % 3],
            num_params=1000 * (index + 1),
            source_accuracy=index / models,
            datasets=["abc"[index % 3]],
        )
        for index in range(models)
    }


def make_scores(models: int = 16) -> PairScores:
    """Scores of the models; few-shot scores are what transport says, with noise."""
    samples, transports = make_samples(), make_transports(models)
    rows = [look_at(sample, samples, transports)[0] for sample in samples]
    noise = 0.02 * np.random.default_rng(2).normal(size=(len(samples), models))
    return join_rows(DATASETS, list(make_cards(models)), rows, np.stack([row.transport for row in rows]) + noise)


def make_pairs(models: int = 16, base: np.ndarray | None = None) -> PairTable:
    """Relations of these models to these data sets."""
    return PairTable(make_cards(models), make_scores(models), base)
