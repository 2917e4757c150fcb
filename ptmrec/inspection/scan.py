"""One pass over the image files of a folder; what stays in memory of an image is small and of fixed size."""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.fft import dctn

from ptmrec.core.errors import DataError
from ptmrec.core.progress import progress
from ptmrec.images.account import Account
from ptmrec.images.files import open_image
from ptmrec.images.folders import list_images

MAX_IMAGES = 20_000
"""Images that are looked into, spread over the sorted list; about 1.5 kB each stay in memory."""
THUMBNAIL = 32
"""Height and width of the grey thumbnails, in pixels."""
COLOURS = 8
"""Height and width of the colour thumbnails, in pixels."""
KEPT = 8
"""Frequencies of the hash in each direction: 64 bits."""


@dataclass(frozen=True)
class Scan:
    """What is known of the n images of a folder that decode.

    Attributes:
        folder: the folder.
        paths: their places.
        parts: ``train``, ``test``, ``val`` or empty, one per image.
        labels: class names, empty where there is none.
        digests: ``(n,)`` bytes, BLAKE2 of size and decoded pixels.
        grey: ``(n, 32, 32)`` uint8; colour: ``(n, 8, 8, 3)`` uint8.
        sizes: ``(n, 2)`` width and height on disk, in pixels.
        modes: Pillow's name of the pixels, such as ``RGB`` or ``L``.
        unreadable: files that do not decode -> reason.
        empty: folders of classes without an image.
        total: image files there are, looked into or not.
        account: what was left out, and what was read otherwise than it stands.
    """

    folder: Path
    paths: list[Path]
    parts: list[str]
    labels: list[str]
    digests: list[bytes]
    grey: np.ndarray
    colour: np.ndarray
    sizes: np.ndarray
    modes: list[str]
    unreadable: dict[str, str]
    empty: list[str]
    total: int
    account: Account

    @cached_property
    def hashes(self) -> np.ndarray:
        """See :func:`perceptual_hashes`."""
        return perceptual_hashes(self.grey)

    @cached_property
    def forms(self) -> np.ndarray:
        """Grey thumbnails as vectors ``(n, d)`` float32 of mean 0 and length 1; blank ones are 0, like nothing."""
        vectors = self.grey.reshape(len(self.grey), -1).astype(np.float32)
        vectors -= vectors.mean(axis=1, keepdims=True)
        return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1.0)

    def name(self, index: int) -> str:
        """Place of an image within the folder."""
        return str(self.paths[index].relative_to(self.folder))


def scan_folder(folder: Path, labels: Path | None = None) -> Scan:
    """Look into the images of a folder, all parts of it.

    Args:
        folder: see :func:`~ptmrec.images.folders.list_images`.
        labels: a list of image files and classes, in place of sub-folders.

    Raises:
        DataError: no such folder, no image in it, or a folder that may not be read.
    """
    listing = list_images(folder, labels)
    listed = list(zip(listing.files, listing.parts, listing.classes, strict=True))
    step = -(-len(listed) // MAX_IMAGES)
    rows, unreadable = [], {}
    for path, part, label in progress(listed[::step], "looking into images"):
        try:
            rows.append((path, part, label, *_look(path)))
        except DataError as error:
            unreadable[str(path.relative_to(folder))] = str(error)
    columns = map(list, zip(*rows, strict=True)) if rows else [[] for _ in range(8)]
    paths, parts, names, digests, *arrays, modes = columns
    known = (folder, paths, parts, names, digests, *map(np.array, arrays), modes)
    return Scan(*known, unreadable, list(listing.empty), len(listed), listing.account)


def perceptual_hashes(grey: np.ndarray) -> np.ndarray:
    """Hashes ``(n,)`` uint64 of thumbnails ``(n, 32, 32)``: alike images differ in few bits.

    A bit says whether one of the lowest 8 x 8 cosine frequencies lies above the image's median of them.
    """
    low = dctn(grey.astype(np.float32), axes=(1, 2))[:, :KEPT, :KEPT].reshape(len(grey), -1)
    low[:, 0] = 0.0  # the mean brightness: it would say nothing of the picture and shift the median
    bits = low > np.median(low, axis=1, keepdims=True)
    return np.packbits(bits, axis=1).view(np.uint64).reshape(-1)


def _look(path: Path) -> tuple[bytes, np.ndarray, np.ndarray, tuple[int, int], str]:
    image = open_image(path)
    digest = hashlib.blake2b(repr(image.size).encode() + image.tobytes(), digest_size=16).digest()
    grey = np.asarray(image.convert("L").resize((THUMBNAIL, THUMBNAIL), Image.Resampling.BILINEAR))
    colour = np.asarray(image.resize((COLOURS, COLOURS), Image.Resampling.BILINEAR))
    with Image.open(path) as header:  # size and mode as they are on disk: opening reads the head alone
        return digest, grey, colour, header.size, header.mode
