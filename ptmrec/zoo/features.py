"""Running a model of the zoo: its features, probabilities and accuracy on images."""

from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

if TYPE_CHECKING:
    from ptmrec.zoo.architectures import SmallModel
    from ptmrec.zoo.photo_model import PhotoModel


def to_pixels(images: np.ndarray, size: tuple[int, int] | None = None) -> Tensor:
    """Images ``(n, H, W, 3)`` uint8 as ``(n, 3, height, width)`` float32 from 0 to 1, of a size where one is given."""
    pixels = torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2))).float().div_(255)
    if size in (None, pixels.shape[-2:]):
        return pixels
    return F.interpolate(pixels, size, mode="bicubic", antialias=True).clamp_(0, 1)


def normalise(images: np.ndarray) -> Tensor:
    """Images ``(n, H, W, 3)`` uint8 as the models take them: ``(n, 3, H, W)`` float32, centred."""
    return to_pixels(images).sub_(0.5).div_(0.25)


@torch.inference_mode()
def extract_features(model: "SmallModel | PhotoModel", images: np.ndarray, batch_size: int = 256) -> np.ndarray:
    """Pooled features ``(n, num_features)`` float32 of images ``(n, H, W, 3)`` uint8."""
    prepare = getattr(model, "prepare", normalise)  # a real model brings its own size, mean and deviation
    batch_size = min(batch_size, getattr(model, "batch_size", batch_size))  # large pictures fill the memory
    parts = [images[start : start + batch_size] for start in range(0, len(images), batch_size)]
    return torch.cat([model.forward_features(prepare(part)).float() for part in parts]).numpy()


@torch.inference_mode()
def extract_outputs(model: "SmallModel | PhotoModel", images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Features ``(n, D)`` float32 and the classifier's probabilities ``(n, Z)`` of images ``(n, H, W, 3)`` uint8."""
    features = extract_features(model, images)
    return features, model.classifier(torch.from_numpy(features)).softmax(dim=1).numpy()


def accuracy(model: "SmallModel | PhotoModel", images: np.ndarray, labels: np.ndarray) -> float:
    """Share of images ``(n, H, W, 3)`` uint8 whose class, of ``labels (n,)``, is predicted correctly."""
    return float((extract_outputs(model, images)[1].argmax(axis=1) == labels).mean())
