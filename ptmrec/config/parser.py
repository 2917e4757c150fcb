"""Reading ``config.ini``: defaults, file, ``PTMREC_CONFIG``, then overrides; every value with its source."""

import configparser
import copy
import dataclasses
import functools
import json
import math
import os
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import ptmrec.config.sections  # noqa: F401  the sections register themselves
from ptmrec.config.section import SECTIONS, Section
from ptmrec.core.errors import ConfigError
from ptmrec.core.files import write_json
from ptmrec.core.places import committed_folder, find_clone, output_folder
from ptmrec.core.words import suggest

FILE_NAME = "config.ini"
ENVIRONMENT = "PTMREC_CONFIG"
KNOWN_PROFILES = {"default", "smoke"}

S = TypeVar("S", bound=Section)


@dataclasses.dataclass(frozen=True)
class _Place:
    """Where a value stands, for error messages and for relative paths."""

    source: str
    section: str
    key: str
    folder: Path

    def error(self, value: Any, allowed: str) -> ConfigError:
        shown = " ".join(str(value).split())
        return ConfigError(f"{self.source}: [{self.section}] {self.key} = {shown}: {allowed}")


class ConfigParser:
    """The configuration of a run.

    Later sources win: dataclass defaults, ``config.ini``, the file that ``PTMREC_CONFIG`` names, overrides.
    In each file a section ``[ranker:smoke]`` counts on top of ``[ranker]`` when the profile is ``smoke``.
    Everything is checked at once, whether asked for or not.

    Args:
        path: the file; without it, the nearest ``config.ini`` above the working directory, else the project's.
        profile: ``default``, ``smoke``, or another that a file mentions.
        overrides: ``{"ranker.epochs": 3}``, text or typed values.
        sections: section classes by name; by default all of them.

    Raises:
        ConfigError: one line naming file, section, key, value and what is allowed.
    """

    def __init__(
        self,
        path: Path | str | None = None,
        profile: str = "default",
        overrides: Mapping[str, Any] | None = None,
        sections: Mapping[str, type[Section]] | None = None,
    ) -> None:
        self.sections = dict(SECTIONS if sections is None else sections)
        self.profile = profile
        self._values: dict[str, dict[str, Any]] = {}
        self._sources: dict[tuple[str, str], str] = {}
        self._profiles = set(KNOWN_PROFILES)
        path = None if path is None else Path(path)
        files = _find_files(path)
        self.root, self.outputs = _find_roots(path, files)
        self._read_defaults()
        for file, label in files:
            self._read_file(file, label)
        if profile not in self._profiles:
            raise ConfigError(f"unknown profile {profile!r}; known: {', '.join(sorted(self._profiles))}")
        for name, value in (overrides or {}).items():
            self._read_override(name, value)

    def get(self, section: type[S]) -> S:
        """The section as an instance of its dataclass, with lists and dicts of its own."""
        return section(**copy.deepcopy(self._values[section.section]))

    def rows(self) -> list[tuple[str, str, Any, str]]:
        """``(section, key, value, source)`` of every value."""
        return [
            (section, key, value, self._sources[section, key])
            for section, values in self._values.items()
            for key, value in values.items()
        ]

    def to_dict(self) -> dict[str, dict[str, Any]]:
        """All values as plain data; paths as text."""
        return _plain(self._values)

    def save(self, path: Path) -> Path:
        """Write profile, values and sources as JSON."""
        values = [
            {"section": section, "key": key, "value": _plain(value), "source": source}
            for section, key, value, source in self.rows()
        ]
        return write_json(path, {"profile": self.profile, "values": values})

    def _read_defaults(self) -> None:
        for name, section in self.sections.items():
            self._values[name] = {}
            for field in dataclasses.fields(section):
                value = field.default if field.default is not dataclasses.MISSING else field.default_factory()
                folder = self.outputs if field.metadata.get("written") else self.root
                self._set(_Place("default", name, field.name, folder), value, counts=True)

    def _read_file(self, file: Path, label: str) -> None:
        reader = configparser.ConfigParser(interpolation=None, default_section="\0")
        try:
            reader.read_string(file.read_text(encoding="utf-8"), source=str(file))
        except FileNotFoundError:
            raise ConfigError(f"{label}: no such file") from None
        except UnicodeDecodeError:
            raise ConfigError(f"{label}: no text in UTF-8; save it as such") from None
        except (configparser.Error, OSError) as error:
            raise ConfigError(f"{label}: {' '.join(str(error).split())}") from None
        names = reader.sections()
        for name in sorted(names, key=lambda name: ":" in name):  # overlays after what they lie on
            section, colon, profile = name.partition(":")
            if colon and not profile:
                raise ConfigError(f"{label}: [{name}]: a profile is wanted after the colon, for example smoke")
            if profile:
                self._profiles.add(profile)
            counts = not profile or profile == self.profile
            source = f"{label} [{name}]" if profile else label
            for key, value in reader[name].items():
                self._set(_Place(source, section, key, file.parent), value, counts)
            self._check_section(section, label)

    def _read_override(self, name: str, value: Any) -> None:
        section, dot, key = name.partition(".")
        if not dot:
            raise ConfigError(f"override {name!r}: write SECTION.KEY, for example ranker.epochs")
        self._set(_Place("override", section, key, Path.cwd()), value, counts=True)

    def _check_section(self, section: str, source: str) -> None:
        if section not in self.sections:
            raise ConfigError(f"{source}: [{section}]: no such section{_suggest(section, self.sections)}")

    def _set(self, place: _Place, value: Any, counts: bool) -> None:
        self._check_section(place.section, place.source)
        section = self.sections[place.section]
        known = {field.name: field for field in dataclasses.fields(section)}
        if place.key not in known:
            raise place.error(value, f"no such key{_suggest(place.key, known)}")
        field = known[place.key]
        converted = _convert(value, _annotations(section)[field.name], field.metadata, place)
        if counts:
            self._values[place.section][place.key] = converted
            self._sources[place.section, place.key] = place.source


