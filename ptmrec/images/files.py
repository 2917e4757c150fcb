"""Image files of unknown origin: finding them in folders, and opening them without surprises."""

import os
import struct
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ptmrec.core.errors import UNFIT, DataError, one_line

if TYPE_CHECKING:
    from PIL import Image

FORMATS = {
    "PNG": (".png", ".apng"),
    "JPEG": (".jpg", ".jpeg", ".jfif", ".jpe", ".mpo"),
    "BMP": (".bmp",),
    "DIB": (".dib",),
    "GIF": (".gif",),
    "WEBP": (".webp",),
    "TIFF": (".tif", ".tiff"),
    "PPM": (".ppm", ".pgm", ".pbm", ".pnm", ".pfm"),
    "AVIF": (".avif", ".avifs"),
    "JPEG2000": (".jp2", ".j2k", ".jpc", ".jpf", ".jpx", ".j2c"),
    "ICO": (".ico",),
    "QOI": (".qoi",),
    "SGI": (".bw", ".rgb", ".rgba", ".sgi"),
    "DDS": (".dds",),
    "PCX": (".pcx",),
    "XBM": (".xbm",),
    "XPM": (".xpm",),
}
"""Pillow's decoders and their suffixes. They are tried whatever a file is called; others start programs (EPS), need
what is not installed, or are rarely maintained."""
LOOSE = {".tga": "TGA", ".icb": "TGA", ".vda": "TGA", ".vst": "TGA", ".msp": "MSP"}
"""Suffix -> decoder that takes almost any bytes for an image, and so is tried on files of this name only."""
IMAGE_FORMATS = tuple(FORMATS)
IMAGE_SUFFIXES = frozenset(suffix for suffixes in FORMATS.values() for suffix in suffixes) | {*LOOSE}
UNREAD = frozenset(
    ".heic .heif .hif .jxl .jxr .svg .eps .ps .psd .ai .dcm .exr .hdr .raw .cr2 .cr3 .nef .arw .dng .orf .rw2 .raf "
    ".mp4 .mov .avi .webm .mkv .nii .npy .icns .fits .wmf .emf".split()
)
"""Suffixes of pictures that are not read here: a class of nothing else is named, never passed over."""
CONVERT = "convert them to PNG or JPEG, such as with: magick mogrify -format png FILES"
BESIDE = frozenset(".txt .xml .json .jsonl .csv .tsv .md .rst .yaml .yml .html .htm .pdf .log .ini .toml .py".split())
"""Suffixes of what lies beside images and is none."""
SYSTEM = frozenset({"__macosx", "thumbs.db", "desktop.ini", "@eadir", "$recycle.bin", "__pycache__", "lost+found"})
"""Folders and files that systems leave behind."""
_SIGNATURES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"II*\0", b"MM\0*", b"\0\0\0\x0cjP  ")
MAX_PIXELS = 64_000_000
"""Pixels of the largest image that is decoded; a file of half a megabyte can announce far more."""
MAX_SIDE = 512
"""Images are shrunk to this many pixels while reading, so that a folder of photographs fits into memory."""
TURNED, FLATTENED = "turned as their EXIF orientation says", "with transparency, on white"
"""What :func:`open_image` may do to an image; named in its ``info["read_as"]``."""
_ORIENTATION = 0x0112
_TURNS = {2: "FLIP_LEFT_RIGHT", 3: "ROTATE_180", 4: "FLIP_TOP_BOTTOM", 5: "TRANSPOSE", 6: "ROTATE_270"}
_TURNS |= {7: "TRANSVERSE", 8: "ROTATE_90"}


def find_files(folder: Path) -> tuple[list[Path], list[Path]]:
    """Every file of a folder and below, and what is none or not followed, both sorted; hidden ones are passed over.

    Links to folders elsewhere are followed once; one that leads into the folder itself or above it would show the same
    images again.

    Raises:
        DataError: the folder, or one below it, may not be read.
    """

    def refuse(error: OSError) -> None:
        raise DataError(f"{error.filename}: cannot be read ({error.strerror}); allow reading it, or remove it")

    files, links, seen = [], [], set()
    for place, folders, names in os.walk(folder, onerror=refuse, followlinks=True):
        kept = []
        for name in sorted(name for name in folders if not name.startswith(".")):
            path = Path(place, name)
            target = os.path.realpath(path)
            if path.is_symlink() and (target in seen or _leads_back(target, folder)):
                links.append(path)
                continue
            seen.add(target)
            kept.append(name)
        folders[:] = kept
        visible = [Path(place, name) for name in names if not name.startswith(".")]
        try:
            for path in visible:
                (files if path.is_file() else links).append(path)
        except PermissionError as error:  # a folder that may be listed, but not entered
            refuse(error)
    return sorted(files), sorted(links)


