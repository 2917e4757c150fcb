"""Measuring how well one model does on one target: linear probe in low data, and fine-tuning."""

import time
import warnings
import zlib

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from ptmrec.dataloader.image_data import ImageData
from ptmrec.evaluation.baselines.knn import knn_accuracy
from ptmrec.evaluation.baselines.logme import log_maximum_evidence
from ptmrec.zoo.architectures import SmallModel
from ptmrec.zoo.training import Recipe, accuracy, extract_features, normalise, train_classifier

VALIDATION_SHARE = 0.3
"""Share of the images of a draw that the penalty is chosen on."""


def draw_shots(labels: np.ndarray, shots: int, draws: int, name: str) -> list[np.ndarray]:
    """Random draws of ``shots`` images per class, the same for every model.

    Args:
        labels: ``(n,)`` class indices.
        shots: images per class; a class with fewer gives all it has.
        draws: number of draws.
        name: name of the image set, which seeds the draws.

    Returns:
        ``draws`` arrays of positions, each in random order within a class and grouped by class.
    """
    draws_of_positions = []
    for draw in range(draws):
        generator = np.random.default_rng([zlib.crc32(name.encode()), draw])
        groups = (generator.permutation(np.flatnonzero(labels == label))[:shots] for label in np.unique(labels))
        draws_of_positions.append(np.concatenate(list(groups)))
    return draws_of_positions


def _probe(features: np.ndarray, labels: np.ndarray, penalty: float):
    probe = make_pipeline(StandardScaler(), LogisticRegression(C=penalty, max_iter=300))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # 300 steps fix the ranking of the penalties
        return probe.fit(features, labels)


def _split_shots(positions: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Split a draw into a fitting and a validation part, class by class."""
    fit, validation = [], []
    for label in np.unique(labels[positions]):
        group = positions[labels[positions] == label]
        cut = max(1, round(len(group) * (1 - VALIDATION_SHARE)))
        fit.append(group[:cut])
        validation.append(group[cut:])
    return np.concatenate(fit), np.concatenate(validation)


def probe_accuracies(
    model: SmallModel, data: ImageData, shots: int, draws: int, penalties: list[float]
) -> tuple[list[float], float]:
    """Low data regime: test accuracy of a linear probe on frozen features, one value per draw.

    The features are standardised on the draw. The penalty is one per model and target: the one with the
    best mean accuracy on the three images in ten that each draw sets aside; the probe is then fitted on
    the whole draw. The test images are used once, for the accuracies returned.

    Returns:
        Test accuracies ``(draws,)`` in 0..1, and the penalty (inverse strength C) chosen.
    """
    positions = draw_shots(data.train_labels, shots, draws, data.name)
    needed = np.unique(np.concatenate(positions))
    features = np.zeros((len(data.train_labels), model.num_features))
    features[needed] = extract_features(model, normalise(data.train_images[needed])).numpy()
    labels = data.train_labels
    scores = np.zeros(len(penalties))
    for drawn in positions:
        fit, validation = _split_shots(drawn, labels)
        for index, penalty in enumerate(penalties):
            scores[index] += _probe(features[fit], labels[fit], penalty).score(features[validation], labels[validation])
    penalty = penalties[int(scores.argmax())]
    test = extract_features(model, normalise(data.test_images)).double().numpy()
    fitted = (_probe(features[drawn], labels[drawn], penalty) for drawn in positions)
    return [float(probe.score(test, data.test_labels)) for probe in fitted], penalty


def estimator_scores(model: SmallModel, data: ImageData, shots: int, draws: int) -> dict[str, float]:
    """Transferability estimates from the images of the low data regime: LogME and k-NN on frozen features.

    Returns:
        ``logme`` and ``knn``, means over the draws, and ``seconds`` of features and estimates together.
    """
    started = time.perf_counter()
    positions = draw_shots(data.train_labels, shots, draws, data.name)
    logme, knn = [], []
    for drawn in positions:
        features = extract_features(model, normalise(data.train_images[drawn])).double().numpy()
        logme.append(log_maximum_evidence(features, data.train_labels[drawn]))
        knn.append(knn_accuracy(features, data.train_labels[drawn]))
    seconds = time.perf_counter() - started
    return {"logme": float(np.mean(logme)), "knn": float(np.mean(knn)), "seconds": seconds / draws}


def fine_tune_accuracy(model: SmallModel, data: ImageData, recipe: Recipe, seed: int) -> float:
    """Fine-tuning regime: test accuracy after training all weights on all training images with a new head.

    Args:
        model: changed in place; load it afresh for each call.
        data: the target.
        recipe: the one recipe every model gets.
        seed: seed of the head, the order of the images and their augmentation.
    """
    torch.manual_seed(seed)
    model.classifier = nn.Linear(model.num_features, data.num_classes)
    train_classifier(model, normalise(data.train_images), torch.from_numpy(data.train_labels), recipe, seed)
    return accuracy(model, normalise(data.test_images), torch.from_numpy(data.test_labels))
