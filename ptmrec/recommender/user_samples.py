"""Images somebody brings as the references see them: a few samples, as they are kept of known data sets."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ptmrec.dataloader.dataset_tokens import cluster_labels
from ptmrec.recommender.knowledge import TARGET
from ptmrec.relations.samples import DatasetSample

if TYPE_CHECKING:
    from PIL import Image

SIZE = 32
"""Height and width in which the models of the zoo see images."""
SHOTS, DRAWS, CLASSES = 10, 3, 50
"""Images per class of a sample, as many as of known data sets; samples; and the classes a sample holds at most."""


def shrink(images: "np.ndarray | Sequence[Image.Image]") -> np.ndarray:
    """Images ``(n, 32, 32, 3)`` uint8, as the zoo's models take them."""
    from PIL import Image

    pictures = [Image.fromarray(image) if isinstance(image, np.ndarray) else image for image in images]
    return np.stack(
        [np.asarray(picture.convert("RGB").resize((SIZE, SIZE), Image.Resampling.BICUBIC)) for picture in pictures]
    )


def pseudo_labels(tokens: np.ndarray, labels: np.ndarray | None, clusters: int, seed: int) -> np.ndarray:
    """The labels ``(n,)``, or clusters of the encoder's features ``(n, E)`` where there are fewer than two classes."""
    if labels is not None and len(np.unique(labels)) > 1:
        return labels
    return cluster_labels(tokens, clusters, seed)


def draw_samples(
    tokens: np.ndarray, coordinates: np.ndarray, labels: np.ndarray, seed: int = 0
) -> tuple[list[DatasetSample], list[np.ndarray]]:
    """Samples of images and the positions of their images; one is enough where the draws would be the same.

    Args:
        tokens: ``(n, E)`` features of the image encoder.
        coordinates: ``(n, r)`` in the reference space.
        labels: ``(n,)`` class indices.
        seed: seed of the draws.
    """
    generator = np.random.default_rng(seed)
    classes = np.unique(labels)
    kept = classes if len(classes) <= CLASSES else generator.choice(classes, CLASSES, replace=False)
    groups = [np.flatnonzero(labels == label) for label in kept]
    count = DRAWS if max(map(len, groups)) > SHOTS else 1
    samples, positions = [], []
    for _ in range(count):
        rows = np.sort(np.concatenate([generator.permutation(group)[:SHOTS] for group in groups]))
        token = tokens[rows].astype(np.float64).mean(axis=0)
        samples.append(DatasetSample(TARGET, token, coordinates[rows], labels[rows]))
        positions.append(rows)
    return samples, positions
