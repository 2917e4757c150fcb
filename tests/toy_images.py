"""Pictures that look like something: blurred noise, with a tint for each class."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

TINTS = ((90, 0, 0), (0, 90, 0), (0, 0, 90), (60, 60, 0))


def write_pictures(folder: Path, classes: dict[str, int], seed: int = 0, size: int = 32) -> Path:
    generator = np.random.default_rng(seed)
    for place, (name, count) in enumerate(classes.items()):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for index in range(count):
            noise = Image.fromarray(generator.integers(0, 256, (size, size, 3), dtype=np.uint8))
            pixels = np.asarray(noise.filter(ImageFilter.GaussianBlur(3))).astype(int)
            pixels = np.clip(4 * (pixels - 127) + 80 + np.array(TINTS[place]), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{index}.png")
    return folder
