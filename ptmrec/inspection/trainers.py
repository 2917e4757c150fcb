"""A trainer that can be made anew as often as the inspection needs: one of the project's, or out of a file."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch.utils.data import DataLoader

from ptmrec.config.sections import AutoEncoderConfig, RankerConfig, TrainingOptions
from ptmrec.core.errors import ConfigError, DataError
from ptmrec.inspection.examples import call_example, first_batches
from ptmrec.inspection.subjects import EXAMPLE, guarded, is_file, run_file, split_subject
from ptmrec.model.build import build_autoencoder, build_ranker
from ptmrec.train.autoencoder_trainer import AutoEncoderTrainer
from ptmrec.train.base_trainer import BaseTrainer
from ptmrec.train.ranker_trainer import RankerTrainer

SHORT = 16
"""Batches up to which a loader is used as it is; of a longer one the first few."""
FIXED = {
    "scheduler": "none",  # a schedule over two epochs would end at a rate of 0
    "patience": 0,
    "checkpoint_every": 0,
    "mixed_precision": "no",
    "device": "cpu",
    "seed": 0,
    "plots": False,
}


@dataclass(frozen=True)
class TrainerExample:
    """How to make a trainer.

    Attributes:
        subject: as the user named it.
        make: from a folder for its files and a number of epochs, a trainer with the same weights each time.
    """

    subject: str
    make: Callable[[Path, int], BaseTrainer]


def read_trainer(subject: str) -> TrainerExample:
    """The trainer a user names.

    Args:
        subject: ``autoencoder``, ``ranker``, or ``FILE.py[:Class]``. A file is run; it holds a subclass of
            :class:`BaseTrainer`, and ``example()`` gives a model and batches, and options if it likes.

    Raises:
        ConfigError: no trainer of that name.
        DataError: the file fails, or does not hold one trainer.
    """
    if subject in PROJECT:
        return TrainerExample(subject, PROJECT[subject])
    if not is_file(subject):
        raise ConfigError(f"no trainer {subject!r}; there are {', '.join(PROJECT)}, and files whose name ends in .py")
    path, name = split_subject(subject)
    module = run_file(path)
    return example_of(subject, _find_class(module, path, name), lambda: _call_example(module, path), path)


def example_of(
    subject: str,
    trainer: type[BaseTrainer],
    example: Callable[[], tuple[Any, Any, TrainingOptions]],
    path: Path | None = None,
) -> TrainerExample:
    """A trainer class with a function that gives model, batches and options anew at each call."""
    where = path or Path(subject)

    def make(folder: Path, epochs: int) -> BaseTrainer:
        torch.manual_seed(0)
        model, batches, options = example()
        options = dataclasses.replace(options, epochs=epochs, **FIXED)
        if not isinstance(batches, DataLoader) or not 0 < len(batches) <= SHORT:
            batches = first_batches(batches, where)
        return guarded(lambda: trainer(model, options, folder, batches), where, f"{trainer.__name__} cannot be made")

    return TrainerExample(subject, make)


def _call_example(module: ModuleType, path: Path) -> tuple[Any, Any, TrainingOptions]:
    """What ``example()`` gives: model, batches, and options, by default those of :class:`TrainingOptions`.

    Raises:
        DataError: it fails, or gives something else.
    """
    model, batches, *more = call_example(module, path, EXAMPLE)
    options = more[0] if more else TrainingOptions()
    if not isinstance(options, TrainingOptions):
        raise DataError(f"{path}: options are a {type(options).__name__}; give a TrainingOptions")
    return model, batches, options


def _find_class(module: ModuleType, path: Path, name: str) -> type[BaseTrainer]:
    own = {
        key: value
        for key, value in vars(module).items()
        if isinstance(value, type) and issubclass(value, BaseTrainer) and value.__module__ == module.__name__
    }
    if name:
        if name not in own:
            raise DataError(f"{path}: no trainer {name}; there are: {', '.join(own) or 'none'}")
        return own[name]
    if len(own) != 1:
        hint = f"say which: {path}:{next(iter(own))}" if own else "write a subclass of BaseTrainer"
        raise DataError(f"{path}: {len(own)} trainers in it; {hint}")
    return next(iter(own.values()))


def _autoencoder(folder: Path, epochs: int) -> BaseTrainer:
    """The project's own, on vectors made by chance."""
    generator = torch.Generator().manual_seed(0)
    config = AutoEncoderConfig(hidden=[32], code_dim=8, epochs=epochs, **FIXED)
    vectors = torch.randn(32, 4, generator=generator) @ torch.randn(4, 64, generator=generator)
    batches = [{"parameters": part} for part in vectors.split(16)]
    return AutoEncoderTrainer(build_autoencoder(config, 64), config, folder, batches)


def _ranker(folder: Path, epochs: int) -> BaseTrainer:
    """The project's own, on lists made by chance."""
    config = RankerConfig(width=16, heads=2, layers=1, epochs=epochs, **FIXED)
    batches = [make_lists(seed) for seed in range(2)]
    return RankerTrainer(build_ranker(config, {"card": 4, "source": 8}, 8, 3), config, folder, batches)


def make_lists(seed: int) -> dict[str, Any]:
    """A batch of lists as :meth:`CombinedSimilarityDataset.collate` makes them, with numbers made by chance."""
    generator, lists, models, classes = torch.Generator().manual_seed(seed), 4, 7, 3
    scores = torch.rand(lists, models, generator=generator)
    return {
        "model_tokens": torch.randn(1, models, 12, generator=generator).expand(lists, -1, -1),
        "dataset_tokens": torch.randn(lists, classes, 8, generator=generator),
        "dataset_mask": torch.ones(lists, classes, dtype=torch.bool),
        "relations": scores[:, :, None] + 0.5 * torch.randn(lists, models, 3, generator=generator),
        "true_scores": scores,
        "true_ranks": (-scores).argsort(dim=1).argsort(dim=1).float() + 1,
        "regime": ["low_data", "fine_tuning"] * (lists // 2),
        "dataset_names": [f"list {index}" for index in range(lists)],
        "batch_size": lists,
    }


PROJECT: dict[str, Callable[[Path, int], BaseTrainer]] = {"autoencoder": _autoencoder, "ranker": _ranker}
"""The project's own trainers by name."""
