"""Image files of unknown origin: finding them in folders, and opening them without surprises."""

import os
import struct
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ptmrec.errors import UNFIT, DataError, one_line

if TYPE_CHECKING:
    from PIL import Image

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm"})
IMAGE_FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM")
"""The only decoders ever tried, whatever a file is called: others (EPS) start programs or are rarely maintained."""
MAX_PIXELS = 64_000_000
"""Pixels of the largest image that is decoded; a file of half a megabyte can announce far more."""
MAX_SIDE = 512
"""Images are shrunk to this many pixels while reading, so that a folder of photographs fits into memory."""


def find_image_files(folder: Path) -> list[Path]:
    """Image files of a folder and below, sorted; hidden files and folders are passed over.

    Raises:
        DataError: the folder, or one below it, may not be read.
    """

    def refuse(error: OSError) -> None:
        raise DataError(f"{error.filename}: cannot be read ({error.strerror}); allow reading it, or remove it")

    files = []
    for place, folders, names in os.walk(folder, onerror=refuse):
        folders[:] = [name for name in folders if not name.startswith(".")]
        images = [Path(place, name) for name in names if not name.startswith(".")]
        try:
            files += [path for path in images if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file()]
        except PermissionError as error:  # a folder that may be listed, but not entered
            refuse(error)
    return sorted(files)


def list_folders(folder: Path) -> list[Path]:
    """Sub-folders that are not hidden, sorted.

    Raises:
        DataError: the folder may not be read.
    """
    try:
        return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    except OSError as error:
        raise DataError(f"{folder}: cannot be read ({error.strerror}); allow reading it, or remove it") from None


def open_image(path: Path) -> "Image.Image":
    """An image file as 8-bit RGB with at most :data:`MAX_SIDE` pixels a side.

    Raises:
        DataError: the file is none of :data:`IMAGE_FORMATS`, too large, or does not decode; the message
            says why, not where.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # refused here, at a smaller size
            with Image.open(path, formats=IMAGE_FORMATS) as image:
                if image.width * image.height > MAX_PIXELS:
                    raise DataError(f"{image.width} x {image.height} pixels, more than {MAX_PIXELS // 10**6} million")
                return to_rgb(image)
    except UnidentifiedImageError:
        raise DataError(f"not one of {', '.join(IMAGE_FORMATS)}") from None
    except (OSError, EOFError, SyntaxError, struct.error, Image.DecompressionBombError, *UNFIT) as error:
        raise DataError(one_line(error) or type(error).__name__) from None


def to_rgb(image: "Image.Image") -> "Image.Image":
    """A PIL image as 8-bit RGB, shrunk to :data:`MAX_SIDE`.

    Modes deeper than 8 bit (``I;16``, ``I``, ``F``) are scaled from the image's own range to 0..255. Pillow's
    conversion would clip them, which turns most 16-bit images white.
    """
    from PIL import Image

    if image.mode == "F" or image.mode.startswith("I"):
        image = Image.fromarray(_to_8_bit(np.asarray(image).astype(np.float64)))
    else:
        image = image.copy()
    image.thumbnail((MAX_SIDE, MAX_SIDE))
    return image.convert("RGB")


def _to_8_bit(values: np.ndarray) -> np.ndarray:
    """Values ``(H, W)`` float64 as uint8: smallest 0, largest 255; without a range, and where not finite, 0."""
    finite = np.isfinite(values)
    low, high = (values[finite].min(), values[finite].max()) if finite.any() else (0.0, 0.0)
    scaled = (np.where(finite, values, low) - low) / ((high - low) or 1.0)
    return np.rint(scaled * 255).astype(np.uint8)
