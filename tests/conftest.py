import os

os.environ["PTMREC_PROGRESS"] = "off"
os.environ["OMP_NUM_THREADS"] = "1"  # two workers with two threads each slow each other down several times
os.environ["OPENBLAS_NUM_THREADS"] = "1"

from pathlib import Path

import numpy as np
import own_outputs  # noqa: F401  sets where tests write
import pytest
import torch
from hub_server import hub  # noqa: F401  a fixture
from PIL import Image
from toy_lists import make_circle, make_sources

from ptmrec.benchmark.ground_truth import GroundTruth
from ptmrec.config.sections import REGIMES, GroundTruthConfig
from ptmrec.core import trust
from ptmrec.core.files import file_hash
from ptmrec.zoo.architectures import build_model
from ptmrec.zoo.card import Card
from ptmrec.zoo.snapshot import write_snapshot

torch.set_num_threads(1)


QUICK_ZOO = {"workers": 1, "sources_per_model": 1, "steps": 2, "mixture_steps": 3, "early_steps": 1}
QUICK_TRUTH = GroundTruthConfig(
    shots=4,
    draws=2,
    estimator_draws=1,
    other_shots=[1],
    other_draws=[2],
    penalties=[0.1],
    steps=2,
    learning_rates=[1e-3],
    seeds=2,
)


@pytest.fixture
def user_environment(monkeypatch):
    """The environment as users have it: outputs lie where config.ini says."""
    monkeypatch.delenv("PTMREC_CONFIG")


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
        "datasets": ["toy"],
    }
    return Card(**(values | changes))


DATASETS = ("a", "b", "c", "d")


def make_ground_truth(values: np.ndarray, spread: float = 0.01) -> tuple[GroundTruth, dict[str, Card]]:
    """Accuracies ``(4, N)`` in both regimes, with cards that rotate over families, sizes and sources."""
    generator = np.random.default_rng(0)
    cards = {}
    for index in range(values.shape[1]):
        source = ("toy", "other", "third")[index % 3]
        body = {"library": "ptmrec", "size": ("small", "large")[index % 2], "num_classes": 3}
        changes = {"architecture": body, "source_dataset": source, "datasets": [source]}
        cards[f"m{index:02d}"] = make_card(f"m{index:02d}", ("vgg", "vit")[index // 2 % 2], **changes)
    repeats = {r: values[:, :, None] + spread * generator.normal(size=(*values.shape, 4)) for r in REGIMES}
    accuracy = {regime: array.mean(axis=2) for regime, array in repeats.items()}
    return GroundTruth(DATASETS, tuple(cards), accuracy, repeats, {"1": values / 2, "all": values}), cards


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


def write_index(folder: Path, licence: str = "MIT") -> Path:
    """The table beside the image sets of a folder."""
    columns = "name,domain,classes,n_train,n_test,source_repo,commit_sha,licence,notes,sha256"
    rows = [
        f"{path.stem},toys,3,30,12,someone/{path.stem},abc123,{licence},,{file_hash(path)}"
        for path in sorted(folder.glob("*.npz"))
    ]
    (folder / "index.csv").write_text("\n".join([columns, *rows]) + "\n")
    return folder / "index.csv"


@pytest.fixture
def sources(tmp_path: Path):
    return make_sources(tmp_path)


@pytest.fixture
def circle(tmp_path: Path):
    return make_circle(tmp_path)


def assert_readable(figure) -> None:
    """A figure as the thesis prints it: text width, no label under 7 pt, no label cut off at an edge."""
    from matplotlib.text import Text

    from ptmrec.plots.style import cut_off

    assert cut_off(figure) == []
    assert figure.get_figwidth() == 5.9
    for text in figure.findobj(lambda artist: isinstance(artist, Text) and artist.get_text() and artist.get_visible()):
        assert text.get_fontsize() >= 7, text


def pytest_collection_modifyitems(items):
    """The notebooks take longest: started first, they share the time with everything else."""
    items.sort(key=lambda item: item.path.name != "test_notebooks.py" or item.path.parent.name != "tests")


@pytest.fixture(autouse=True)
def _nothing_watched():
    """A test may change files that another one's project read."""
    yield
    trust._expected.clear()
    trust._seen.clear()
