"""Faults planted into folders of images, and the folders without them."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageEnhance
from torch.utils.data import Dataset

from ptmrec.benchmark.battery import BatterySet
from ptmrec.inspection.data import inspect_data, inspect_loader
from ptmrec.inspection.findings import Report

ONE_IN = 10
"""One in so many training images gets a flaw of images; leaks, mix-ups and damaged files need no more than a few."""
Plant = Callable[[Path, np.random.Generator], None]


def write_set(part: BatterySet, folder: Path, seed: int) -> Path:
    """Write an image set as PNG files: three quarters of each class into ``train/``, the rest into ``test/``."""
    order = np.random.default_rng(seed).permutation(len(part.labels))
    seen: dict[int, int] = {}
    for index in order:
        label = int(part.labels[index])
        seen[label] = seen.get(label, 0) + 1
        place = folder / ("test" if seen[label] % 4 == 0 else "train") / f"class {label:02d}"
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(part.images[index]).save(place / f"{index:04d}.png")
    return folder


def inspect_planted(part: BatterySet, plant: Plant, folder: Path, seed: int) -> Report:
    """The report on an image set with a fault in it."""
    write_set(part, folder, seed)
    plant(folder, np.random.default_rng(seed))
    return inspect_data(folder, timed=False)


def _some(folder: Path, generator: np.random.Generator, count: int) -> list[Path]:
    """Training images drawn by chance."""
    files = sorted((folder / "train").rglob("*.png"))
    return [files[index] for index in generator.permutation(len(files))[:count]]


def _share(folder: Path, generator: np.random.Generator) -> list[Path]:
    """One in :data:`ONE_IN` training images, drawn by chance."""
    return _some(folder, generator, -(-sum(1 for _ in (folder / "train").rglob("*.png")) // ONE_IN))


def _shuffled(folder: Path, generator: np.random.Generator) -> None:
    files = sorted(folder.rglob("*.png"))
    aside = [file.rename(folder / f"{place}.tmp") for place, file in enumerate(files)]
    for source, target in zip(aside, generator.permutation(np.array(files, dtype=object)), strict=True):
        source.rename(target)


def _unbalanced(folder: Path, generator: np.random.Generator) -> None:
    classes = sorted((folder / "train").iterdir())
    small = classes[generator.integers(len(classes))]
    for file in sorted(small.iterdir())[1:]:
        file.unlink()


def _copies(folder: Path, generator: np.random.Generator) -> None:
    for place, file in enumerate(_share(folder, generator)):
        shutil.copy(file, file.with_name(f"copy {place}.png"))


def _near_copies(folder: Path, generator: np.random.Generator) -> None:
    for place, file in enumerate(_share(folder, generator)):
        image = ImageEnhance.Brightness(Image.open(file).convert("RGB")).enhance(float(generator.uniform(0.85, 1.0)))
        image.resize((40, 40), Image.Resampling.BICUBIC).save(file.with_name(f"again {place}.jpg"), quality=92)


def _leak(folder: Path, generator: np.random.Generator) -> None:
    for place, file in enumerate(_some(folder, generator, 3)):
        shutil.copy(file, folder / "test" / file.parent.name / f"leak {place}.png")


def _near_leak(folder: Path, generator: np.random.Generator) -> None:
    for place, file in enumerate(_share(folder, generator)):
        image = Image.open(file).convert("RGB").resize((40, 40), Image.Resampling.BICUBIC)
        image.save(folder / "test" / file.parent.name / f"leak {place}.jpg", quality=92)


def _two_labels(folder: Path, generator: np.random.Generator) -> None:
    (file,) = _some(folder, generator, 1)
    other = next(place for place in sorted((folder / "train").iterdir()) if place != file.parent)
    shutil.copy(file, other / "other.png")


def _unreadable(folder: Path, generator: np.random.Generator) -> None:
    cut, emptied = _some(folder, generator, 2)
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 2])
    emptied.write_bytes(b"")


def _tiny(folder: Path, generator: np.random.Generator) -> None:
    for file in _share(folder, generator):
        Image.open(file).resize((6, 6)).save(file)


def _blank(folder: Path, generator: np.random.Generator) -> None:
    for file in _share(folder, generator):
        Image.new("RGB", (32, 32), tuple(int(value) for value in generator.integers(0, 256, 3))).save(file)


def _empty_class(folder: Path, generator: np.random.Generator) -> None:
    (folder / "train" / "class 99").mkdir()


def _unseen_class(folder: Path, generator: np.random.Generator) -> None:
    shutil.rmtree(sorted((folder / "train").iterdir())[generator.integers(3)])


def _wide(folder: Path, generator: np.random.Generator) -> None:
    for file in _share(folder, generator):
        Image.open(file).resize((200, 20)).save(file)


FAULTS: dict[str, tuple[str, Plant]] = {
    "shuffled labels": ("shuffled_labels", _shuffled),
    "unbalanced class": ("balance", _unbalanced),
    "exact duplicates": ("exact_duplicates", _copies),
    "near duplicates": ("near_duplicates", _near_copies),
    "duplicates across train and test": ("leak", _leak),
    "near duplicates across train and test": ("leak", _near_leak),
    "one image in two classes": ("two_labels", _two_labels),
    "unreadable files": ("unreadable", _unreadable),
    "tiny images": ("tiny_images", _tiny),
    "blank images": ("blank", _blank),
    "class without images": ("empty_class", _empty_class),
    "class in test only": ("balance", _unseen_class),
    "long strips": ("aspect", _wide),
}
"""Fault -> the check that has to find it, and what plants it."""


class SlowSet(Dataset):
    """Images each of which takes its time.

    Args:
        seconds: for one image.
        seed: of the numbers it gives.
    """

    def __init__(self, seconds: float, seed: int) -> None:
        self.seconds = seconds
        self.images = torch.rand(48, 3, 8, 8, generator=torch.Generator().manual_seed(seed))

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> torch.Tensor:
        time.sleep(self.seconds)
        return self.images[index]


def inspect_slow(seed: int, seconds: float = 0.05) -> Report:
    """The report on a data set that is slow to load; with 0 seconds on one that is not."""
    return inspect_loader(SlowSet(seconds, seed), "slow set")
