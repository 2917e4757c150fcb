"""The frozen image encoder behind the dataset tokens: any CLIP that open_clip can load."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors import SafetensorError
from torch import nn

from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import EncoderConfig, PathsConfig
from ptmrec.core.errors import ArtifactError, ConfigError, first_line
from ptmrec.core.files import read_json
from ptmrec.core.progress import progress
from ptmrec.model.image_tower import load_image_tower, understands

CONFIG_NAME = "open_clip_config.json"
WEIGHTS_NAME = "open_clip_model.safetensors"


class ClipImageEncoder:
    """Images to normalised CLIP features, in batches, on CPU or GPU.

    Args:
        model: an open_clip model name such as ``ViT-B-32``, or a folder in open_clip's own format
            (``open_clip_config.json`` and ``open_clip_model.safetensors``).
        pretrained: open_clip's tag of the weights, or a checkpoint file; not used for a folder.
        device: torch device, or ``auto`` for CUDA when there is one.
        batch_size: images per forward pass.

    Raises:
        ConfigError: this machine has no such device.
        ArtifactError: the model is unknown, its weights are missing, damaged or cannot be fetched.
    """

    def __init__(
        self, model: str | Path, pretrained: str | None = None, device: str = "auto", batch_size: int = 64
    ) -> None:
        self.device = _find_device(device)
        self.batch_size = batch_size
        self.name, self._model, self._preprocess = _load(model, pretrained)
        self._model.to(self.device).eval().requires_grad_(False)
        self.hash = _weights_hash(self._model)
        self.dim = int(self.encode([Image.new("RGB", (32, 32))]).shape[1])

    @torch.inference_mode()
    def encode(self, images: Sequence[Image.Image] | np.ndarray, description: str | None = None) -> np.ndarray:
        """Features of images.

        Args:
            images: PIL images of any size, or an array ``(n, H, W, 3)`` uint8.
            description: show a progress bar with these words.

        Returns:
            ``(n, D)`` float32, each row of Euclidean length 1.
        """
        starts = range(0, len(images), self.batch_size)
        parts = []
        for start in progress(starts, description) if description else starts:
            batch = [_as_image(image) for image in images[start : start + self.batch_size]]
            pixels = torch.stack([self._preprocess(image) for image in batch]).to(self.device)
            parts.append(nn.functional.normalize(self._model.encode_image(pixels), dim=-1).float().cpu())
        return torch.cat(parts).numpy()


def _as_image(image: Image.Image | np.ndarray) -> Image.Image:
    return Image.fromarray(image) if isinstance(image, np.ndarray) else image.convert("RGB")


def _find_device(name: str) -> torch.device:
    """The device of that name, once it has held a number and given it back.

    Raises:
        ConfigError: there is none such here.
    """
    try:
        device = torch.device(("cuda" if torch.cuda.is_available() else "cpu") if name == "auto" else name)
        torch.zeros(1, device=device).cpu()
    except (RuntimeError, AssertionError, ValueError) as error:  # torch without CUDA asserts
        raise ConfigError(
            f"encoder.device={name}: not usable here ({first_line(error)}); write auto, cpu or cuda"
        ) from None
    return device


def _load(model: str | Path, pretrained: str | None) -> tuple[str, nn.Module, object]:
    folder = Path(model)
    if not folder.is_dir():
        return _load_with_open_clip(f"{model}:{pretrained}", {"model_name": str(model), "pretrained": pretrained})
    for name in (CONFIG_NAME, WEIGHTS_NAME):
        if not (folder / name).is_file():
            raise ArtifactError(f"{folder}: no {name}; an encoder folder needs it")
    spec = read_json(folder / CONFIG_NAME)
    if not (isinstance(spec, dict) and understands(spec)):
        return _load_with_open_clip(folder.name, {"model_name": f"local-dir:{folder}"})
    try:
        return folder.name, *load_image_tower(spec, folder / WEIGHTS_NAME)
    except (OSError, SafetensorError, RuntimeError) as error:
        raise _unusable(folder.name, error) from error


def _load_with_open_clip(name: str, arguments: dict[str, str | None]) -> tuple[str, nn.Module, object]:
    import open_clip  # takes seconds, and the embedded encoder needs none of it

    model = arguments["model_name"]
    if not model.startswith(("local-dir:", "hf-hub:")) and model not in open_clip.list_models():
        raise ArtifactError(f"encoder {model!r} is neither a folder nor a model name open_clip knows")
    try:
        loaded, _, preprocess = open_clip.create_model_and_transforms(**arguments, require_pretrained=True)
    except Exception as error:  # open_clip, the Hub and safetensors raise a dozen kinds here
        raise _unusable(name, error) from error
    return name, loaded, preprocess


def _unusable(name: str, error: Exception) -> ArtifactError:
    return ArtifactError(f"encoder {name!r} cannot be loaded: {first_line(error)}")


def _weights_hash(model: nn.Module) -> str:
    digest = hashlib.sha256()
    for name, tensor in sorted(model.visual.state_dict().items()):
        digest.update(name.encode() + tensor.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]


def load_encoder(config: ConfigParser) -> ClipImageEncoder:
    """The image encoder of the configuration."""
    encoder = config.get(EncoderConfig)
    model = config.get(PathsConfig).encoder if encoder.model == "embedded" else encoder.model
    return ClipImageEncoder(model, encoder.pretrained, encoder.device, encoder.batch_size)
