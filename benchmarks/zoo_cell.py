"""One cell of the zoo build, a model measured on a target: CPU seconds, and those that no rewriting could save."""

import copy
import time

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from benchmarks.timing import Row, against_limit
from experiments.zoo_build.image_sets import ImageData
from experiments.zoo_build.measure import measure_cell
from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import GroundTruthConfig, PathsConfig
from ptmrec.zoo.features import extract_features, normalise
from ptmrec.zoo.snapshot import read_zoo

TRAINING, TEST, CLASSES = 6000, 2000, 10
"""As many images as most targets have."""
LANDED = 9.4
"""CPU seconds of a cell when the goal, a quarter of them, was set; on another machine."""
MODELS = ("resnet-large", "vgg-small", "vit-large")
"""A cell of each is measured."""


def run() -> list[Row]:
    """CPU seconds of cells against the passes they cannot do without, and against the goal."""
    config = ConfigParser()
    truth, data = config.get(GroundTruthConfig), make_data()
    zoo = read_zoo(config.get(PathsConfig).zoo)
    whole, passes = [], []
    for start in MODELS:
        model = next(snapshot for snapshot in zoo if snapshot.name.startswith(start)).load()
        started = time.process_time()
        measure_cell(model, data, truth)
        whole.append(time.process_time() - started)
        passes.append(_passes(model, data, truth))
    ours, floor = np.array(whole), np.array(passes)
    work, spread = f"a cell of the zoo build, mean of {len(MODELS)}", np.quantile(ours / floor, [0.25, 0.75])
    note = f"passes alone are {floor.sum() / ours.sum():.0%} of it; the same results need them"
    peer, mean = "its forward and backward passes alone", ours.sum() / floor.sum()
    rows = [Row(work, peer, ours.mean(), floor.mean(), mean, *spread.tolist(), None, "CPU s", note=note)]
    return [*rows, against_limit(work, ours, LANDED / 4, "CPU s", note)]


def make_data() -> ImageData:
    """Classes that differ in colour, with noise."""
    draw = np.random.default_rng(0)
    labels = draw.integers(CLASSES, size=TRAINING + TEST)
    colours = draw.integers(60, 200, (CLASSES, 1, 1, 3))
    images = (colours[labels] + draw.normal(0, 40, (len(labels), 32, 32, 3))).clip(0, 255).astype(np.uint8)
    names = tuple(f"class {label}" for label in range(CLASSES))
    parts = (images[:TRAINING], labels[:TRAINING], images[TRAINING:], labels[TRAINING:])
    return ImageData("bench", *parts, names)


def _passes(model: nn.Module, data: ImageData, truth: GroundTruthConfig) -> float:
    """CPU seconds of the passes over all images, and of as many training passes as fine-tuning makes."""
    tuned = copy.deepcopy(model)
    tuned.classifier = nn.Linear(model.num_features, CLASSES)
    tuned.train().to(memory_format=torch.channels_last)
    batch = normalise(data.train_images[: truth.batch_size]).contiguous(memory_format=torch.channels_last)
    labels = torch.from_numpy(data.train_labels[: truth.batch_size])
    started = time.process_time()
    for images in (data.train_images, data.test_images):
        extract_features(model, images)
    for _ in range(truth.steps * (len(truth.learning_rates) + truth.seeds - 1)):
        tuned.zero_grad(set_to_none=True)
        F.cross_entropy(tuned(batch), labels).backward()
    return time.process_time() - started
