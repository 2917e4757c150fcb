"""Measuring how well one model does on one target: linear probe in low data, and fine-tuning."""

import copy
import time
import warnings
import zlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from torch import nn

from experiments.evaluation.baselines.estimators import ESTIMATORS, TargetSample
from experiments.zoo_build.image_sets import ImageData
from experiments.zoo_build.training import train_classifier
from ptmrec.config.sections import GroundTruthConfig
from ptmrec.train.recipe import Recipe
from ptmrec.zoo.architectures import SmallModel
from ptmrec.zoo.features import accuracy, extract_features, extract_outputs

VALIDATION_SHARE = 0.3
"""Share of the images of a draw that the penalty is chosen on."""
WIDE = 512
"""Longer features than this (no embedded model has them) are turned into the span of the images a probe learns from.

The penalty keeps its weights in that span, so the probe is the same and fitting it many times faster.
"""
TUNING_SHARE = 0.2
"""Share of a target's training images that the learning rate of fine-tuning is chosen on."""


def measure_cell(model: SmallModel, data: ImageData, config: GroundTruthConfig) -> dict[str, dict[str, Any]]:
    """All that is measured of one model on one target; one pass over its images serves probe and estimators.

    Returns:
        ``accuracies``: those of both regimes, see :func:`probe_accuracies` and :func:`fine_tune`;
        ``estimates``: see :func:`estimate`.
    """
    started = time.perf_counter()
    features, probabilities = extract_outputs(model, data.train_images)
    forward = (time.perf_counter() - started) / len(data.train_images)
    test_features = extract_features(model, data.test_images)
    accuracies = {
        "low_data": probe_accuracies(features, test_features, data, config),
        "fine_tuning": fine_tune(model, data, config),
    }
    return {"accuracies": accuracies, "estimates": estimate(features, probabilities, forward, data, config)}


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


