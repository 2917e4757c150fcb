"""The references (the image encoder and a bank of zoo models) and how they are run: on one thread."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from ptmrec.benchmark.splits import read_splits
from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import EncoderConfig, PathsConfig, RelationConfig
from ptmrec.core.errors import ConfigError
from ptmrec.dataloader.dataset_tokens import cluster_labels
from ptmrec.model.clip_encoder import ClipImageEncoder, load_encoder
from ptmrec.relations.reference import ReferenceSpace
from ptmrec.relations.samples import DatasetSample, read_space
from ptmrec.relations.scores import TARGET
from ptmrec.zoo.features import extract_features
from ptmrec.zoo.snapshot import Snapshot, read_zoo

ENCODER = "encoder"
"""Name of the image encoder among the references."""
SHOTS, DRAWS, CLASSES = 10, 3, 50
"""Images per class of a sample, as many as of known data sets; samples; and the classes a sample holds at most."""


class References:
    """The references a configuration names.

    Raises:
        ConfigError: a reference that is not in the zoo, or of a blind family or source.
    """

    def __init__(self, config: ConfigParser) -> None:
        paths = config.get(PathsConfig)
        self.encoder: ClipImageEncoder = load_encoder(config)
        bank = _bank(config.get(RelationConfig).references, paths)
        self.bank = {snapshot.name: snapshot.load() for snapshot in bank}
        self.folder = paths.reference

    def features(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """Features ``(n, d)`` of images ``(n, 32, 32, 3)`` uint8 by each reference."""
        own = {name: extract_features(model, images) for name, model in self.bank.items()}
        return {ENCODER: self.encoder.encode(images), **own}

    def coordinates(self, images: np.ndarray) -> np.ndarray:
        """Coordinates ``(n, r)`` of images in the committed reference space."""
        return self.space.encode(self.features(images))

    @property
    def space(self) -> ReferenceSpace:
        """The committed reference space."""
        return read_space(self.folder)


def _bank(names: list[str], paths: PathsConfig) -> list[Snapshot]:
    snapshots, splits = {snapshot.name: snapshot for snapshot in read_zoo(paths.zoo)}, read_splits(paths.splits)
    for name in names:
        if name not in snapshots:
            raise ConfigError(f"[relations] references: no model {name!r} in the zoo")
        if splits.model_role(snapshots[name].card) == "blind":
            raise ConfigError(f"[relations] references: {name!r} is of a blind family or source; name another")
    return [snapshots[name] for name in names]


def pseudo_labels(tokens: np.ndarray, labels: np.ndarray | None, clusters: int, seed: int) -> np.ndarray:
    """The labels ``(n,)``, or clusters of the encoder's features ``(n, E)`` where there are fewer than two classes."""
    if labels is not None and len(np.unique(labels)) > 1:
        return labels
    return cluster_labels(tokens, clusters, seed)


def draw_samples(tokens: np.ndarray, coordinates: np.ndarray, labels: np.ndarray, seed: int = 0) -> list[DatasetSample]:
    """Draw samples of images; one is enough where the draws would be the same.

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
    samples = []
    for _ in range(DRAWS if max(map(len, groups)) > SHOTS else 1):
        rows = np.sort(np.concatenate([generator.permutation(group)[:SHOTS] for group in groups]))
        token = tokens[rows].astype(np.float64).mean(axis=0)
        samples.append(DatasetSample(TARGET, token, coordinates[rows], labels[rows]))
    return samples


@contextmanager
def one_thread(config: ConfigParser | None = None) -> Iterator[None]:
    """Run torch and the linear algebra of NumPy on one thread; torch's number is put back afterwards.

    Models this small gain nothing by more threads, and pools of threads fight for the cores.

    Args:
        config: that of an answer, in which an encoder of one's own keeps torch's threads. Without it a zoo is built:
            every pool has one thread, and numbers too small to matter are zero.
    """
    before = torch.get_num_threads()
    if config is None:
        torch.set_flush_denormal(True)  # tiny activations of dying units slow the CPU down several times
    if config is None or config.get(EncoderConfig).model == "embedded":
        torch.set_num_threads(1)
    try:
        with threadpool_limits(1, user_api="blas" if config else None):
            yield
    finally:
        torch.set_num_threads(before)
