import os

os.environ["PTMREC_PROGRESS"] = "off"
os.environ.pop("PTMREC_CONFIG", None)

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ptmrec.zoo.architectures import build_model
from ptmrec.zoo.card import Card
from ptmrec.zoo.snapshot import write_snapshot

torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)
    np.random.seed(0)


def make_card(name: str = "vgg-small-toy", family: str = "vgg", **changes) -> Card:
    values = {
        "name": name,
        "family": family,
        "architecture": {"library": "ptmrec", "size": "small", "num_classes": 3},
        "num_params": 40_000,
        "input_size": 32,
        "source_dataset": "toy",
        "source_accuracy": 0.5,
        "licence": "MIT",
        "seed": 0,
        "recipe": {"steps": 1},
        "gmacs": 0.001,
        "num_features": 48,
    }
    return Card(**(values | changes))


@pytest.fixture
def toy_zoo(tmp_path: Path) -> Path:
    folder = tmp_path / "zoo"
    for family in ("vgg", "vit"):
        torch.manual_seed(1)
        name = f"{family}-small-toy"
        write_snapshot(folder / name, make_card(name, family), build_model(family, "small", 3))
    return folder


def write_images(folder: Path, classes: dict[str, int], size: int = 16) -> Path:
    generator = np.random.default_rng(0)
    for name, count in classes.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        for index in range(count):
            pixels = generator.integers(0, 256, (size, size, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{index}.png")
    return folder


def write_image_set(path: Path, classes: int = 3, train: int = 30, test: int = 12, size: int = 32) -> Path:
    """An image set whose classes differ in brightness, so that a few steps learn something."""
    generator = np.random.default_rng(1)
    arrays = {}
    for part, count in (("train", train), ("test", test)):
        labels = np.arange(count) % classes
        level = (labels * 200 / classes)[:, None, None, None]
        arrays[f"{part}_images"] = (level + generator.uniform(0, 50, (count, size, size, 3))).astype(np.uint8)
        arrays[f"{part}_labels"] = labels.astype(np.int64)
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, class_names=np.array([f"class {i}" for i in range(classes)]), **arrays)
    return path
