"""What a model's files may say to timm and open_clip: only what shapes the network, and no more than its weights hold.

A builder's arguments can also name files to unpickle and repositories to ask, so a configuration from outside is never
passed on as it is. An argument is taken when a network of the architecture's own module has one of that name, when the
name says nothing of paths, sources or devices, and when the value is plain: truth values, numbers that are not too
large, short words without ``/`` and ``:``, and lists and objects of these.
"""

import inspect
import re
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from typing import Any, NamedTuple

from ptmrec.core.errors import ArtifactError

KEPT = ("mean", "std", "fixed_input_size", "interpolation", "crop_pct", "first_conv", "classifier", "pool_size")
"""What is taken of timm's ``pretrained_cfg``: enough to build the model and feed it, no address to load from."""
LARGEST = 10**5
"""Largest whole number in a configuration: builders make lists of some, one entry a layer, before the first layer."""
MOST_CLASSES = 10**6
"""Most classes or output features of a model."""
LONGEST = 1000
"""Most entries of a list or an object in a configuration."""
SPARE_NUMBERS, SPARE_TENSORS = 2**24, 1000
"""What a network may hold beyond twice its weights: buffers that are not stored, such as masks."""
_WORD = re.compile(r"[\w.+ -]{0,80}")
_NAME = re.compile(r"[A-Za-z0-9_]+")
_STEERING = re.compile(
    r"^pretrained(?!_window_sizes?$)|(^|(?<!drop)_)path(_|$)|(^|_)(file|url|hub|cache|dir|device|dtype)(_|$)"
)
"""Names of arguments that say where from or where to; the path in ``drop_path`` is one through the network."""


class Held(NamedTuple):
    """What the headers of a model's weights list: how many tensors, and how many numbers in all of them."""

    tensors: int
    numbers: int


def is_architecture(name: Any) -> bool:
    """Whether timm registers a model of this very name; no source such as ``hf-hub:`` and no tag stands before it."""
    import timm

    return isinstance(name, str) and _NAME.fullmatch(name) is not None and timm.is_model(name)


def check_options(model: Any, options: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments for timm's builder of an architecture.

    Raises:
        ArtifactError: timm registers no such architecture, or an argument does not shape it.
    """
    if not is_architecture(model):
        raise ArtifactError(f"timm knows no architecture {model!r}")
    known = _arguments(model)
    for name, value in options.items():
        if name not in known or _STEERING.search(name):
            raise ArtifactError(f"model_args {str(name)[:60]!r} does not shape a {model}; take it out of config.json")
        check_plain(name, value)
    return dict(options)


def check_number(name: str, value: Any) -> int:
    """A whole number of a configuration, such as of classes or features.

    Raises:
        ArtifactError: it is none, or more than :data:`MOST_CLASSES`.
    """
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MOST_CLASSES:
        raise ArtifactError(f"{name!r} should be a whole number up to {MOST_CLASSES:,}, found {str(value)[:60]!r}")
    return value


def check_tower(stated: Mapping[str, Any]) -> dict[str, Any]:
    """``vision_cfg`` of open_clip, which takes no other keys than its own.

    Its one name of a model is that of timm's trunk, which has to be one that timm registers.

    Raises:
        ArtifactError: an entry does not shape the tower.
    """
    from open_clip import CLIPVisionCfg

    trunk = stated.get("timm_model_name")
    if trunk is not None and not is_architecture(trunk):
        raise ArtifactError(f"timm knows no architecture {trunk!r}")
    known = {entry.name for entry in fields(CLIPVisionCfg)}
    for name, value in stated.items():
        if name not in known:
            raise ArtifactError(f"vision_cfg {str(name)[:60]!r} does not shape an image tower; take it out")
        check_plain(name, value)
    return dict(stated)


def _arguments(model: str) -> set[str]:
    """What the networks and settings of the module that an architecture is written in call their arguments."""
    import timm
    from torch import nn

    found = {"num_classes", "in_chans", "global_pool"}
    for kind in list(vars(sys.modules[timm.models.model_entrypoint(model).__module__]).values()):
        if inspect.isclass(kind) and issubclass(kind, nn.Module):
            for base in (base for base in kind.__mro__ if base.__module__.startswith("timm.")):
                found |= set(inspect.signature(base.__init__).parameters)
        elif inspect.isclass(kind) and is_dataclass(kind) and kind.__module__.startswith("timm.models"):
            found |= {entry.name for entry in fields(kind)}
    return found - {"self", "args", "kwargs"}


def check_plain(name: str, value: Any) -> None:
    """Refuse a value of a configuration that is no number, word, list or object that a network is made of.

    Raises:
        ArtifactError: it is none, or too large.
    """
    parts = list(value) if isinstance(value, list | tuple) else []
    parts = [*value, *value.values()] if isinstance(value, Mapping) else parts
    number = isinstance(value, int | float) and not abs(value) <= (LARGEST if isinstance(value, int) else sys.maxsize)
    word = isinstance(value, str) and not _WORD.fullmatch(value)
    strange = not isinstance(value, int | float | str | list | tuple | Mapping | None)
    if number or word or strange or len(parts) > LONGEST:
        what = f"{str(name)[:60]!r} is {str(value)[:60]!r}"
        raise ArtifactError(f"{what}, which no network is made of; mend its configuration")
    for part in parts:
        check_plain(name, part)


@contextmanager
def bounded(held: Held | None) -> Iterator[None]:
    """Stop the making of a network, in this thread, that would be far larger than its weights.

    Whatever the setting is called that makes it so: each parameter and buffer is counted as its module gets it, before
    it is filled.

    Args:
        held: what the weights hold; None for a network that has none.

    Raises:
        ArtifactError: the network wants more.
    """
    from torch.nn.modules import module

    if held is None:
        yield
        return
    numbers, tensors = 2 * held.numbers + SPARE_NUMBERS, 2 * held.tensors + SPARE_TENSORS
    thread, seen = threading.get_ident(), [0, 0]

    def count(owner: Any, name: str, part: Any) -> None:
        if part is None or threading.get_ident() != thread:
            return
        seen[:] = seen[0] + part.numel(), seen[1] + 1
        if seen[0] > numbers or seen[1] > tensors:
            what = f"{held.tensors:,} tensors of together {held.numbers:,} numbers"
            raise ArtifactError(f"its configuration asks for far more than its weights hold: {what}")

    parameters = module.register_module_parameter_registration_hook(count)
    buffers = module.register_module_buffer_registration_hook(count)
    try:
        yield
    finally:
        parameters.remove()
        buffers.remove()
