"""Labels of images: whatever people give becomes indices and names of classes, and lists of files and labels."""

import csv
import io
import json
import math
import re
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ptmrec.core.errors import DataError
from ptmrec.core.words import first_few
from ptmrec.images.account import Account

FILE_COLUMNS = ("file", "filename", "file_name", "image", "path", "name", "img", "filepath", "file_path", "image_path")
LABEL_COLUMNS = ("label", "class", "class_name", "target", "category", "labels", "classname", "species")
SPLIT_COLUMNS = ("split", "part", "set", "subset", "partition", "fold")
LISTS = frozenset((".csv", ".tsv", ".txt", ".jsonl", ".json", ".xlsx", ".parquet"))
"""Suffixes of lists of files and labels; the last three are named, not read."""
MISSING = frozenset(("", "nan", "<na>", "n/a", "#n/a", "null", "nat"))
"""Texts, in lower case, that stand for no label; ``NA`` as well."""
MOST_BYTES = 256 << 20
_FRACTION = re.compile(r"-?\d*\.\d*[1-9]\d*")
_WHOLE = re.compile(r"-?\d+(\.0+)?")
HOW = "write a line 'file,label' and one per image"


class Row(NamedTuple):
    """What a list says of an image: its label, and which part of the data set it is of, where it says that."""

    label: str
    split: str = ""


def index_labels(labels: Any, count: int, where: str) -> tuple[np.ndarray, tuple[str, ...]]:
    """Labels of any whole numbers or text as indices, with the names of the classes in ascending order.

    Args:
        labels: ``(n,)`` or ``(n, 1)``: an array, a list, a tensor, or a column of pandas.
        count: number of images n.
        where: what the message of an error starts with.

    Returns:
        ``(n,)`` int64 and the ``(C,)`` names.

    Raises:
        DataError: another shape or type, missing or several labels, classes that differ by case or spaces only, or one
            class only.
    """
    values = _plain(_to_array(labels, where), count, where)
    found, indices = np.unique(values, return_inverse=True)
    names = tuple(str(name) for name in found.tolist())
    if values.dtype.kind == "U":
        check_names(names, where)
    if len(names) < 2:
        raise DataError(f"{where}: only one class; a ranking needs at least two")
    return indices.reshape(-1).astype(np.int64), names


def _to_array(labels: Any, where: str) -> np.ndarray:
    if isinstance(labels, str | bytes | dict) or not hasattr(labels, "__len__"):
        raise DataError(f"{where}: a {type(labels).__name__}; give one label per image, in the images' order")
    if hasattr(labels, "columns"):
        raise DataError(f"{where}: a table of {len(labels.columns)} columns; give the column of the labels")
    if hasattr(labels, "detach"):
        labels = labels.detach().cpu()
    if hasattr(labels, "to_numpy"):
        return labels.to_numpy()
    if isinstance(labels, list | tuple):
        if any(isinstance(label, list | tuple | set | dict) for label in labels):
            raise DataError(f"{where}: several labels for an image; give one label per image")
        return as_objects(label.item() if hasattr(label, "item") and np.ndim(label) == 0 else label for label in labels)
    return np.asarray(labels)


def as_objects(values: Iterable[Any]) -> np.ndarray:
    """Values ``(n,)`` of an array, each as it is, be they of several kinds."""
    return np.fromiter(values, dtype=object)


def _plain(labels: np.ndarray, count: int, where: str) -> np.ndarray:
    """Labels ``(n,)`` as whole numbers or text."""
    if labels.ndim == 2 and labels.shape[0] == count and labels.shape[1] > 1:
        hint = "; labels.argmax(axis=1) turns one-hot labels into one" if labels.dtype.kind in "iubf" else ""
        raise DataError(f"{where}: has shape {labels.shape}, several labels per image, expected ({count},){hint}")
    if labels.shape not in ((count,), (count, 1)):
        raise DataError(f"{where}: has shape {labels.shape}, expected ({count},), one label per image")
    labels = labels.reshape(-1)
    if labels.dtype.kind not in "iub":
        labels = _without_gaps(labels, where)
    if labels.dtype.kind == "S":
        labels = np.array([value.decode(errors="replace") for value in labels.tolist()])
    if labels.dtype.kind == "f" and (labels == np.round(labels)).all() and np.abs(labels).max(initial=0) < 2**53:
        labels = labels.astype(np.int64)
    if labels.dtype.kind not in "iubU":
        raise DataError(f"{where}: is {labels.dtype}, expected whole numbers or text")
    return labels


