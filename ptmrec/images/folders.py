"""Folders of images: which files are images, which class and which part of the data set each is of."""

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ptmrec.core.errors import DataError
from ptmrec.images.account import Account
from ptmrec.images.files import BESIDE, CONVERT, IMAGE_SUFFIXES, SYSTEM, UNREAD, find_files, is_image_file, list_folders
from ptmrec.images.labels import LISTS, check_names, has_labels, read_label_file

WANTED = "give a folder with one sub-folder per class, or of images"
_PARTS = {
    "train": "train training trainings trn tr",
    "val": "val valid validation validate dev development eval evaluation holdout",
    "test": "test testing tst ts te",
}
_PART_NAMES = {word: part for part, words in _PARTS.items() for word in words.split()}
_ADDED = frozenset(
    "daten bilder set sets data dataset datasets image images img imgs split splits part folder fold the".split()
)
"""Words that people put before or after the name of a part: ``training_set``, ``imagesTrain``, ``train-images``."""
_HOLDERS = frozenset("images image imgs img data photos pictures jpegimages pics raw files all dataset".split())
"""Names of folders that hold images and name no class."""
LINKS = "not followed or opened: links that lead nowhere or back, pipes and the like"
METADATA = ("metadata.csv", "metadata.jsonl")
"""Names of the Hub's lists of labels, beside the images."""
ARCHIVES = frozenset(".zip .tar .gz .tgz .7z .rar .xz .bz2 .zst".split())
_GLUED = re.compile(
    "(trainings?|train|trn|validation|valid|val|testing|test|tst)(sets?|data|datasets?|images?|imgs?|daten|bilder)"
)


@dataclass(frozen=True)
class Listing:
    """What a folder holds, before any image is opened.

    Attributes:
        folder: the folder.
        files: its images, sorted within their classes.
        classes: class of each, all empty when there are none.
        parts: ``train``, ``val`` or ``test`` of each, all empty when the folder is not split.
        part: path of the training part within the folder, empty when it is not split.
        base: the folder of the classes that are read.
        empty: folder of a class without an image -> why it has none.
        account: what was left out.
    """

    folder: Path
    files: tuple[Path, ...] = ()
    classes: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    part: str = ""
    base: Path = Path()
    empty: dict[str, str] = field(default_factory=dict)
    account: Account = field(default_factory=Account)

    def groups(self, wanted: Sequence[str] = ("", "train")) -> dict[str, list[Path]]:
        """Class -> its images of the parts wanted; of the training part (of all, where it is not split) by default."""
        groups: dict[str, list[Path]] = {}
        for path, label, part in zip(self.files, self.classes, self.parts, strict=True):
            if part in wanted:
                groups.setdefault(label, []).append(path)
        return groups


def part_of(name: str, column: bool = False) -> str:
    """Which part of a data set a folder of this name is: train, val, test, or none.

    Args:
        name: the name.
        column: it is a value of a column of parts, where ``tr`` and ``te`` alone say enough.
    """
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    words = []
    for word in re.findall("[a-z]+", spaced.lower()):
        glued = _GLUED.fullmatch(word)
        words += glued.groups() if glued else [word]
    if not column and len(words) == 1 and len(words[0]) == 2:
        return ""
    named = {_PART_NAMES[word] for word in words if word in _PART_NAMES}
    return named.pop() if len(named) == 1 and all(word in _PART_NAMES or word in _ADDED for word in words) else ""


def list_images(folder: Path, labels: Path | None = None) -> Listing:
    """List the images of a folder with their classes and parts.

    Args:
        folder: one sub-folder per class, images only, or parts (``train/``, ``training_set/``, ``images/train/``, ...)
            of either kind, also parts within each class. ``metadata.csv`` or ``metadata.jsonl`` beside images only
            gives their classes, as the Hub's image folders have it.
        labels: a list of file names and classes, in place of sub-folders.

    Raises:
        DataError: no such folder, no image in it, parts that cannot be told from classes, or classes that cannot be
            told apart.
    """
    if not os.path.isdir(folder):  # of a name that is too long pathlib would raise
        raise DataError(_not_a_folder(folder))
    account = Account()
    images = _find_images(folder, account, {labels} if labels else set())
    if labels is not None:
        return _listed(folder, labels, images, account)
    _refuse_unread_training(folder, images)
    base, parts = _find_parts(folder, images)
    listing = Listing(folder, account=account)
    for name, group in parts.items():
        listing = _with_part(listing, base / name, part_of(name), group)
    listing = _with_inner_parts(listing) if not any(listing.parts) else listing
    check_names(set(listing.classes), str(folder))
    _note_joined(listing)
    return listing if any(listing.classes) else _with_metadata(listing)


