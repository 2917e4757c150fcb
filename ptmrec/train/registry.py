"""Trainers by name."""

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from ptmrec.errors import TrainingError

if TYPE_CHECKING:
    from ptmrec.train.base_trainer import BaseTrainer

Trainer = TypeVar("Trainer", bound="type[BaseTrainer]")
_TRAINERS: dict[str, "type[BaseTrainer]"] = {}


def register_trainer(name: str) -> Callable[[Trainer], Trainer]:
    """Class decorator that makes a trainer known under ``name``, whatever its upper and lower case.

    A class without a ``name`` of its own gets this one. Running the same definition again (a notebook
    cell, say) replaces the class.

    Raises:
        ValueError: another trainer already has this name.
    """
    key = name.lower()

    def register(cls: Trainer) -> Trainer:
        known = _TRAINERS.get(key, cls)
        if (known.__module__, known.__qualname__) != (cls.__module__, cls.__qualname__):
            raise ValueError(f"trainer name {name!r} is taken by {known.__module__}.{known.__qualname__}")
        if "name" not in cls.__dict__:
            cls.name = name
        _TRAINERS[key] = cls
        return cls

    return register


def get_trainer(name: str) -> "type[BaseTrainer]":
    """The trainer class registered under ``name``, whatever its upper and lower case.

    Raises:
        TrainingError: no such trainer; the message lists those there are.
    """
    try:
        return _TRAINERS[name.lower()]
    except KeyError:
        known = ", ".join(trainer_names()) or "none; import the module that defines it"
        raise TrainingError(f"trainer {name!r} is unknown; registered: {known}") from None


def trainer_names() -> list[str]:
    """Names of all registered trainers in lower case, sorted."""
    return sorted(_TRAINERS)
