"""Expected accuracy: how far images of each class separate, and from that the accuracy of every model.

A ridge from a few numbers to the chance-corrected accuracy. It learns from known data sets and from copies of them
with shuffled labels, where every model is at chance: labels that say nothing get an answer near chance.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ptmrec.core.errors import reading
from ptmrec.core.files import read_json, write_json
from ptmrec.relations.ridge import ridge_left_out
from ptmrec.relations.samples import DatasetSample
from ptmrec.relations.transport import left_out_shares

SEPARATIONS_NAME = "separations.json"
"""File of the separations, beside the reference space they are made in."""
PENALTY, COPIES = 0.3, 3
"""Ridge penalty for terms of mean square 1, where a data set weighs 1; copies of a data set with shuffled labels."""
TERMS = ("constant", "virtual", "reference", "log_classes", "score")
"""Columns of the ridge; the ranker's score counts as far as the classes separate."""


@dataclass(frozen=True)
class Separation:
    """How far the classes of a sample separate, no candidate run.

    Attributes:
        virtual: left-one-out accuracy on the models' virtual features, their mean; 0 is chance, 1 is all right.
        reference: the same on the reference coordinates.
        classes: number of classes.
    """

    virtual: float
    reference: float
    classes: int

    def terms(self, scores: np.ndarray) -> np.ndarray:
        """Inputs ``(N, T)`` of the ridge for models with the ranker's scores ``(N,)``, columns as :data:`TERMS`."""
        own = (1.0, self.virtual, self.reference, np.log(self.classes))
        columns = [np.full(len(scores), value) for value in own]
        return np.stack([*columns, np.asarray(scores) * self.reference], axis=1)


