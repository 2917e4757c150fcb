"""Data sets of other libraries: torchvision's (items are pairs) and the Hub's (items are dictionaries)."""

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from ptmrec.core.errors import DataError, brief
from ptmrec.images.account import Account
from ptmrec.images.arrays import picture
from ptmrec.images.folders import part_of
from ptmrec.images.labels import as_objects, is_missing

if TYPE_CHECKING:
    from PIL import Image

IMAGE_KEYS, LABEL_KEYS = ("image", "img", "pixel_values"), ("label", "labels", "fine_label", "target")
UNLABELLED_IMAGES = 400
MOST = 4000
"""Items read of a data set that does not tell its labels without its images."""
IMAGES_PER_CLASS, IMAGES = 40, 1000
"""Images used: so many of each class, and more where there are few classes, up to so many in all. Decoding and looking
at a thousand takes two or three seconds; candidates that are verified are judged on all of them."""
TUNED_IMAGES = 10_000
"""Images that a model is fine-tuned on at most."""


def is_dataset(source: Any) -> bool:
    """Whether something is a data set of items, and no list or array of images."""
    return hasattr(source, "__getitem__") and hasattr(source, "__len__") and not isinstance(source, list | tuple)


def read_dataset(
    source: Any, account: Account, whole: bool = False
) -> "tuple[list[Image.Image], list | None, dict[Any, int]]":
    """Images and labels of a data set, as many of each class as are used, or :data:`UNLABELLED_IMAGES` without labels.

    With ``whole`` as many as a model is fine-tuned on.

    Returns:
        Images, a label for each (a class name where the data set tells it) or None, and how many images each class
        has as far as that is known.

    Raises:
        DataError: it is empty, its items are neither pairs nor dictionaries of an image and a label, or it fails.
    """
    source = _training_part(source, account)
    others = account.found(0)
    kind, total = type(source).__name__, len(source)
    if not total:
        raise DataError(f"{kind}: the data set is empty")
    told = _labels(source, kind)
    there = np.arange(total) if told is None else _labelled(told, account)
    limit = images_per_class(0 if told is None else len(set(told[there].tolist())), whole)
    if told is None:  # in no fixed step, which could miss every item of some classes
        wanted = np.sort(np.random.default_rng(0).permutation(total)[: TUNED_IMAGES if whole else MOST])
    else:
        wanted = _some(told, there, limit)
    items = [_split(_item(source, int(index), kind), kind) for index in wanted]
    images = [picture(image, kind) for image, _ in items]
    labels = [label for _, label in items]
    beyond = total - (account.found(0) - others) - len(items)
    if all(label is None for label in labels):
        kept = [images[index] for index in evenly(len(images), UNLABELLED_IMAGES)]
        account.leave(not_needed(UNLABELLED_IMAGES, True), count=beyond + len(images) - len(kept))
        return kept, None, {}
    account.leave(not_needed(limit, False), count=beyond)
    names = _names(source)
    labels = [_name(label, names, kind) for label in labels]
    sizes = Counter(labels) if told is None else Counter(_name(label, names, kind) for label in told[there])
    return images, labels, dict(sizes)


def _training_part(source: Any, account: Account) -> Any:
    """The training part of a dictionary of data sets, as the Hub gives them."""
    if not isinstance(source, dict):
        return source
    parts = {name: part for name, part in source.items() if hasattr(part, "__len__")}
    training = [name for name in parts if part_of(str(name)) == "train"]
    if len(training) != 1:
        held = ", ".join(map(str, source)) or "nothing"
        raise DataError(f"{type(source).__name__}: holds {held}; give the data set of the training images")
    for name, part in parts.items():
        if name != training[0]:
            account.leave(f"in the part {name}", count=len(part))
    account.note(f"of a dictionary of data sets the part {training[0]}")
    return parts[training[0]]


