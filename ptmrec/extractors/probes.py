"""The fixed probe images, made by code from a seed: textures, gratings, shapes, glyph-like strokes, noise."""

import numpy as np
from PIL import Image, ImageDraw


def make_probes(count: int, size: int, seed: int) -> np.ndarray:
    """Probe images, kinds in rotation.

    Args:
        count: number of images.
        size: height and width in pixels.
        seed: seed of all randomness.

    Returns:
        ``(count, size, size, 3)`` uint8.
    """
    generator = np.random.default_rng(seed)
    from sklearn.datasets import load_digits, load_sample_images  # takes longer than an answer

    photographs, digits = load_sample_images().images, load_digits().images
    makers = (
        lambda: _photograph(generator, photographs, size),
        lambda: _digit(generator, digits, size),
        lambda: _grating(generator, size),
        lambda: _colour_noise(generator, size),
        lambda: _shapes(generator, size),
        lambda: _strokes(generator, size),
    )
    return np.stack([makers[index % len(makers)]() for index in range(count)])


def _to_uint8(image: np.ndarray) -> np.ndarray:
    return np.clip(np.round(image), 0, 255).astype(np.uint8)


def _photograph(generator: np.random.Generator, photographs: list[np.ndarray], size: int) -> np.ndarray:
    photograph = photographs[generator.integers(len(photographs))]
    side = int(generator.integers(size, min(photograph.shape[:2])))
    top, left = (int(generator.integers(limit - side + 1)) for limit in photograph.shape[:2])
    crop = Image.fromarray(photograph[top : top + side, left : left + side])
    return np.asarray(crop.resize((size, size), Image.Resampling.BILINEAR))


def _digit(generator: np.random.Generator, digits: np.ndarray, size: int) -> np.ndarray:
    pixels = _to_uint8(digits[generator.integers(len(digits))] * (255 / 16))
    image = np.asarray(Image.fromarray(pixels).resize((size, size), Image.Resampling.BICUBIC))
    return np.repeat((255 - image if generator.random() < 0.5 else image)[..., None], 3, axis=2)


def _grating(generator: np.random.Generator, size: int) -> np.ndarray:
    rows, columns = np.mgrid[:size, :size] / size
    angle, frequency, phase = generator.uniform(0, [np.pi, 10, 2 * np.pi])
    wave = np.sin(2 * np.pi * (frequency + 1) * (rows * np.sin(angle) + columns * np.cos(angle)) + phase)
    low, high = generator.uniform(0, 255, (2, 3))
    return _to_uint8(low + (high - low) * (wave[..., None] + 1) / 2)


def _colour_noise(generator: np.random.Generator, size: int) -> np.ndarray:
    frequencies = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.fftfreq(size)[None])
    spectrum = np.fft.fft2(generator.standard_normal((3, size, size))) / np.maximum(frequencies, 1 / size)
    noise = np.fft.ifft2(spectrum).real.transpose(1, 2, 0)
    return _to_uint8(generator.uniform(60, 200, 3) + 50 * noise / noise.std())


def _colour(generator: np.random.Generator) -> tuple[int, int, int]:
    return tuple(int(value) for value in generator.integers(0, 256, 3))


def _shapes(generator: np.random.Generator, size: int) -> np.ndarray:
    image = Image.new("RGB", (size, size), _colour(generator))
    draw = ImageDraw.Draw(image)
    for _ in range(generator.integers(1, 5)):
        left, top = generator.uniform(-0.2, 0.8, 2) * size
        width, height = generator.uniform(0.2, 0.7, 2) * size
        kind = (draw.ellipse, draw.rectangle)[generator.integers(2)]
        kind((left, top, left + width, top + height), fill=_colour(generator))
    return np.asarray(image)


def _strokes(generator: np.random.Generator, size: int) -> np.ndarray:
    image = np.zeros((size, size))
    canvas = Image.fromarray(image.astype(np.uint8))
    draw = ImageDraw.Draw(canvas)
    for _ in range(generator.integers(1, 4)):
        points = [tuple(point) for point in generator.uniform(0.1, 0.9, (generator.integers(2, 6), 2)) * size]
        draw.line(points, fill=255, width=int(generator.integers(1, 4)), joint="curve")
    from scipy.ndimage import gaussian_filter

    image = gaussian_filter(np.asarray(canvas, dtype=float), 0.6)
    return np.repeat(_to_uint8(255 - image if generator.random() < 0.5 else image)[..., None], 3, axis=2)
