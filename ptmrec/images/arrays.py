"""Images in memory: arrays, tensors, and lists of images or of paths."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ptmrec.core.errors import ArtifactError, DataError
from ptmrec.core.files import read_npz
from ptmrec.core.words import first_few
from ptmrec.images.account import Account
from ptmrec.images.files import open_image, to_rgb
from ptmrec.images.labels import check_names, index_labels

if TYPE_CHECKING:
    from PIL import Image

SIZE = 32
"""Height and width in which the models of the zoo see images."""
WANTED = "give a path, PIL images, or an array (n, height, width, 3) uint8"
LAYOUTS = (("train_images", "train_labels"), ("images", "labels"))
"""Names of images and labels in an NPZ, the first that is there."""
TEST_LAYOUT = ("test_images", "test_labels")
"""Names of those to judge on."""


def read_labelled_npz(
    path: Path, account: Account, test: bool = False
) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """The images to learn from, or with ``test`` those to judge on, out of an NPZ of either layout.

    The layouts are ``train_images, train_labels`` (beside which ``test_images`` and others are left out) and
    ``images, labels``; both may name their classes in ``class_names``. Labels are ``(n,)`` whole numbers or text.

    Returns:
        ``(n, H, W, 3)`` uint8, ``(n,)`` int64, and the ``(C,)`` names.

    Raises:
        ArtifactError: missing or damaged file, pickled objects, arrays of neither layout.
        DataError: shapes, types or labels that do not fit together, or one class only.
    """
    arrays = read_npz(path)
    layouts = (TEST_LAYOUT,) if test else LAYOUTS
    names = next((layout for layout in layouts if set(layout) <= set(arrays)), None)
    if names is None:
        raise ArtifactError(
            f"{path}: holds {', '.join(sorted(arrays)) or 'nothing'}; expected arrays "
            f"{', or '.join(' and '.join(layout) for layout in layouts)}"
        )
    images = check_pixels(arrays[names[0]], f"{path}: {names[0]}", account)
    labels, class_names = index_labels(arrays[names[1]], len(images), f"{path}: {names[1]}")
    if "class_names" in arrays and arrays[names[1]].dtype.kind in "iu":
        labels = arrays[names[1]].reshape(-1).astype(np.int64)
        class_names = tuple(str(name) for name in arrays["class_names"].reshape(-1))
        check_names(class_names, f"{path}: class_names")
        if labels.min() < 0 or labels.max() >= len(class_names):
            least = f"{path}: {names[1]} must lie in 0..{len(class_names) - 1}"
            raise DataError(f"{least}, the {len(class_names)} names of class_names")
    for name, array in arrays.items():
        if name.endswith("_images") and name != names[0] and array.ndim == 4:
            account.leave(f"in {name}, not the training part", count=len(array))
    return images, labels, class_names


def check_pixels(images: Any, where: str, account: Account) -> np.ndarray:
    """An array or tensor as images ``(n, H, W, 3)`` uint8.

    Channels may come first, be one (grey) or four (transparent ones show white); tensors may be from 0 to 1.

    Raises:
        DataError: another shape or type; the message starts with ``where``.
    """
    if hasattr(images, "detach"):
        images = images.detach().cpu().numpy()
        if images.dtype.kind == "f" and images.size and 0 <= images.min() <= images.max() <= 1:
            account.note("tensors from 0 to 1 are read as 0 to 255")
            images = (images * 255).round().astype(np.uint8)
        elif images.dtype.kind == "f":
            raise DataError(f"{where}: tensors are not from 0 to 1; leave their normalisation away")
    if images.ndim == 4 and images.shape[1] in (1, 3, 4) and images.shape[3] not in (1, 3, 4):
        account.note("channels come first")
        images = np.moveaxis(images, 1, 3)
    if images.ndim != 4 or images.shape[-1] not in (1, 3, 4) or images.dtype != np.uint8 or 0 in images.shape:
        raise DataError(f"{where}: is {images.dtype} {images.shape}, expected uint8 (n, height, width, 3)")
    if images.shape[-1] == 1:
        account.note("one channel is read as grey")
        return np.repeat(images, 3, axis=3)
    if images.shape[-1] == 4:
        account.note("a fourth channel is read as transparency, on white")
        alpha = images[..., 3:].astype(np.float32) / 255
        return np.rint(images[..., :3] * alpha + 255 * (1 - alpha)).astype(np.uint8)
    return images


def read_list(items: Sequence[Any], account: Account, skip_unreadable: bool) -> "tuple[list[Image.Image], list[int]]":
    """Images of a list of PIL images, arrays, tensors or paths, and the positions of those that are used.

    Raises:
        DataError: nothing, something else among them, or files that do not decode.
    """
    images, kept, broken = [], [], []
    for place, item in enumerate(items):
        if not isinstance(item, str | Path):
            images.append(picture(item, "images"))
            kept.append(place)
            continue
        path = Path(item).expanduser()
        try:
            images.append(open_image(path))
            kept.append(place)
        except DataError as error:
            reason = "a folder" if os.path.isdir(path) else str(error) if os.path.exists(path) else "no such file"
            broken.append(f"{str(path)[:200]} ({reason})")
    if broken and not skip_unreadable:
        raise DataError(f"images: {len(broken)} file(s) cannot be read: {first_few(broken, '; ')}; mend the list")
    if not images:
        raise DataError(f"images: nothing; {WANTED}")
    account.leave("that do not decode", broken)
    return images, kept


def picture(image: Any, where: str) -> "Image.Image":
    """One image as RGB: a PIL image, a tensor ``(3, H, W)`` from 0 to 1, or an array ``(H, W[, 3])`` uint8.

    Raises:
        DataError: something else; the message starts with ``where``.
    """
    from PIL import Image

    if isinstance(image, Image.Image):
        return to_rgb(image)
    if hasattr(image, "permute"):
        pixels = image.detach().cpu()
        pixels = (pixels.permute(1, 2, 0) if pixels.ndim == 3 else pixels).numpy()
        if pixels.dtype != np.uint8 and not (pixels.size and 0 <= pixels.min() <= pixels.max() <= 1):
            raise DataError(f"{where}: tensors are not from 0 to 1; leave its normalisation away")
        image = pixels if pixels.dtype == np.uint8 else (pixels * 255).round().astype(np.uint8)
    if isinstance(image, np.ndarray) and image.dtype == np.uint8 and image.ndim in (2, 3) and 0 not in image.shape:
        image = image[..., 0] if image.shape[2:] == (1,) else image
        if image.ndim == 2 or image.shape[2] in (3, 4):
            return to_rgb(Image.fromarray(image))
    what = f"{image.dtype} {image.shape}" if isinstance(image, np.ndarray) else ""
    raise DataError(f"{where}: a list with a {type(image).__name__} {what} in it; {WANTED}")


def shrink(images: "np.ndarray | Sequence[Image.Image]", side: int = SIZE) -> np.ndarray:
    """Images ``(n, S, S, 3)`` uint8 in a size of ``side`` pixels, or of the largest of them where that is less."""
    from PIL import Image

    pictures = [Image.fromarray(image) if isinstance(image, np.ndarray) else image for image in images]
    side = max(SIZE, min(side, max(max(picture.size) for picture in pictures)))
    squares = (picture.convert("RGB").resize((side, side), Image.Resampling.BICUBIC) for picture in pictures)
    return np.stack([np.asarray(square) for square in squares])