def _without_gaps(labels: np.ndarray, where: str) -> np.ndarray:
    """The same where every image has a label; objects become numbers or text."""
    missing = [place for place, value in enumerate(labels.tolist()) if is_missing(value)]
    if missing:
        what = f"{len(missing)} of {len(labels)} images have no label, the first at {missing[0]}"
        raise DataError(f"{where}: {what}; give each one, or leave these images out")
    if labels.dtype.kind != "O":
        return labels
    kinds = {_kind(value) for value in labels.tolist()}
    if len(kinds) > 1:
        raise DataError(f"{where}: mixes {' and '.join(sorted(kinds))}; give all labels in one way")
    kind = kinds.pop() if kinds else "text"
    if kind not in ("text", "numbers"):
        raise DataError(f"{where}: holds {kind}, expected whole numbers or text")
    return np.array([value.decode(errors="replace") if isinstance(value, bytes) else value for value in labels])


def _kind(value: Any) -> str:
    if isinstance(value, str | bytes):
        return "text"
    return "numbers" if isinstance(value, int | float | np.number | np.bool_) else f"a {type(value).__name__}"


def is_missing(value: Any) -> bool:
    """Whether a value stands for no label."""
    if isinstance(value, str | bytes):
        text = value.decode(errors="replace") if isinstance(value, bytes) else value
        return text.strip().lower() in MISSING or text.strip() == "NA"
    if isinstance(value, float | np.floating):
        return math.isnan(value)
    return value is None or type(value).__name__ in ("NAType", "NaTType")


def check_names(names: Iterable[str], where: str) -> None:
    """Refuse classes that differ by case or spaces only: one class, written in two ways.

    Single letters are left alone: ``a`` and ``A`` are classes of their own where letters are told apart.

    Raises:
        DataError: two of them do; both are named.
    """
    seen: dict[str, str] = {}
    for name in sorted(names):
        key = unicodedata.normalize("NFC", " ".join(name.split()))
        key = key if len(key) == 1 else key.casefold()
        if key in seen:
            raise DataError(f"{where}: classes {seen[key]!r} and {name!r} differ by case or spaces only; make them one")
        seen[key] = name


def read_label_file(path: Path, folder: Path, images: Sequence[Path], account: Account) -> dict[Path, Row]:
    """What a list says of the images of a folder.

    Commas, semicolons, tabs and bars part its columns; UTF-8, UTF-16 and Latin-1 are read. Columns are ``file`` and
    ``label`` (or other common names), or two; a column ``split`` parts the data set. A first line that names an image
    is no head. File names are relative to the folder; backslashes, what stands before the folder in an absolute path,
    and missing suffixes are made up for where one image alone can be meant.

    Args:
        path: the list.
        folder: the folder.
        images: its images.
        account: learns what was read otherwise than it stands.

    Raises:
        DataError: no such file or columns, a label missing, two labels for one image, or images that are not there.
    """
    rows, find = _read_rows(path, account), _Finder(folder, images)
    width = len(rows[0])
    file, label, split, rows, first = _columns(rows, path, find, account)
    found, lines, missing = {}, {}, []
    for number, row in enumerate(rows, start=first):
        if not any(cell.strip() for cell in row):
            continue
        _check_row(f"{path}: line {number}", row, width, file, label)
        image = find(row[file].strip())
        if image is None:
            missing.append(row[file].strip()[:100])
            continue
        own = Row(row[label].strip(), row[split].strip() if split is not None and len(row) > split else "")
        if found.get(image, own) != own:
            both = f"{found[image].label} (line {lines[image]}) and {own.label} (line {number})"
            raise DataError(f"{path}: {image.relative_to(folder)} is {both}; give one label per image")
        found[image], lines[image] = own, number
    if missing or not found:
        what = f"{len(missing)} image(s) are not in {folder}: {first_few(missing)}" if missing else "no image is listed"
        raise DataError(f"{path}: {what}; mend the list")
    _refuse_several(path, {row.label for row in found.values()})
    if all(_WHOLE.fullmatch(row.label) for row in found.values()):  # 1 and 1.0 are one class
        found = {image: Row(row.label.partition(".")[0], row.split) for image, row in found.items()}
    for text in find.notes:
        account.note(text)
    return dict(sorted(found.items()))