def _leads_back(target: str, folder: Path) -> bool:
    """Whether the target of a link is the folder, lies above it, or within it where it is read anyway."""
    root = os.path.realpath(folder)
    if root == target or root.startswith(target.rstrip(os.sep) + os.sep):
        return True
    within = target.removeprefix(root + os.sep)
    return within != target and not any(part.startswith(".") for part in within.split(os.sep))


def is_image_file(path: Path) -> bool:
    """Whether a file is an image by its suffix or, where that says nothing, by its first bytes."""
    suffix = path.suffix.lower()
    if suffix in IMAGE_SUFFIXES or suffix in UNREAD or suffix in BESIDE:
        return suffix in IMAGE_SUFFIXES
    try:
        with path.open("rb") as file:
            head = file.read(12)
    except OSError:
        return False
    return head.startswith(_SIGNATURES) or (head[:4] == b"RIFF" and head[8:] == b"WEBP")


def list_folders(folder: Path) -> list[Path]:
    """Sub-folders that are neither hidden nor left by a system, sorted.

    Raises:
        DataError: the folder may not be read.
    """
    try:
        folders = [path for path in folder.iterdir() if path.is_dir()]
    except OSError as error:
        raise DataError(f"{folder}: cannot be read ({error.strerror}); allow reading it, or remove it") from None
    return sorted(path for path in folders if not path.name.startswith(".") and path.name.lower() not in SYSTEM)


def open_image(path: Path) -> "Image.Image":
    """An image file as 8-bit RGB with at most :data:`MAX_SIDE` pixels a side, see :func:`to_rgb`.

    Raises:
        DataError: the file is none of :data:`IMAGE_FORMATS`, too large, or does not decode; the message
            says why, not where.
    """
    from PIL import Image, UnidentifiedImageError

    loose = LOOSE.get(path.suffix.lower())
    formats = [*IMAGE_FORMATS, *([loose] if loose else ())]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what Pillow warns of is refused, or handled, here
            with Image.open(path, formats=formats) as image:
                if image.width * image.height > MAX_PIXELS:
                    raise DataError(f"{image.width} x {image.height} pixels, more than {MAX_PIXELS // 10**6} million")
                return to_rgb(image)
    except UnidentifiedImageError:
        raise DataError(f"not one of {', '.join(IMAGE_FORMATS)}") from None
    except (OSError, EOFError, SyntaxError, struct.error, Image.DecompressionBombError, *UNFIT) as error:
        raise DataError(one_line(error) or type(error).__name__) from None


def to_rgb(image: "Image.Image") -> "Image.Image":
    """A PIL image as 8-bit RGB, shrunk to :data:`MAX_SIDE`, turned and blended as viewers show it.

    It is turned as its EXIF orientation says, and what is transparent shows white. Modes deeper than 8 bit (``I;16``,
    ``I``, ``F``) are scaled from the image's own range to 0..255: Pillow's conversion would clip them, which turns
    most 16-bit images white. What was done is named in ``info["read_as"]``.
    """
    from PIL import Image

    changes = []
    turn = _TURNS.get(_orientation(image))
    if image.mode == "F" or image.mode.startswith("I"):
        image = Image.fromarray(_to_8_bit(np.asarray(image).astype(np.float64)))
    elif image.has_transparency_data:
        shown = image.convert("RGBA")
        if shown.getextrema()[3][0] < 255:
            changes.append(FLATTENED)
        shown.thumbnail((MAX_SIDE, MAX_SIDE))
        image = Image.alpha_composite(Image.new("RGBA", shown.size, "white"), shown)
    else:
        image = image.copy()
    image.thumbnail((MAX_SIDE, MAX_SIDE))
    image = image.convert("RGB")
    if turn:
        changes.append(TURNED)
        image = image.transpose(Image.Transpose[turn])
    image.info = {"read_as": tuple(changes)}
    return image


def _orientation(image: "Image.Image") -> int:
    """EXIF orientation, 1 where there is none or the data are damaged."""
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except (OSError, SyntaxError, struct.error, *UNFIT):
        return 1


def _to_8_bit(values: np.ndarray) -> np.ndarray:
    """Values ``(H, W)`` float64 as uint8: smallest 0, largest 255; without a range, and where not finite, 0."""
    finite = np.isfinite(values)
    low, high = (values[finite].min(), values[finite].max()) if finite.any() else (0.0, 0.0)
    scaled = (np.where(finite, values, low) - low) / ((high - low) or 1.0)
    return np.rint(scaled * 255).astype(np.uint8)
