"""Vision models of transformers in a Hub-style folder: built from their checked configuration, filled by the library.

The package is an extra (``pip install 'ptmrec[transformers]'``). Code of a repository is never run: of its
configuration only what shapes one of the architectures below is taken, nothing that names files, repositories or
kernels; and its weights are handed over as tensors, so that the library opens no file and asks no server.
"""

import contextlib
import inspect
import logging
import re
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ptmrec.core.errors import ArtifactError
from ptmrec.zoo.card import CARD_NAME
from ptmrec.zoo.feed import IMAGENET_MEAN, IMAGENET_STD, Feed
from ptmrec.zoo.shaping import Held, bounded, check_plain

LIBRARY = "transformers"
INSTALL = "pip install 'ptmrec[transformers]'"
FIRST_TOKEN = frozenset({"vit", "deit", "dinov2", "dinov2_with_registers", "dinov3_vit", "ijepa", "vit_msn"})
"""Architectures whose classifiers read the first token of the last layer."""
MEAN_TOKEN = frozenset({"ijepa"})
"""Those that read the mean of all."""
POOLED = frozenset(
    "swin swinv2 convnext convnextv2 beit resnet regnet mobilenet_v1 mobilenet_v2 "
    "clip_vision_model siglip_vision_model".split()
)
"""Those that pool by themselves."""
TOWERS = {"clip": "clip_vision_model", "siglip": "siglip_vision_model"}
"""Models of images and texts -> their image tower."""
STEERING = re.compile(
    r"auto_map|^_|attn_implementation|experts_implementation|quantization|backbone|dtype|path|file|url"
)
"""Names of entries that say where from and by what, not what shape."""
LEFT_OUT = frozenset({"id2label", "label2id", "architectures", "model_type", "transformers_version", "problem_type"})


def is_supported(kind: Any) -> bool:
    """Whether a ``model_type`` is one of the architectures here."""
    return isinstance(kind, str) and kind in FIRST_TOKEN | POOLED | set(TOWERS)


def transformers_architecture(config: Mapping[str, Any], preprocessor: Mapping[str, Any]) -> dict[str, Any]:
    """How to build a model, for its card.

    Args:
        config: its ``config.json``.
        preprocessor: its ``preprocessor_config.json``, empty where there is none.

    Raises:
        ArtifactError: an entry shapes no network, or its images are of no size that is made.
    """
    kind = config["model_type"]
    tower = TOWERS.get(kind, kind)
    stated = config.get("vision_config") if kind in TOWERS else config
    if not isinstance(stated, Mapping):
        raise ArtifactError(f"its {CARD_NAME} has no vision_config; fetch it again")
    kept = {name: value for name, value in stated.items() if name not in LEFT_OUT and not STEERING.search(str(name))}
    for name, value in kept.items():
        check_plain(name, value)
    return {"library": LIBRARY, "model": tower, "config": kept, "feed": _feed(kept, preprocessor).to_dict()}


def _feed(config: Mapping[str, Any], preprocessor: Mapping[str, Any]) -> Feed:
    """The pictures a model takes, by its preprocessor, else by its configuration."""
    size = config.get("image_size")
    for stated in (preprocessor.get("crop_size"), preprocessor.get("size")):
        size = stated if size is None else size
    if isinstance(size, Mapping):
        size = [size.get("height") or size.get("shortest_edge"), size.get("width") or size.get("shortest_edge")]
    height, width = size if isinstance(size, list | tuple) and len(size) == 2 else (size or 224, size or 224)
    mean, std = (preprocessor.get(f"image_{name}") for name in ("mean", "std"))
    if preprocessor.get("do_normalize") is False:
        mean, std = [0.0], [1.0]
    colours = {"mean": tuple(mean or IMAGENET_MEAN), "std": tuple(std or IMAGENET_STD)}
    return Feed(height, width, config.get("num_channels", 3), **colours)


class VisionTower(nn.Module):
    """A model of transformers as a module that maps images to its feature vectors.

    Args:
        kind: its ``model_type``.
        network: the model without a classifier.
    """

    def __init__(self, kind: str, network: nn.Module) -> None:
        super().__init__()
        self.kind, self.network = kind, network

    def forward(self, images: Tensor) -> Tensor:
        """Vectors ``(B, d)``: the first token, or what the model pools."""
        found = self.network(pixel_values=images)
        if self.kind in MEAN_TOKEN:
            return found.last_hidden_state.mean(dim=1)
        if self.kind in FIRST_TOKEN:
            return found.last_hidden_state[:, 0]
        return found.pooler_output.flatten(1)


def build_transformers(architecture: Mapping[str, Any], held: Held, tensors: Iterator[tuple[str, Tensor]]) -> nn.Module:
    """A model with its weights.

    Args:
        architecture: from :func:`transformers_architecture`.
        held: what the weights hold; a network far larger than these is not made.
        tensors: names and tensors; those of classifiers and text towers are passed over.

    Raises:
        ArtifactError: the package is missing, or weights and configuration do not fit.
    """
    try:
        import transformers
    except ImportError:
        raise ArtifactError(f"models of transformers need the package; run: {INSTALL}") from None
    kind = architecture["model"]
    make, settings = _class(transformers, kind), _settings(transformers, kind, architecture["config"])
    options = {"add_pooling_layer": False} if "add_pooling_layer" in inspect.signature(make).parameters else {}
    options = options if kind in FIRST_TOKEN else {}
    with torch.device("meta"), bounded(held):
        make(settings, **options)
    weights = {name: tensor for name, tensor in tensors if not name.startswith(("text_model.", "text_projection"))}
    if not any(tensor.any() for tensor in weights.values()):
        raise ArtifactError("the weights are nothing but zeros; fetch them again")
    wanted = {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in weights.items()}
    with _quiet(transformers):
        network, found = make.from_pretrained(
            None,
            config=settings,
            state_dict=wanted,
            output_loading_info=True,
            ignore_mismatched_sizes=True,
            dtype=torch.float32,
            **options,
        )  # shapes that differ are told in one line below
    for what in ("missing_keys", "mismatched_keys", "error_msgs"):
        if found[what]:
            first = str(sorted(map(str, found[what]))[0])[:120]
            raise ArtifactError(f"the weights do not fit a {kind}: {what.partition('_')[0]} {first}")
    return VisionTower(kind, network.eval())


def _class(transformers: Any, kind: str) -> Any:
    """The library's own class of an architecture, without a classifier."""
    settings = transformers.CONFIG_MAPPING[kind]
    return transformers.MODEL_MAPPING[settings]


def _settings(transformers: Any, kind: str, stated: Mapping[str, Any]) -> Any:
    """The library's configuration from entries it knows of this architecture.

    Raises:
        ArtifactError: an entry shapes no such architecture.
    """
    make = transformers.CONFIG_MAPPING[kind]
    known = set(make().to_dict()) | set(inspect.signature(make.__init__).parameters)
    kept = {name: value for name, value in stated.items() if name in known}  # older files hold entries of other kinds
    settings = make(**kept)
    settings._attn_implementation = "sdpa" if getattr(_class(transformers, kind), "_supports_sdpa", False) else "eager"
    return settings


@contextlib.contextmanager
def _quiet(transformers: Any) -> Iterator[None]:
    """No bars, and no tables of what was passed over."""
    bars = transformers.utils.logging
    before, shown = bars.get_verbosity(), bars.is_progress_bar_enabled()
    bars.set_verbosity(logging.ERROR)
    bars.disable_progress_bar()
    try:
        yield
    finally:
        bars.set_verbosity(before)
        if shown:
            bars.enable_progress_bar()