def _probe_score(
    features: np.ndarray, labels: np.ndarray, test_features: np.ndarray, test_labels: np.ndarray, penalty: float
) -> float:
    scaler = StandardScaler().fit(features)
    features, test_features = scaler.transform(features), scaler.transform(test_features)
    if features.shape[1] > max(WIDE, len(features)):
        axes = np.linalg.qr(features.T.astype(np.float64))[0]  # the probe's weights lie in the span of its images
        features, test_features = features @ axes, test_features @ axes
    probe = LogisticRegression(C=penalty, max_iter=300, tol=1e-3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # 300 steps fix the ranking of the penalties
        warnings.simplefilter("ignore", UserWarning)  # one image of each class looks like a regression to it
        probe.fit(features, labels)
    return float(probe.score(test_features, test_labels))


def _split_shots(positions: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Split a draw into a fitting and a validation part, class by class."""
    fit, validation = [], []
    for label in np.unique(labels[positions]):
        group = positions[labels[positions] == label]
        cut = max(1, round(len(group) * (1 - VALIDATION_SHARE)))
        fit.append(group[:cut])
        validation.append(group[cut:])
    return np.concatenate(fit), np.concatenate(validation)


def _choose_penalty(features: np.ndarray, labels: np.ndarray, draws: list[np.ndarray], penalties: list[float]) -> float:
    scores = np.zeros(len(penalties))
    for drawn in draws:
        fit, held_out = _split_shots(drawn, labels)
        for index, penalty in enumerate(penalties):
            scores[index] += _probe_score(features[fit], labels[fit], features[held_out], labels[held_out], penalty)
    return penalties[int(scores.argmax())]


def probe_accuracies(
    features: np.ndarray, test_features: np.ndarray, data: ImageData, config: GroundTruthConfig
) -> dict[str, Any]:
    """Low data regime: test accuracy of a linear probe on frozen features, one value per draw.

    The probe is a logistic regression on features standardised on the draw. Its penalty is one per model and
    target: the one with the best mean accuracy on the three images in ten that each of half the draws sets aside;
    the probe is then fitted on whole draws, and on draws of other sizes. The test images are used once, for the
    accuracies returned.

    Args:
        features: ``(n, D)`` float32 features of the training images.
        test_features: ``(m, D)`` those of the test images.
        data: the target.
        config: shots, draws and penalties.

    Returns:
        ``penalty`` (inverse strength C), ``accuracies`` of the ``draws`` in 0..1, and ``by_shots``: the same
        for other numbers of images per class, and for all of them.
    """
    main = main_accuracies(features, test_features, data, config)
    by_shots = {
        shots: _accuracies(features, test_features, data, draws, main["penalty"])
        for shots, draws in _other_draws(data, config)
    }
    return {**main, "by_shots": by_shots}


def _other_draws(data: ImageData, config: GroundTruthConfig) -> Iterator[tuple[str, list[np.ndarray]]]:
    for shots, draws in zip(config.other_shots, config.other_draws, strict=True):
        yield str(shots), draw_shots(data.train_labels, shots, draws, data.name)
    yield "all", [np.arange(len(data.train_labels))]


def _accuracies(
    features: np.ndarray, test_features: np.ndarray, data: ImageData, draws: list[np.ndarray], penalty: float
) -> list[float]:
    labels = data.train_labels
    return [_probe_score(features[d], labels[d], test_features, data.test_labels, penalty) for d in draws]


def main_accuracies(
    features: np.ndarray, test_features: np.ndarray, data: ImageData, config: GroundTruthConfig
) -> dict[str, Any]:
    """``penalty`` and ``accuracies`` of :func:`probe_accuracies`; only features of images in a draw are read."""
    draws = draw_shots(data.train_labels, config.shots, config.draws, data.name)
    penalty = _choose_penalty(features, data.train_labels, draws[: max(1, config.draws // 2)], config.penalties)
    return {"penalty": penalty, "accuracies": _accuracies(features, test_features, data, draws, penalty)}


def probe_all(features: np.ndarray, test_features: np.ndarray, data: ImageData, config: GroundTruthConfig) -> float:
    """Test accuracy of the probe on all training images, with the penalty that few of them choose."""
    penalty = main_accuracies(features, test_features, data, config)["penalty"]
    return _accuracies(features, test_features, data, [np.arange(len(data.train_labels))], penalty)[0]


def estimate(
    features: np.ndarray, probabilities: np.ndarray, seconds: float, data: ImageData, config: GroundTruthConfig
) -> dict[str, Any]:
    """Transferability estimates from labelled target images, as many per class as in the low data regime.

    Args:
        features: ``(n, D)`` features of the target's training images.
        probabilities: ``(n, Z)`` outputs of the candidate's own classifier for them.
        seconds: of the candidate's pass over one image.
        data: the target.
        config: shots, and how many of the draws.

    Returns:
        The mean score over the draws by name of the estimator, and ``seconds`` of one draw: ``forward`` for the
        pass of the model over the images, and of each estimator on top of it.
    """
    samples, forward = [], []
    for drawn in draw_shots(data.train_labels, config.shots, config.estimator_draws, data.name):
        forward.append(seconds * len(drawn))
        samples.append(TargetSample(features[drawn].astype(np.float64), probabilities[drawn], data.train_labels[drawn]))
    return score_samples(samples, forward)


def score_samples(samples: list[TargetSample], forward: list[float]) -> dict[str, Any]:
    """What :func:`estimate` returns, from the outputs for each draw and the seconds each forward pass took."""
    scores: dict[str, list[float]] = {name: [] for name in ESTIMATORS}
    seconds: dict[str, list[float]] = {"forward": forward, **{name: [] for name in ESTIMATORS}}
    for sample in samples:
        for name, estimator in ESTIMATORS.items():
            started = time.perf_counter()
            scores[name].append(estimator(sample))
            seconds[name].append(time.perf_counter() - started)
    means = {name: float(np.mean(values)) for name, values in scores.items()}
    return {**means, "seconds": {name: float(np.median(values)) for name, values in seconds.items()}}


def fine_tune(model: SmallModel, data: ImageData, config: GroundTruthConfig) -> dict[str, Any]:
    """Fine-tuning regime: test accuracy after training all weights with a new head.

    A fifth of the training images, the same for every model, is kept out of every run. The learning rate with
    the best accuracy on it (with the first seed; the smaller one when equal) is used with every seed.

    Args:
        model: the pre-trained model; left as it is.
        data: the target.
        config: steps, learning rates and seeds.

    Returns:
        ``learning_rate``, ``validation`` accuracy of each learning rate, and test ``accuracies`` by seed.
    """
    order = np.random.default_rng(zlib.crc32(data.name.encode())).permutation(len(data.train_labels))
    held_out, training = np.split(order, [round(TUNING_SHARE * len(order))])
    part = replace(data, train_images=data.train_images[training], train_labels=data.train_labels[training])
    rates = sorted(config.learning_rates)
    tuned = [_fine_tuned(model, part, _recipe(config, rate), seed=0) for rate in rates]
    validation = [accuracy(m, data.train_images[held_out], data.train_labels[held_out]) for m in tuned]
    best = int(np.argmax(validation))
    others = [_fine_tuned(model, part, _recipe(config, rates[best]), seed) for seed in range(1, config.seeds)]
    return {
        "learning_rate": rates[best],
        "validation": validation,
        "accuracies": [accuracy(m, data.test_images, data.test_labels) for m in [tuned[best], *others]],
    }


def _recipe(config: GroundTruthConfig, rate: float) -> Recipe:
    return Recipe(config.steps, config.batch_size, rate, config.weight_decay)


def _fine_tuned(model: SmallModel, data: ImageData, recipe: Recipe, seed: int) -> SmallModel:
    tuned = copy.deepcopy(model)
    torch.manual_seed(seed)
    tuned.classifier = nn.Linear(model.num_features, data.num_classes)
    train_classifier(tuned, data.train_images, data.train_labels, recipe, seed)
    return tuned