@dataclass(frozen=True)
class ExpectedAccuracy:
    """The ridge.

    Attributes:
        weights: ``(T,)`` of :data:`TERMS`.
        noise: separation on virtual features that 95 % of the shuffled copies stay below.
    """

    weights: np.ndarray
    noise: float

    def predict(self, separation: Separation, scores: np.ndarray) -> np.ndarray:
        """Expected accuracy ``(N,)`` of models with the ranker's scores ``(N,)``, from chance to 1."""
        corrected = np.clip(separation.terms(scores) @ self.weights, 0, 1)
        return 1 / separation.classes + (1 - 1 / separation.classes) * corrected

    def doubt(self, separation: Separation) -> str:
        """What to tell people whose labels separate no better than shuffled ones do; empty where they do."""
        if separation.virtual > self.noise:
            return ""
        return (
            f"To the reference models the {separation.classes} classes separate no better than shuffled labels would: "
            "the order says little, and accuracies near chance are expected. Check the labels, or give more images per "
            "class."
        )

    def to_arrays(self) -> dict[str, np.ndarray]:
        """As arrays for an NPZ."""
        return {"weights": self.weights, "noise": np.array(self.noise)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> "ExpectedAccuracy":
        """From what :meth:`to_arrays` gave."""
        return cls(np.asarray(arrays["weights"], np.float64), float(arrays["noise"]))


@dataclass(frozen=True)
class KnownSeparation:
    """A known data set as its own labels show it, and shuffled ones."""

    own: Separation
    shuffled: tuple[Separation, ...]


def separations(
    sample: DatasetSample,
    transports: Sequence[np.ndarray],
    label_sets: np.ndarray | None = None,
    right: np.ndarray | None = None,
) -> list[Separation]:
    """How far the classes of a sample separate.

    Args:
        sample: coordinates ``(n, r)`` of a few images per class, and labels.
        transports: ``(r, d)`` of each model.
        label_sets: ``(S, n)`` ways to label the images; the sample's own labels without it.
        right: ``(N, S)`` of :func:`~ptmrec.relations.transport.left_out_shares`, where they are known already.
    """
    label_sets = sample.labels[None] if label_sets is None else label_sets
    if len(np.unique(label_sets[0])) < 2:  # there is nothing to tell apart
        return [Separation(0.0, 0.0, 2)] * len(label_sets)
    classes = np.array([len(np.unique(labels)) for labels in label_sets])
    right = left_out_shares(sample.coordinates, label_sets, transports) if right is None else right
    shares = (right.mean(axis=0), ridge_left_out(sample.coordinates[None], label_sets)[1][0])
    virtual, reference = (((share - 1 / classes) / (1 - 1 / classes)).clip(0, 1) for share in shares)
    return [Separation(float(v), float(r), int(c)) for v, r, c in zip(virtual, reference, classes, strict=True)]


def known_separation(sample: DatasetSample, transports: Sequence[np.ndarray]) -> KnownSeparation:
    """A known data set with its labels and with :data:`COPIES` shuffles of them."""
    generator = np.random.default_rng(0)
    label_sets = np.stack([sample.labels, *(generator.permutation(sample.labels) for _ in range(COPIES))])
    own, *shuffled = separations(sample, transports, label_sets)
    return KnownSeparation(own, tuple(shuffled))


def fit_expected(
    known: Mapping[str, KnownSeparation], scores: Mapping[str, np.ndarray], accuracies: Mapping[str, np.ndarray]
) -> ExpectedAccuracy:
    """Fit the ridge; each data set has the same say, and its copies together as much as itself.

    Args:
        known: known data sets.
        scores: known data set -> the ranker's score ``(N,)`` of every model, made without its measurements.
        accuracies: known data set -> measured accuracy ``(N,)``, NaN = does not count.
    """
    from sklearn.linear_model import Ridge  # answers do not fit, and need not wait for it

    inputs, outputs, weights = [], [], []
    for name, dataset in known.items():
        counted = ~np.isnan(accuracies[name])
        chance = 1 / dataset.own.classes
        skill = (accuracies[name][counted] - chance) / (1 - chance)
        for separation in (dataset.own, *dataset.shuffled):
            own = separation is dataset.own
            inputs.append(separation.terms(scores[name][counted]))
            outputs.append(skill if own else np.zeros_like(skill))
            weights.append(np.full(len(skill), 1 / max(len(skill), 1) / (1 if own else len(dataset.shuffled))))
    table, share = np.concatenate(inputs), np.concatenate(weights)
    scale = np.sqrt(np.average(table**2, axis=0, weights=share)) + 1e-9
    ridge = Ridge(PENALTY, fit_intercept=False).fit(table / scale, np.concatenate(outputs), share)
    noise = np.quantile([copy.virtual for dataset in known.values() for copy in dataset.shuffled], 0.95)
    return ExpectedAccuracy(ridge.coef_ / scale, float(noise))


def expect_left_out(
    known: Mapping[str, KnownSeparation], scores: Mapping[str, np.ndarray], accuracies: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Expected accuracy ``(N,)`` on each known data set, left out of the fit; arguments as in :func:`fit_expected`."""
    found = {}
    for name, dataset in known.items():
        others = {other: separation for other, separation in known.items() if other != name}
        found[name] = fit_expected(others, scores, accuracies).predict(dataset.own, scores[name])
    return found


def write_separations(path: Path, found: Mapping[str, Mapping[str, KnownSeparation]]) -> Path:
    """Write how far the classes of data sets separate, by draw and data set."""
    return write_json(path, {draw: {name: asdict(own) for name, own in rows.items()} for draw, rows in found.items()})


def read_separations(path: Path) -> dict[str, dict[str, KnownSeparation]]:
    """Read what :func:`write_separations` wrote.

    Raises:
        ArtifactError: missing or damaged file.
    """
    with reading(path, "make it again with: ptmrec zoo reference"):
        return {draw: {name: _known(own) for name, own in rows.items()} for draw, rows in read_json(path).items()}


def _known(own: Mapping[str, Any]) -> KnownSeparation:
    return KnownSeparation(Separation(**own["own"]), tuple(Separation(**copy) for copy in own["shuffled"]))
