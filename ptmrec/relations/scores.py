"""What is computed of pairs of a model and a data set, from a few images per class: no measured accuracy enters."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ptmrec.core.errors import ArtifactError, reading
from ptmrec.core.files import read_npz, write_npz
from ptmrec.relations.samples import DatasetSample
from ptmrec.relations.similarity import class_match, covariance_similarity
from ptmrec.relations.transport import transports_left_out

TARGET = "(target)"
"""Name of the data set that is ranked for."""
FIRST = "draw 0"
"""Name of the scores from the draw of images that is known of known data sets."""
SCORES_NAME = "scores.npz"
"""File of the pair scores, beside the reference space they are made in."""
_TABLES = ("transport", "few_shot", "encoder", "reference", "same", "probe")


@dataclass(frozen=True)
class PairScores:
    """Scores of N models on T data sets, and the likeness of the data sets.

    Attributes:
        datasets: names of the data sets.
        models: names of the models.
        transport: ``(T, N)`` how well each model would separate the classes, see
            :func:`~ptmrec.relations.transport.transports_left_out`.
        few_shot: ``(T, N)`` the same score from the features of the model itself; NaN where it never ran.
        encoder: ``(T, T)`` cosine of the data sets' mean features by the image encoder.
        reference: ``(T, T)`` likeness in the reference space, see
            :func:`~ptmrec.relations.similarity.covariance_similarity`.
        same: ``(T, T)`` how surely they are the same, see :func:`~ptmrec.relations.similarity.class_match`; NaN where
            nobody compared their classes.
        probe: ``(T, N)`` accuracy of each model's own features in a split probe, see
            :func:`~ptmrec.relations.ridge.split_probe`; NaN where it never ran.
    """

    datasets: tuple[str, ...]
    models: tuple[str, ...]
    transport: np.ndarray
    few_shot: np.ndarray
    encoder: np.ndarray
    reference: np.ndarray
    same: np.ndarray
    probe: np.ndarray

    def only(self, datasets: Sequence[str], models: Sequence[str]) -> "PairScores":
        """The scores of some data sets and models, in that order.

        Raises:
            ArtifactError: one of them has no scores.
        """
        missing = [name for name in datasets if name not in self.datasets]
        missing += [name for name in models if name not in self.models]
        if missing:
            raise ArtifactError(f"{missing[0]!r} has no pair scores; make them with: ptmrec zoo reference")
        rows = [self.datasets.index(name) for name in datasets]
        columns = [self.models.index(name) for name in models]
        cells, pairs = np.ix_(rows, columns), np.ix_(rows, rows)
        likeness = (table[pairs] for table in (self.encoder, self.reference, self.same))
        own = (self.transport[cells], self.few_shot[cells], *likeness, self.probe[cells])
        return PairScores(tuple(datasets), tuple(models), *own)

    def few_shot_only_on(self, battery: Sequence[str]) -> "PairScores":
        """Drop few-shot scores of data sets outside the battery, on which alone new models are run."""
        seen = np.isin(self.datasets, battery)
        return replace(self, few_shot=np.where(seen[:, None], self.few_shot, np.nan))

    def as_new_dataset(self, name: str, known: Sequence[str]) -> "PairRow":
        """Take one data set as a new one: its row, to join scores of known data sets in their order."""
        place, others = self.datasets.index(name), [self.datasets.index(other) for other in known]
        encoder, reference, same = (table[place, others] for table in (self.encoder, self.reference, self.same))
        own = (np.append(encoder, 1.0), np.append(reference, 2.0), np.append(same, 1.0))
        return PairRow(self.transport[place], *own)

    def with_dataset(self, name: str, row: "PairRow") -> "PairScores":
        """The scores with one more data set, of which nothing but its images is known.

        Args:
            name: its name.
            row: its scores; compared with the data sets that are there and with itself, in this order.
        """
        never = np.full(len(self.models), np.nan)
        return replace(
            self,
            datasets=(*self.datasets, name),
            transport=np.vstack([self.transport, row.transport]),
            few_shot=np.vstack([self.few_shot, never]),
            probe=np.vstack([self.probe, never]),
            encoder=_bordered(self.encoder, row.encoder),
            reference=_bordered(self.reference, row.reference),
            same=_bordered(self.same, row.same),
        )

    def with_models(self, names: Sequence[str], transport: np.ndarray, few_shot: np.ndarray) -> "PairScores":
        """The scores with more models, from their scores ``(T, n)`` on the data sets that are there."""
        return replace(
            self,
            models=(*self.models, *names),
            transport=np.hstack([self.transport, transport]),
            few_shot=np.hstack([self.few_shot, few_shot]),
            probe=np.hstack([self.probe, np.full(transport.shape, np.nan)]),
        )


class PairRow(NamedTuple):
    """Scores of one data set: ``transport (N,)``, and its likeness to T: ``encoder``, ``reference``, ``same (T,)``."""

    transport: np.ndarray
    encoder: np.ndarray
    reference: np.ndarray
    same: np.ndarray


def look_at(
    sample: DatasetSample,
    others: Sequence[DatasetSample],
    transports: Sequence[np.ndarray],
    same: np.ndarray | None = None,
) -> tuple[PairRow, np.ndarray]:
    """Scores of one data set, all in one reference space; no model runs.

    Args:
        sample: the data set.
        others: T data sets it is compared with.
        transports: maps ``(r, d)`` of N models, see :class:`~ptmrec.relations.transport.TransportMaps`.
        same: of :func:`match_classes` where that is known already.

    Returns:
        The scores, and the share ``(N,)`` of its images that each model would get right, left one out.
    """
    norms = np.linalg.norm(sample.token) * np.array([np.linalg.norm(other.token) for other in others])
    encoder = np.array([sample.token @ other.token for other in others]) / norms
    reference = [covariance_similarity(sample.covariances, other.covariances) for other in others]
    scores, right = transports_left_out(sample.coordinates, sample.labels, transports)
    same = match_classes(sample, others) if same is None else same
    return PairRow(scores, encoder, np.array(reference), same), right


def match_classes(sample: DatasetSample, others: Sequence[DatasetSample]) -> np.ndarray:
    """How surely a data set is each of T others ``(T,)``, see :func:`~ptmrec.relations.similarity.class_match`."""
    own = (sample.coordinates, sample.labels)
    return np.array([class_match(*own, other.coordinates, other.labels) for other in others])


def join_rows(
    datasets: Sequence[str], models: Sequence[str], rows: Sequence[PairRow], few_shot: np.ndarray | None = None
) -> PairScores:
    """Scores from one row per data set, each compared with all of them in this order."""
    transport, *likeness = (np.stack(parts) for parts in zip(*rows, strict=True))
    never = np.full(transport.shape, np.nan)
    few_shot = never if few_shot is None else few_shot
    return PairScores(tuple(datasets), tuple(models), transport, few_shot, *likeness, never)


def write_scores(path: Path, variants: Mapping[str, PairScores]) -> Path:
    """Write scores of the same data sets and models, made in several ways, by the name of the way."""
    first = next(iter(variants.values()))
    arrays = {"datasets": np.array(first.datasets, np.str_), "models": np.array(first.models, np.str_)}
    for name, scores in variants.items():
        for table in _TABLES:
            values = getattr(scores, table).astype(np.float32)
            if not np.isnan(values).all():
                arrays[f"{name}/{table}"] = values
    return write_npz(path, arrays)


def read_scores(path: Path) -> dict[str, PairScores]:
    """Read what :func:`write_scores` wrote.

    Raises:
        ArtifactError: missing or damaged file, a name that is in it twice, or tables that do not fit together.
    """
    arrays = read_npz(path, ("datasets", "models"))
    with reading(path):
        datasets, models = (tuple(str(name) for name in arrays[key]) for key in ("datasets", "models"))
        for held in (datasets, models):
            if len(set(held)) < len(held):
                twice = max(held, key=held.count)
                raise ArtifactError(f"{path}: {twice!r} is in it twice; make it again with: ptmrec zoo reference")
        cells, pairs = (len(datasets), len(models)), (len(datasets), len(datasets))
        shapes = dict(zip(_TABLES, (cells, cells, pairs, pairs, pairs, cells), strict=True))
        found = {}
        for name in dict.fromkeys(key.rpartition("/")[0] for key in arrays if "/" in key):
            tables = {t: arrays.get(f"{name}/{t}", np.full(shapes[t], np.nan)).astype(np.float64) for t in _TABLES}
            if any(tables[table].shape != shapes[table] for table in _TABLES):
                raise ArtifactError(f"{path}: {name!r} does not fit together; make it again with: ptmrec zoo reference")
            found[name] = PairScores(datasets, models, **tables)
        return found


def _bordered(square: np.ndarray, border: np.ndarray) -> np.ndarray:
    """A matrix with one more row and column."""
    grown = np.pad(square, (0, 1))
    grown[-1, :] = grown[:, -1] = border
    return grown