def _find_files(path: Path | None) -> list[tuple[Path, str]]:
    if path is not None:
        files = [(_absolute(path), str(path))]
    else:
        folders = [Path.cwd(), *Path.cwd().parents, *filter(None, [find_clone()])]
        found = next((folder / FILE_NAME for folder in folders if _is_ours(folder / FILE_NAME)), None)
        files = [(found, str(found))] if found else []
    if named := os.environ.get(ENVIRONMENT):
        files.append((_absolute(Path(named)), f"{ENVIRONMENT} ({named})"))
    return files


def _find_roots(path: Path | None, files: list[tuple[Path, str]]) -> tuple[Path, Path]:
    """Folders that default paths resolve against, of what is read and of what is written.

    Both are the folder of the ``config.ini`` that was found, else the clone. An installed package has neither: it
    reads what it carries and writes to the user's own folder. A file that somebody names lies wherever it may.
    """
    found = files[0][0] if files and _is_ours(files[0][0]) else None
    if found and (path is None or not find_clone()):
        return found.parent, found.parent
    return committed_folder(), output_folder()


def _absolute(file: Path) -> Path:
    try:
        return file.expanduser().absolute()
    except RuntimeError:  # ~somebody who is not a user here
        raise ConfigError(f"{file}: no such user's folder") from None


def _is_ours(file: Path) -> bool:
    """Other projects have a ``config.ini`` too: ours lies beside a ``constants`` folder."""
    return file.is_file() and (file.parent / "constants").is_dir()


@functools.cache  # they took five sixths of the time of reading a file
def _annotations(section: type) -> dict[str, Any]:
    return typing.get_type_hints(section)


def _suggest(name: str, known: Mapping[str, Any]) -> str:
    return suggest(name, known, f"known: {', '.join(sorted(known))}")


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return {key: _plain(item) for key, item in value.items()} if isinstance(value, dict) else value