def has_labels(path: Path) -> bool:
    """Whether a list has a head with columns of files and labels.

    Raises:
        DataError: it cannot be read.
    """
    names = {name.strip().lower() for row in _read_rows(path, Account())[:1] for name in row}
    return bool(names & {*FILE_COLUMNS}) and bool(names & {*LABEL_COLUMNS})


def _read_rows(path: Path, account: Account) -> list[list[str]]:
    text = _decode(path, account)
    try:
        if path.suffix.lower() == ".jsonl":
            return _json_rows(text)
        text = text.lstrip("\r\n")
        if text[:4].lower() == "sep=":  # Excel's
            text = text.partition("\n")[2]
        mark = _delimiter(text)
        lines = (
            [line.split() for line in text.splitlines()]
            if mark == " "
            else csv.reader(io.StringIO(text, newline=""), delimiter=mark)
        )
        if not (rows := list(lines)):
            raise ValueError("empty")
        return rows
    except (csv.Error, ValueError, RecursionError):
        raise DataError(f"{path}: cannot be read as labels (not a CSV with a head and rows); {HOW}") from None


def _json_rows(text: str) -> list[list[str]]:
    """Lines of JSON as rows under a head, as the Hub's image folders have them."""
    items = [json.loads(line) for line in text.splitlines() if line.strip()]
    if not all(isinstance(item, dict) for item in items):
        raise ValueError("lines are no objects")
    plain = [{name: value for name, value in item.items() if not isinstance(value, list | dict)} for item in items]
    head = list(dict.fromkeys(name for item in plain for name in item))
    cells = [[item.get(name) for name in head] for item in plain]
    return [head, *(["" if cell is None else str(cell) for cell in row] for row in cells)]


def _decode(path: Path, account: Account) -> str:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise DataError(f"{path}: more than {MOST_BYTES >> 20} MiB, no list of labels; check the path")
        data = path.read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "no such name"
        raise DataError(f"{path}: cannot be read as labels ({reason}); {HOW}") from None
    if data[:2] in (b"\xff\xfe", b"\xfe\xff") or (data[1:2] == b"\0" and data[3:4] == b"\0"):
        account.note("the list is in UTF-16")
        encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-16-le"
        text = data.decode(encoding, errors="replace")
    else:
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError:
            account.note("the list is in Latin-1")
            text = data.decode("cp1252", errors="replace")
    if "\0" in text or path.suffix.lower() in (".xlsx", ".parquet", ".json"):
        raise DataError(f"{path}: cannot be read as labels (not a text with rows); save it as CSV")
    return text


def _delimiter(text: str) -> str:
    """What parts the columns: what gives the most lines as many columns as the first, at least two."""
    lines = [line for line in text.splitlines()[:200] if line.strip()]
    best, most = ",", 0
    for mark in (",", ";", "\t", "|"):
        widths = [len(row) for row in csv.reader(lines, delimiter=mark)]
        alike = sum(width == widths[0] for width in widths) if widths and widths[0] > 1 else 0
        if alike > most:
            best, most = mark, alike
    if not most and lines and all(len(line.split()) == 2 for line in lines):
        return " "
    return best