def _not_a_folder(path: Path) -> str:
    if not os.path.isfile(path):
        return f"{path}: no such folder; {WANTED}"
    suffix = path.suffix.lower()
    if suffix in IMAGE_SUFFIXES:
        return f"{path}: a single image, where a data set is wanted; {WANTED}"
    if suffix == ".npz":
        return f"{path}: an NPZ image set, where a folder is wanted; {WANTED}"
    if suffix in LISTS:
        return f"{path}: a list, where images are wanted; give their folder, and this as labels"
    if suffix in ARCHIVES:
        return f"{path}: an archive; unpack it and give the folder"
    return f"{path}: neither a folder nor an NPZ image set; {WANTED}"


def _find_images(folder: Path, account: Account, lists: set[Path]) -> list[Path]:
    """The images of a folder; all other files but lists of labels are left out, by what they are."""
    files, links = find_files(folder)
    images, others = [], {}
    for path in files:
        place, suffix = path.relative_to(folder), path.suffix.lower()
        if any(name.lower() in SYSTEM for name in place.parts):
            others.setdefault("left by a system", []).append(place)
        elif is_image_file(path):
            images.append(path)
        elif path in lists or path.name in METADATA:
            continue
        elif suffix in UNREAD:
            others.setdefault(f"{suffix}, not read here: {CONVERT}", []).append(place)
        else:
            others.setdefault(f"{path.suffix[:20] or 'without suffix'}, no images", []).append(place)
    for why, names in others.items():
        account.leave(why, names)
    account.leave(LINKS, [link.relative_to(folder) for link in links])
    odd = sum(path.suffix.lower() not in IMAGE_SUFFIXES for path in images)
    if odd:
        account.note(f"{odd} by first bytes, as the names do not say that they are images")
    if not images:
        looked = f"no images found (looked for {', '.join(sorted(IMAGE_SUFFIXES))})"
        raise DataError(f"{folder}: {_unread(files) or looked}")
    return images


def _unread(files: Iterable[Path]) -> str:
    """Say that there are pictures among some files that are not read here; empty where there are none."""
    suffixes = sorted({path.suffix for path in files if path.suffix.lower() in UNREAD})
    return f"its images are {', '.join(suffixes)}, which are not read here; {CONVERT}" if suffixes else ""


def _refuse_unread_training(folder: Path, images: Sequence[Path]) -> None:
    """Refuse a training part of nothing but files that are not read: another part would be taken for the data set."""
    there = {path.relative_to(folder).parts[0] for path in images}
    for part in sorted(path for path in folder.iterdir() if path.is_dir() and part_of(path.name) == "train"):
        unread = _unread(part.rglob("*"))
        if unread and part.name not in there:
            raise DataError(f"{part}: {unread}")


def _by_folder(base: Path, images: Sequence[Path]) -> dict[str, list[Path]]:
    """Images by the folder within ``base`` they lie in; those directly in it have none."""
    groups: dict[str, list[Path]] = {}
    for path in images:
        parts = path.relative_to(base).parts
        groups.setdefault(parts[0] if len(parts) > 1 else "", []).append(path)
    return groups


def _find_parts(folder: Path, images: list[Path]) -> tuple[Path, dict[str, list[Path]]]:
    """The folder that holds parts or classes, and the images of each part; all as one where there are no parts.

    Raises:
        DataError: the folder is a wrapper of another one, or its parts cannot be told from classes.
    """
    base = folder
    while set(inner := _by_folder(base, images)) != {""} and len(inner) == 1:
        (name,) = inner
        deeper = _by_folder(base / name, images)
        if part_of(name) == "train" or set(deeper) == {""}:
            break
        if name.lower() not in _HOLDERS and not any(part_of(other) == "train" for other in deeper):
            raise DataError(f"{folder}: holds one folder only ({name}); did you mean {base / name}?")
        base = base / name
    return base, _split(folder, inner) or {"": images}


def _split(folder: Path, inner: dict[str, list[Path]]) -> dict[str, list[Path]]:
    """The parts among folders with images; none when the folders are classes.

    Raises:
        DataError: parts cannot be told from classes, or there is none to train on.
    """
    names = [name for name in inner if name]
    training = [name for name in names if part_of(name) == "train"]
    odd = [name for name in names if not part_of(name)]
    judging = len(names) - len(training) - len(odd)
    holds = any(len({path.parts[:-1] for path in inner[name]}) > 1 for name in names if name not in odd)
    if odd and holds:  # a part with folders of its own, beside others: no class looks like this
        judging = max(judging, 1)
        training = training or [name for name in names if name not in odd][:1]
    if (not training and (odd or judging < 2)) or (training and odd and not judging):
        return {}
    advice = "give the folder of the training images"
    if odd:
        raise DataError(f"{folder}: holds parts ({', '.join(training)}, ...) and, besides, {', '.join(odd)}; {advice}")
    if len(training) != 1:
        what = "several training parts" if training else "no training part"
        raise DataError(f"{folder}: holds {what} ({', '.join(training or names)}); {advice}")
    return inner