def _convert(value: Any, kind: Any, limits: Mapping[str, Any], place: _Place) -> Any:
    """A value (text of a file, or already typed) as ``kind``, checked against its limits."""
    origin = typing.get_origin(kind)
    if origin in (typing.Union, types.UnionType):
        if value is None or (isinstance(value, str) and value.strip().lower() in {"", "none"}):
            return None
        kind = next(choice for choice in typing.get_args(kind) if choice is not type(None))
        return _convert(value, kind, limits, place)
    if origin is list:
        (item,) = typing.get_args(kind)
        return [_convert(part, item, limits, place) for part in _items(value, place)]
    if origin is dict:
        _, item = typing.get_args(kind)
        return {key: _convert(part, item, limits, place) for key, part in _pairs(value, place).items()}
    converted = _SCALARS[kind](value, place)
    _check_limits(converted, limits, place)
    return converted


def _items(value: Any, place: _Place) -> list[Any]:
    if isinstance(value, list | tuple):
        return list(value)
    if not isinstance(value, str):
        raise place.error(value, "a list is wanted, separated by commas")
    if value.strip().startswith("["):
        return _json(value, list, place)
    return [part.strip() for part in value.replace("\n", ",").split(",") if part.strip()]


def _pairs(value: Any, place: _Place) -> dict[str, Any]:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, str) and value.strip().startswith("{"):
        return _json(value, dict, place)
    pairs = [part.partition(":") for part in _items(value, place)]
    if any(not colon for _, colon, _ in pairs):
        raise place.error(value, "key: value pairs are wanted, separated by commas")
    return _unique([(key.strip(), part.strip()) for key, _, part in pairs], value, place)


def _unique(pairs: list[tuple[str, Any]], value: Any, place: _Place) -> dict[str, Any]:
    keys = [key for key, _ in pairs]
    if len(set(keys)) != len(keys):
        raise place.error(value, f"each key once is wanted, {max(keys, key=keys.count)!r} is there twice")
    return dict(pairs)


def _json(value: str, kind: type, place: _Place) -> Any:
    try:
        parsed = json.loads(value, object_pairs_hook=lambda pairs: _unique(pairs, value, place))
    except (ValueError, RecursionError):
        parsed = None
    if not isinstance(parsed, kind):
        raise place.error(value, f"not a JSON {'list' if kind is list else 'object'}")
    return parsed


def _to_bool(value: Any, place: _Place) -> bool:
    if isinstance(value, bool):
        return value
    word = str(value).strip().lower()
    if word not in configparser.ConfigParser.BOOLEAN_STATES:
        raise place.error(value, "true or false is wanted")
    return configparser.ConfigParser.BOOLEAN_STATES[word]


def _to_int(value: Any, place: _Place) -> int:
    try:
        if isinstance(value, bool) or (isinstance(value, float) and not value.is_integer()):
            raise ValueError
        return int(value)
    except (TypeError, ValueError, OverflowError):
        raise place.error(value, "a whole number is wanted") from None


def _to_float(value: Any, place: _Place) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if isinstance(value, bool) or not math.isfinite(number):
        raise place.error(value, "a finite number is wanted")
    return number


def _to_text(value: Any, place: _Place) -> str:
    if not isinstance(value, str):
        raise place.error(value, "text is wanted")
    return value.strip()


def _to_path(value: Any, place: _Place) -> Path:
    text = str(value).strip()
    if not isinstance(value, str | Path) or not text or "\0" in text:
        raise place.error(value, "a path is wanted")
    try:
        return Path(os.path.abspath(place.folder / Path(text).expanduser()))
    except RuntimeError:
        raise place.error(value, "a path is wanted, but ~ names no user of this machine") from None


_SCALARS = {bool: _to_bool, int: _to_int, float: _to_float, str: _to_text, Path: _to_path}


def _check_limits(value: Any, limits: Mapping[str, Any], place: _Place) -> None:
    low, high, choices = limits.get("min"), limits.get("max"), limits.get("choices")
    if choices and value not in choices:
        raise place.error(value, f"one of {', '.join(map(str, choices))} is wanted")
    if low is not None and value < low or high is not None and value > high:
        bounds = f"at least {low}" if high is None else f"at most {high}" if low is None else f"{low} to {high}"
        raise place.error(value, f"{bounds} is wanted")
