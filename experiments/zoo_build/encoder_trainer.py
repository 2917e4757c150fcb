"""Training the embedded image encoder: a small CLIP on known training data with captions from class names."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from open_clip import CLIP, SimpleTokenizer
from safetensors.torch import save
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from experiments.zoo_build.image_sets import ImageData
from ptmrec.config.sections import EncoderTrainingConfig
from ptmrec.core.files import write_bytes, write_json
from ptmrec.model.clip_encoder import CONFIG_NAME, WEIGHTS_NAME
from ptmrec.train.base_trainer import BaseTrainer
from ptmrec.train.recipe import augment

CONTEXT_LENGTH = 24
MEAN, STD = 0.5, 0.25
SKETCH_SIZE = 8
"""Height and width of the drawings, in pixels."""


def clip_config(config: EncoderTrainingConfig) -> dict:
    """The encoder's ``open_clip_config.json``: a ModifiedResNet and a two-layer text transformer."""
    return {
        "model_cfg": {
            "embed_dim": 512,
            "vision_cfg": {"image_size": config.image_size, "layers": [1, 2, 2, 2], "width": config.width},
            "text_cfg": {
                "context_length": CONTEXT_LENGTH,
                "vocab_size": 49408,
                "width": 32,
                "heads": 4,
                "layers": 2,
            },
        },
        "preprocess_cfg": {
            "mean": [MEAN] * 3,
            "std": [STD] * 3,
            "interpolation": "bicubic",
            "resize_mode": "shortest",
        },
    }


@dataclass(frozen=True)
class CaptionedImages:
    """Images with captions: ``images (n, H, W, 3)`` uint8, ``labels (n,)`` indices into ``captions``."""

    images: np.ndarray
    labels: np.ndarray
    captions: list[str]

    def split(self, share: float, seed: int) -> tuple["CaptionedImages", "CaptionedImages"]:
        """Set a random ``share`` aside: the rest, and what was set aside."""
        order = np.random.default_rng(seed).permutation(len(self.labels))
        aside, rest = np.split(order, [round(share * len(order))])
        return tuple(replace(self, images=self.images[part], labels=self.labels[part]) for part in (rest, aside))


def caption_images(image_sets: list[ImageData]) -> CaptionedImages:
    """Caption the training part of image sets: one caption per class and set."""
    images, labels, captions = [], [], []
    for data in image_sets:
        images.append(data.train_images)
        labels.append(data.train_labels + len(captions))
        captions += [f"a picture of {name}, from {data.name}".replace("_", " ") for name in data.class_names]
    return CaptionedImages(np.concatenate(images), np.concatenate(labels), captions)


def caption_loader(data: CaptionedImages, batch_size: int, seed: int, shuffle: bool) -> DataLoader:
    """Batches of pixels ``(B, 3, H, W)`` uint8 and caption indices ``(B,)``."""
    pixels = torch.from_numpy(data.images).permute(0, 3, 1, 2).contiguous()
    generator = torch.Generator().manual_seed(seed)
    dataset = TensorDataset(pixels, torch.from_numpy(data.labels))
    return DataLoader(dataset, batch_size, shuffle=shuffle, drop_last=shuffle, generator=generator)


class CaptionModel(nn.Module):
    """A CLIP, and a linear decoder that draws a small version of each image from its feature.

    Captions alone teach a feature to forget whatever does not tell the training classes apart. The drawing
    makes it keep how an image looks, which is what classes never seen differ in. The decoder is used in
    training only.

    Args:
        clip: the model that is wanted.
    """

    def __init__(self, clip: CLIP) -> None:
        super().__init__()
        self.clip = clip
        self.decoder = nn.Linear(clip.visual.output_dim, 3 * SKETCH_SIZE**2)

    def forward(self, pixels: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Caption logits ``(B, K)`` and drawings ``(B, 3, S, S)`` of images ``(B, 3, H, W)``."""
        images, texts, scale = self.clip(pixels, tokens)[:3]
        return scale * images @ texts.T, self.decoder(images).view(-1, 3, SKETCH_SIZE, SKETCH_SIZE)


class EncoderTrainer(BaseTrainer):
    """CLIP training in which each image is compared with the caption of every class, and drawn again.

    With about a hundred captions in all, the usual comparison within a batch would meet the same caption
    many times; against all captions there is exactly one right answer.

    Args:
        captions: the captions the labels point to.
        **kwargs: see :class:`~ptmrec.train.base_trainer.BaseTrainer`.
    """

    name = "encoder"

    def __init__(self, *args, captions: list[str], **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.tokens = SimpleTokenizer(context_length=CONTEXT_LENGTH)(captions)
        self.image_size = self.model.clip.visual.image_size

    def compute_loss(self, batch: tuple[Tensor, Tensor]) -> Tensor:
        """Cross-entropy of each image ``(B, 3, H, W)`` over all captions ``(K,)``, and error of its drawing."""
        pixels, labels = batch
        pixels = ((pixels.float() / 255) - MEAN) / STD
        if self.model.training:
            pixels = augment(pixels, torch.default_generator)
        size = self.image_size[0] if isinstance(self.image_size, tuple) else self.image_size
        pixels = F.interpolate(pixels, size=(size, size), mode="bicubic", antialias=True)
        logits, drawings = self.model(pixels, self.tokens.to(pixels.device))
        error = F.mse_loss(drawings, F.adaptive_avg_pool2d(pixels, SKETCH_SIZE))
        self._last_batch_metrics = {"accuracy": (logits.argmax(dim=1) == labels).float().mean(), "drawing_error": error}
        return F.cross_entropy(logits, labels) + self.options.drawing_weight * error


def build_clip(config: EncoderTrainingConfig, seed: int) -> CLIP:
    """A CLIP with fresh weights."""
    torch.manual_seed(seed)
    return CLIP(**clip_config(config)["model_cfg"])


def save_encoder(model: CLIP, config: EncoderTrainingConfig, folder: Path) -> None:
    """Write a model in open_clip's own format, half precision."""
    state = {name: tensor.detach().cpu().half().contiguous() for name, tensor in model.state_dict().items()}
    write_bytes(folder / WEIGHTS_NAME, save(state))
    write_json(folder / CONFIG_NAME, clip_config(config))


def train_encoder(image_sets: list[ImageData], config: EncoderTrainingConfig, work: Path, folder: Path) -> None:
    """Train the embedded encoder on the training parts of image sets and write it.

    The best epoch is chosen on a tenth of those training images; test images are not touched.

    Args:
        image_sets: what to learn from; never a blind or validation data set.
        config: size and training options.
        work: folder of the run, resumable.
        folder: where the encoder goes.
    """
    training, validation = caption_images(image_sets).split(0.1, config.seed)
    loaders = (
        caption_loader(training, config.batch_size, config.seed, shuffle=True),
        caption_loader(validation, 256, config.seed, shuffle=False),
    )
    model = CaptionModel(build_clip(config, config.seed))
    trainer = EncoderTrainer(model, config, work, *loaders, captions=training.captions)
    trainer.fit(resume=True)
    trainer.load_best()
    save_encoder(trainer.model.clip, config, folder)