def _labels(source: Any, kind: str) -> np.ndarray | None:
    """Labels without reading images: torchvision calls them targets, the Hub has columns."""
    told = getattr(source, "targets", None)
    for key in LABEL_KEYS:
        if told is None and key in (getattr(source, "column_names", None) or ()):
            told = source[key]
    if told is None:
        return None
    told = told.tolist() if hasattr(told, "tolist") else list(told)
    if any(isinstance(label, list | tuple | set | dict) for label in told):
        raise DataError(f"{kind}: several labels for an image; give one label per image")
    return as_objects(told) if len(told) == len(source) else None


def _labelled(told: np.ndarray, account: Account) -> np.ndarray:
    """Positions of the images with a label; the Hub marks those it keeps to itself with -1."""
    blank = np.array([is_missing(label) or label == -1 for label in told.tolist()])
    account.leave("without a label", count=int(blank.sum()))
    if blank.all():
        raise DataError("no item of the data set has a label; give its training part, or the images alone")
    return np.flatnonzero(~blank)


def _some(told: np.ndarray, there: np.ndarray, limit: int) -> np.ndarray:
    """Positions of the images to read, at most so many of each class."""
    codes = {label: code for code, label in enumerate(dict.fromkeys(told[there].tolist()))}
    return there[spread(np.array([codes[label] for label in told[there].tolist()]), limit)]


def _item(source: Any, index: int, kind: str) -> Any:
    try:
        return source[index]
    except Exception as error:  # a data set runs whatever its author wrote
        raise DataError(f"{kind}: item {index} cannot be read ({brief(error)}); mend the data set") from None


def _names(source: Any) -> list[str]:
    if getattr(source, "classes", None):
        return [str(name) for name in source.classes]
    features = getattr(source, "features", None) or {}
    found = [features[key].names for key in LABEL_KEYS if key in features and hasattr(features[key], "names")]
    return list(found[0]) if found else []


def _name(label: Any, names: list[str], kind: str) -> Any:
    if not names or not isinstance(label, int):
        return label
    if not 0 <= label < len(names):
        raise DataError(f"{kind}: label {label} is none of its {len(names)} classes; mend the data set")
    return names[label]


def not_needed(limit: int, unlabelled: bool) -> str:
    """Why images are left out that could have been used."""
    return f"not needed: at most {limit}{'' if unlabelled else ' of a class'} are used, evenly spread"


def images_per_class(classes: int, whole: bool = False) -> int:
    """Most images of a class that are used where there are so many classes; 0: nobody knows.

    With ``whole`` those that a model is fine-tuned on.
    """
    return max(IMAGES_PER_CLASS, (TUNED_IMAGES if whole else IMAGES) // classes if classes else 0)


def evenly(count: int, limit: int) -> np.ndarray:
    """Positions of at most ``limit`` of ``count`` things, evenly spread over them."""
    return np.arange(count) if count <= limit else np.arange(limit) * count // limit


def spread(labels: np.ndarray, limit: int) -> np.ndarray:
    """Positions ``(k,)`` of at most ``limit`` images of each class, evenly spread over it."""
    groups = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    return np.sort(np.concatenate([group[evenly(len(group), limit)] for group in groups]))


def _split(item: Any, kind: str) -> "tuple[Any, Any]":
    if isinstance(item, dict):
        image = next((item[key] for key in IMAGE_KEYS if key in item), None)
        label = next((item[key] for key in LABEL_KEYS if key in item), None)
    else:
        image, label = item if isinstance(item, tuple | list) and len(item) == 2 else (item, None)
    if image is None or isinstance(image, str | bytes):
        raise DataError(f"{kind}: items should be (image, label) or have 'image' and 'label'")
    if hasattr(label, "item"):
        label = label.item() if np.ndim(label) == 0 or np.size(label) == 1 else tuple(np.asarray(label).tolist())
    if isinstance(label, list | tuple | set | dict):
        raise DataError(f"{kind}: several labels for an image; give one label per image")
    return image, label
