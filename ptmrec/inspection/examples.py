"""A model with a few batches: out of the zoo, or out of a Python file."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ptmrec.benchmark.battery import DEMO, read_battery
from ptmrec.config.sections import PathsConfig
from ptmrec.core.errors import ConfigError, DataError
from ptmrec.core.words import suggest
from ptmrec.inspection.subjects import EXAMPLE, call_function, guarded, is_file, run_file, split_subject
from ptmrec.zoo.features import normalise
from ptmrec.zoo.real import is_real, read_models

INPUTS = ("inputs", "images", "features", "pixel_values", "x")
TARGETS = ("targets", "labels", "y")
MOST_BATCHES = 4
BATCH = 32
"""Images in a batch for a model of the embedded zoo."""
LARGE_BATCH = 8
"""Images in a batch for a real model, whose images are larger."""


@dataclass
class Example:
    """What to inspect a model with.

    Attributes:
        subject: as the user named it.
        model: the model.
        batches: a few batches: tensors, ``(inputs, targets)``, or dicts with ``inputs`` and ``targets``.
        outputs: how many class scores the model is said to give; None when nothing is said.
    """

    subject: str
    model: nn.Module
    batches: list[Any]
    outputs: int | None = None


def read_example(subject: str, paths: PathsConfig) -> Example:
    """The model a user names, with batches to run it on.

    Args:
        subject: a model of the zoo, which is run on the demo's images, or ``FILE.py[:NAME]``. A file is run; its
            ``example()`` (or ``NAME()``) gives a model and batches. Is ``NAME`` a class of models, one is made
            without arguments, and ``example()`` gives the batches.
        paths: where the zoo lies.

    Raises:
        ConfigError: no model of that name.
        DataError: the file fails, or gives something else.
    """
    if not is_file(subject):
        return _of_zoo(subject, paths)
    path, name = split_subject(subject)
    module = run_file(path)
    made = getattr(module, name, None) if name else None
    if isinstance(made, type) and issubclass(made, nn.Module):
        _, batches, *_ = call_example(module, path, EXAMPLE)
        model = guarded(made, path, f"{name}() fails")
    else:
        model, batches, *_ = call_example(module, path, name or EXAMPLE)
    batches = first_batches(batches, path)
    guarded(lambda: inputs_of(batches[0]), path, "the first batch is not usable")
    return Example(subject, model, batches)


def call_example(module: Any, path: Path, name: str) -> tuple[Any, ...]:
    """Model and batches out of a function of a file, and what it gives beyond them.

    Raises:
        DataError: it fails, or gives something else.
    """
    given = call_function(module, path, name)
    if not isinstance(given, tuple | list) or len(given) < 2 or not isinstance(given[0], nn.Module):
        kind = type(given[0] if isinstance(given, tuple | list) and given else given).__name__
        raise DataError(f"{path}: {name}() gives a {kind}, not (model, batches); return a torch model and batches")
    return tuple(given)


def first_batches(batches: Any, path: Path) -> list[Any]:
    """The first few batches of a list or loader.

    Raises:
        DataError: there is none, or giving them fails.
    """
    found = guarded(lambda: list(islice(iter(batches), MOST_BATCHES)), path, "the batches fail")
    if not found:
        raise DataError(f"{path}: no batch given; return a model and at least one batch")
    return found


def inputs_of(batch: Any) -> Tensor:
    """The tensor of a batch that goes into the model.

    Raises:
        DataError: there is none.
    """
    found = batch if isinstance(batch, Tensor) else _part_of(batch, INPUTS, 0)
    if found is None or not found.ndim:
        raise DataError(f"a batch is a tensor, (inputs, targets) or a dict with one of {', '.join(INPUTS)}")
    return found


def targets_of(batch: Any) -> Tensor | None:
    """The tensor of a batch that the output is compared with; None when there is none."""
    return _part_of(batch, TARGETS, 1)


def _part_of(batch: Any, names: tuple[str, ...], place: int) -> Tensor | None:
    """The tensor of a dict under one of some names, or at a place of a tuple."""
    if isinstance(batch, Mapping):
        found = next((batch[name] for name in names if name in batch), None)
    else:
        found = batch[place] if isinstance(batch, list | tuple) and len(batch) > place else None
    return found if isinstance(found, Tensor) else None


def output_of(given: Any) -> Tensor | None:
    """The tensor of a model's answer: the answer itself, its ``logits``, or the first tensor in it."""
    if isinstance(given, Tensor):
        return given
    if isinstance(getattr(given, "logits", None), Tensor):
        return given.logits
    parts = given.values() if isinstance(given, Mapping) else given if isinstance(given, list | tuple) else ()
    return next((part for part in parts if isinstance(part, Tensor)), None)


def loss_of(output: Tensor, targets: Tensor | None) -> Tensor:
    """A loss that fits: cross-entropy for class indices, squared error otherwise, towards zero without targets.

    Raises:
        RuntimeError, IndexError, ValueError: output and targets do not fit together; torch says how.
    """
    if targets is None:
        return output.float().square().mean()
    if not targets.is_floating_point() and output.ndim == 2:
        return F.cross_entropy(output, targets.long())
    if output.shape != targets.shape:
        raise ValueError(f"the output has shape {tuple(output.shape)}, the targets {tuple(targets.shape)}")
    return F.mse_loss(output, targets.to(output.dtype))


def _of_zoo(name: str, paths: PathsConfig) -> Example:
    snapshots = {snapshot.name: snapshot for snapshot in read_models(paths)}
    if name not in snapshots:
        hint = suggest(name, snapshots, "see: ptmrec zoo list; a file's name ends in .py")
        raise ConfigError(f"no model {name!r} in the zoo{hint}")
    model = snapshots[name].load()
    part = read_battery(paths.battery)[DEMO]
    size = LARGE_BATCH if is_real(snapshots[name]) else BATCH
    order = torch.randperm(len(part.labels), generator=torch.Generator().manual_seed(0)).numpy()[: MOST_BATCHES * size]
    pixels = getattr(model, "prepare", normalise)(part.images[order])
    with torch.no_grad():
        outputs = model(pixels[:2]).shape[-1]
    labels = torch.from_numpy(part.labels[order] % outputs)
    batches = list(zip(pixels.split(size), labels.split(size), strict=True))
    architecture = snapshots[name].card.architecture
    return Example(name, model, batches, int(architecture.get("num_classes", outputs)))
