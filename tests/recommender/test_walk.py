"""Answers on many image sets: those of the battery, and all image sets where their folder lies beside the clone."""

import numpy as np
import pytest

from ptmrec.benchmark.battery import read_battery
from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import PathsConfig
from ptmrec.images.arrays import read_labelled_npz
from ptmrec.recommender.request import recommend

pytestmark = pytest.mark.slow
PATHS = ConfigParser().get(PathsConfig)
BATTERY = read_battery(PATHS.battery)
FILES = {path.stem: path for path in sorted(PATHS.images.glob("*.npz"))}
WAYS = (
    *(("whole", "low_data", "balanced"), ("whole", "fine_tuning", "fast"), ("half", "low_data", "best")),
    *(("half", "fine_tuning", "fast"), ("merged", "low_data", "fast"), ("random", "fine_tuning", "fast")),
)
"""Tasks, regimes and presets, so that each comes with each other kind; what is not whole is another task."""
EACH, MOST = 12, 160
"""Images per class that the walk takes, fewer where there are many classes: what goes wrong does so with few."""


def read(name):
    if name in FILES:
        from ptmrec.images.account import Account

        images, labels, _ = read_labelled_npz(FILES[name], Account())
    else:
        images, labels = BATTERY[name].images, BATTERY[name].labels
    classes = np.unique(labels)
    each = max(4, min(EACH, MOST // len(classes)))
    kept = np.concatenate([np.flatnonzero(labels == label)[:each] for label in classes])
    return images[kept], labels[kept]


def as_task(task, images, labels):
    classes = np.unique(labels)
    if task == "half" and len(classes) > 3:
        kept = np.isin(labels, classes[: len(classes) // 2])
        return images[kept], labels[kept]
    if task == "half":
        return images[::2], labels[::2]
    if task == "merged" and len(classes) > 3:
        return images, labels // 2
    return images, np.random.default_rng(1).permutation(labels) if task == "random" else labels


@pytest.mark.parametrize("name", sorted({*BATTERY, *FILES}))
def test_every_image_set_is_answered_and_no_other_task_is_taken_for_it(name):
    images, labels = read(name)
    many = len(np.unique(labels)) > 3
    for task, regime, preset in WAYS:
        found = recommend(*as_task(task, images, labels), regime=regime, preset=preset)
        frame = found.frame
        assert np.isfinite(frame[["score", "expected_accuracy", "low_95", "high_95"]]).all(axis=None), (task, preset)
        assert frame["rank"].is_monotonic_increasing
        known = [note for note in found.notes if note.startswith("Class by class these images look like")]
        assert not known or task == "whole" or not many, (task, known)
