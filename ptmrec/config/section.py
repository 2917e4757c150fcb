"""What a configuration section is: a frozen dataclass whose fields say what they allow."""

import dataclasses
from collections.abc import Sequence
from typing import Any, ClassVar

SECTIONS: dict[str, type["Section"]] = {}
"""Every section class by the name of its ``[section]`` in ``config.ini``."""


class Section:
    """Base of the section dataclasses. A subclass names its ``section`` and registers itself.

    >>> @dataclasses.dataclass(frozen=True)
    ... class DoctestConfig(Section):
    ...     section: ClassVar[str] = "doctest"
    ...     steps: int = setting(3, "number of steps", min=1)
    >>> DoctestConfig().steps
    3
    """

    section: ClassVar[str]

    def computed(self) -> dict[str, Any]:
        """The values that results depend on, by name."""
        beside = {field.name for field in dataclasses.fields(self) if field.metadata.get("beside")}
        return {name: value for name, value in dataclasses.asdict(self).items() if name not in beside}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "section" in cls.__dict__:
            SECTIONS[cls.section] = cls


def setting(
    default: Any,
    help: str,
    *,
    min: float | None = None,
    max: float | None = None,
    choices: Sequence[Any] | None = None,
    written: bool = False,
    beside: bool = False,
) -> Any:
    """A dataclass field with its meaning and what it allows.

    Args:
        default: value when nothing else is said; lists and dicts are copied per instance.
        help: meaning, with the unit.
        min: smallest value allowed; this, ``max`` and ``choices`` hold for each element of a list.
        max: largest value allowed.
        choices: the only values allowed.
        written: a path that runs write to, which lies apart from the package when that is installed.
        beside: it changes nothing that is computed, so that no result is another one for it.
    """
    metadata = {"help": help, "min": min, "max": max, "choices": tuple(choices) if choices else None}
    metadata |= {"written": written, "beside": beside}
    if isinstance(default, list | dict):
        return dataclasses.field(default_factory=lambda: type(default)(default), metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)