def _columns(
    rows: list[list[str]], path: Path, find: "_Finder", account: Account
) -> tuple[int, int, int | None, list[list[str]], int]:
    """Places of files, labels and parts, the rows without a head, and the number of the first row's line."""
    first = rows[0]
    there = [place for place, cell in enumerate(first) if find(cell.strip()) is not None]
    if there:
        account.note("the list has no head: its first line names an image")
        if len(first) != 2:
            raise DataError(f"{path}: no head, and {len(first)} columns; {HOW}")
        return there[0], 1 - there[0], None, rows, 1
    names = [name.strip().lower() for name in first]
    split = next((place for place, name in enumerate(names) if name in SPLIT_COLUMNS), None)
    file = next((place for wanted in FILE_COLUMNS for place, name in enumerate(names) if name == wanted), None)
    label = next((place for wanted in LABEL_COLUMNS for place, name in enumerate(names) if name == wanted), None)
    rest = [place for place, name in enumerate(names) if name and place != split and not name.startswith("unnamed")]
    if file is None and len(rows) > 1:
        file = next((place for place, cell in enumerate(rows[1]) if find(cell.strip()) is not None), None)
    if file is None and label is None and len(rest) == 2:
        file = rest[0]
    rest = [place for place in rest if place != file]
    label = rest[0] if label is None and len(rest) == 1 else label
    if label is None and not rest:  # the only other column is the label, whatever it is called
        label, split = split, None
    if file is None or label is None:
        marks = all(cell.strip() in ("0", "1", "0.0", "1.0") for row in rows[1:] for cell in row[1:])
        several = "; a column per class can mean several labels for an image" if marks and len(rest) > 1 else ""
        raise DataError(f"{path}: columns are {', '.join(first)[:200]}{several}; name one 'file' and one 'label'")
    return file, label, split, rows[1:], 2


def _check_row(where: str, row: list[str], width: int, file: int, label: int) -> None:
    if any("\n" in cell for cell in row):
        raise DataError(f"{where}: a quote is not closed; mend it")
    if any(cell.strip() for cell in row[width:]):
        raise DataError(f"{where} has {len(row)} columns, the first line {width}; put the label in quotes")
    if len(row) <= max(file, label) or is_missing(row[label]):
        raise DataError(f"{where}: no label; give one for each image, or leave the line away")


def _refuse_several(path: Path, labels: set[str]) -> None:
    """Refuse labels that are several: parts of them, between marks, are labels of other images; and fractions."""
    if any(_FRACTION.fullmatch(label) for label in labels):
        raise DataError(f"{path}: labels are numbers with fractions; give whole numbers or names of classes")
    for label in sorted(labels):
        for mark in ("|", ";", ","):
            pieces = {piece.strip() for piece in label.split(mark)}
            if len(pieces) > 1 and len(pieces & labels) == len(pieces):
                raise DataError(f"{path}: {label!r} looks like several labels for an image; give one label per image")
        if label.startswith("[") and label.endswith("]"):
            raise DataError(f"{path}: {label!r} looks like a list of labels for an image; give one label per image")


class _Finder:
    """Finds the image that a name in a list means.

    Args:
        folder: the folder.
        images: its images.
    """

    def __init__(self, folder: Path, images: Sequence[Path]) -> None:
        self.notes: dict[str, None] = {}
        self._exact = {path.relative_to(folder).as_posix(): path for path in images}
        self._loose: dict[str, list[Path]] = {}
        for name, path in self._exact.items():
            whole = {name.casefold(), name.casefold().rpartition("/")[2]}  # an image below counts by its own name, too
            for key in whole | {key.rpartition(".")[0] for key in whole if path.suffix}:
                self._loose.setdefault(key, []).append(path)

    def __call__(self, name: str) -> Path | None:
        """The image, or None."""
        plain = name.replace("\\", "/")
        while plain.startswith("./"):
            plain = plain[2:]
        if plain in self._exact:
            return self._exact[plain]
        parts = [part for part in plain.split("/") if part] if len(name) <= 4096 else []
        if ".." in parts:
            return None
        for start in range(len(parts)):
            rest = "/".join(parts[start:])
            found = [self._exact[rest]] if rest in self._exact else self._loose.get(rest.casefold(), [])
            if len(found) == 1:
                if start:
                    self.notes["paths in the list are taken within the folder"] = None
                if rest not in self._exact:
                    self.notes["file names in the list were completed (folder, suffix or case)"] = None
                return found[0]
        return None