def _with_part(listing: Listing, place: Path, part: str, images: list[Path]) -> Listing:
    """The listing with one more part, or with all images where there are no parts."""
    folder, account, inner = listing.folder, listing.account, _by_folder(place, images)
    while len(inner) == 1 and next(iter(inner)).lower() in _HOLDERS:
        place = place / next(iter(inner))
        inner = _by_folder(place, images)
    if len(inner) > 1 and "" in inner:
        account.leave("beside the folders of classes or parts", [path.relative_to(folder) for path in inner.pop("")])
    files = [path for group in inner.values() for path in group]
    classes = [name for name, group in inner.items() for _ in group]
    return replace(
        listing,
        files=(*listing.files, *files),
        classes=(*listing.classes, *classes),
        parts=(*listing.parts, *([part] * len(files))),
        part=str(place.relative_to(folder)) if part == "train" else listing.part,
        base=place if part in ("", "train") else listing.base,
        empty=listing.empty | _empty_classes(folder, place, inner),
    )


def _empty_classes(folder: Path, place: Path, inner: dict[str, list[Path]]) -> dict[str, str]:
    """Folders beside those of the classes that hold no image, with the reason, unless they are no classes."""
    found = {}
    for path in list_folders(place):
        if path.name in inner or part_of(path.name):
            continue
        files = find_files(path)[0]
        why = _unread(files)
        beside = "" in inner or path.is_symlink() or any(file.suffix.lower() in BESIDE for file in files)
        if why or not beside:
            found[str(path.relative_to(folder))] = why or "no image in this class; remove the folder or add images"
    return found


def _with_inner_parts(listing: Listing) -> Listing:
    """The same with the parts that each class has of its own, as in ``cat/train`` beside ``dog/train``.

    Raises:
        DataError: some classes have such parts and others do not.
    """
    parts = []
    for path, label in zip(listing.files, listing.classes, strict=True):
        within = path.relative_to(listing.base / label).parts
        parts.append(part_of(within[0]) if label and len(within) > 1 else "")
    of_class: dict[str, set[str]] = {}
    for label, part in zip(listing.classes, parts, strict=True):
        of_class.setdefault(label, set()).add(part)
    if not any({"train"} < found for found in of_class.values()):
        return listing
    if not all("train" in found and "" not in found for found in of_class.values()):
        raise DataError(f"{listing.folder}: some classes have a training part and others none; mend the folders")
    return replace(listing, parts=tuple(parts), part="*/train")


def _note_joined(listing: Listing) -> None:
    """Say so when every class holds the same sub-folders: they may be the classes, and the folders parts."""
    inner: dict[str, set[str]] = {}
    for path, label in zip(listing.files, listing.classes, strict=True):
        within = path.relative_to(listing.base).parts if path.is_relative_to(listing.base) else ()
        if label and len(within) > 2:
            inner.setdefault(label, set()).add(within[1])
    if len(inner) > 1 and len(inner) == len(set(listing.classes)):
        (first, *others) = inner.values()
        if len(first) > 1 and all(names == first for names in others):
            held = ", ".join(sorted(first)[:3])
            listing.account.note(f"classes {', '.join(sorted(inner)[:3])}; each holds the folders {held}, joined")


def _listed(folder: Path, labels: Path, images: list[Path], account: Account) -> Listing:
    rows = read_label_file(labels, folder, images, account)
    account.leave("without a row in the list", [path.relative_to(folder) for path in images if path not in rows])
    parts = tuple(part_of(row.split, column=True) for row in rows.values())
    if not any(parts):
        first = [part_of(path.relative_to(folder).parts[0]) for path in rows]
        parts = tuple(first) if {"train"} < {*first} else parts
    values = sorted({row.split for row in rows.values() if row.split})
    if any(parts) and "train" not in parts:
        raise DataError(f"{labels}: its column split names no training part; mend it")
    if values and not any(parts):
        account.note(f"all rows, as no value of the column split ({', '.join(values[:3])}, ...) is known as a part")
    if "train" in parts:
        account.note(f"the training rows of {labels.name}")
        parts = tuple(own or "other" for own in parts)
    names = tuple(row.label for row in rows.values())
    check_names({*names}, str(labels))
    return Listing(folder, tuple(rows), names, parts, "", folder, account=account)


def _with_metadata(listing: Listing) -> Listing:
    """The same with classes from the Hub's list beside images that have none."""
    places = (listing.base, listing.folder if listing.part else listing.base)
    paths = [place / name for place in places for name in METADATA]
    path = next((path for path in paths if path.is_file() and has_labels(path)), None)
    if path is None:
        return listing
    if path.parent != listing.base:  # a list of all parts, at the top
        return _listed(listing.folder, path, list(listing.files), listing.account)
    images = [image for group in listing.groups().values() for image in group]
    found = _listed(listing.base, path, images, listing.account)
    listing.account.note(f"classes are those of {path.relative_to(listing.folder)}")
    part = "train" if listing.part else ""
    rest = [at for at, other in enumerate(listing.parts) if other not in ("", "train")]
    return replace(
        listing,
        files=(*found.files, *(listing.files[at] for at in rest)),
        classes=(*found.classes, *("" for _ in rest)),
        parts=(*(own or part for own in found.parts), *(listing.parts[at] for at in rest)),
    )
