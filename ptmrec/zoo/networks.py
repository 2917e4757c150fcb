"""Networks of published models, built from what their cards say and filled tensor by tensor: timm and open_clip."""

import sys
from collections.abc import Iterable, Mapping
from typing import Any

import open_clip
import timm
import torch
from torch import Tensor, nn

from ptmrec.core.errors import ArtifactError, first_line
from ptmrec.zoo.photo_model import PhotoModel
from ptmrec.zoo.shaping import KEPT, Held, bounded, check_number, check_options, check_tower
from ptmrec.zoo.snapshot import unwrapped

TOWER = "visual."
"""How the names of an image tower's tensors begin in a checkpoint of open_clip."""


def build_network(
    architecture: Mapping[str, Any], input_size: int, seed: int = 0, held: Held | None = None
) -> nn.Module:
    """A network with random weights, the same ones for the same seed; nothing is downloaded and no file is read.

    Args:
        architecture: of a card: ``library``, ``model`` and what the library needs.
        input_size: height and width of its images, in pixels.
        seed: of the weights.
        held: what the weights hold that are to fill it; a network far larger than these is not made.

    Raises:
        ArtifactError: the library cannot build it.
    """
    builders = {"timm": _build_timm, "open_clip": _build_tower}
    library, model = str(architecture.get("library")), architecture.get("model")
    if library not in builders:
        raise ArtifactError(f"library {library!r} is not one of {', '.join(builders)}")
    try:
        if held is not None:  # first without memory for its numbers
            with torch.device("meta"), bounded(held):
                builders[library](architecture, input_size)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return builders[library](architecture, input_size)
    except Exception as error:  # the libraries raise whatever a strange configuration brings about
        raise ArtifactError(f"{library} cannot build {model!r} ({first_line(error)})") from None


def _build_timm(architecture: Mapping[str, Any], input_size: int) -> nn.Module:
    stated = architecture.get("num_classes")
    classes = {} if stated is None else {"num_classes": check_number("num_classes", stated)}
    options = check_options(architecture["model"], {**architecture.get("model_args", {}), **classes})
    registered = timm.get_pretrained_cfg(architecture["model"], allow_unregistered=True)
    stated = registered.to_dict() if registered else {}  # what a repository leaves open, such as a fixed size
    stated |= {key: value for key, value in architecture.get("pretrained_cfg", {}).items() if key in KEPT}
    stated |= {"input_size": (3, input_size, input_size), "architecture": architecture["model"]}
    return timm.create_model(architecture["model"], pretrained=False, pretrained_cfg=stated, **options)


def _build_tower(architecture: Mapping[str, Any], input_size: int) -> nn.Module:
    """The image tower alone: text towers may be large, and some of them need a download."""
    stated = architecture["model_cfg"]
    own = check_tower({**stated["vision_cfg"], "image_size": input_size})
    vision = {**own, "timm_model_pretrained": False, "output_tokens": False}
    gelu = bool(architecture.get("quick_gelu", stated.get("quick_gelu", False)))
    return open_clip.model._build_vision_tower(check_number("embed_dim", stated["embed_dim"]), vision, gelu)


def fill(network: nn.Module, tensors: Iterable[tuple[str, Tensor]], architecture: Mapping[str, Any]) -> nn.Module:
    """Put weights into a network one at a time, each by its name.

    Args:
        network: from :func:`build_network`.
        tensors: names and tensors; of an open_clip checkpoint those of the text tower are passed over.
        architecture: of the card.

    Raises:
        ArtifactError: a tensor is missing, unknown or of another shape.
    """
    wanted, strange, filled = network.state_dict(), {}, set()
    prefix = TOWER if architecture.get("library") == "open_clip" else ""
    known, empty = {prefix + name for name in wanted}, True
    for stored, tensor in tensors:
        name = unwrapped(stored, known)
        empty = empty and not tensor.any()
        if name in known:
            _copy(wanted[name.removeprefix(prefix)], tensor, name.removeprefix(prefix))
            filled.add(name.removeprefix(prefix))
        elif name.startswith(prefix):
            strange[name] = tensor
    if empty:
        raise ArtifactError(f"the weights of {architecture.get('model')!r} are nothing but zeros; fetch them again")
    missing = [name for name in wanted if name not in filled]
    if strange and not prefix:
        missing = _translate(network, strange, {name: wanted[name] for name in missing}, architecture)
    if missing or (strange and prefix):
        what = f"tensor {missing[0]!r} is missing" if missing else f"tensor {next(iter(strange))!r} has no place"
        raise ArtifactError(f"the weights do not fit {architecture.get('model')!r}: {what}")
    return network


def _translate(
    network: nn.Module, strange: dict[str, Tensor], empty: dict[str, Tensor], architecture: Mapping[str, Any]
) -> list[str]:
    """Fill what is ``empty`` through timm's own translation of older names; gives what is still empty."""
    module = sys.modules[timm.models.model_entrypoint(architecture["model"]).__module__]
    translate = getattr(module, "checkpoint_filter_fn", None)
    if translate is None or not empty:
        what = f"tensor {next(iter(strange))!r} has no place"
        raise ArtifactError(f"the weights do not fit {architecture['model']!r}: {what}")
    try:
        translated = translate(dict(strange), network)
    except Exception as error:  # made for whole checkpoints of one kind, and raises on others whatever comes
        raise ArtifactError(f"the weights do not fit {architecture['model']!r} ({first_line(error)})") from None
    for name in [name for name in empty if name in translated]:
        _copy(empty.pop(name), translated[name], name)
    return list(empty)


def _copy(place: Tensor, tensor: Tensor, name: str) -> None:
    if place.shape != tensor.shape:
        raise ArtifactError(f"tensor {name!r} has shape {tuple(tensor.shape)}, not {tuple(place.shape)}")
    with torch.no_grad():
        place.copy_(tensor)


def as_photo_model(network: nn.Module, architecture: Mapping[str, Any], input_size: int) -> PhotoModel:
    """A network that resizes and centres its images itself, in evaluation mode.

    Raises:
        ArtifactError: it does not take colour images, or gives no feature vector.
    """
    try:
        model = PhotoModel(network, input_size, architecture.get("mean"), architecture.get("std"))
        model = model.to(memory_format=torch.channels_last).eval()
        with torch.inference_mode():
            features = model.forward_features(torch.zeros(1, 3, input_size, input_size))
    except Exception as error:  # a network may be made for anything
        raise ArtifactError(f"{architecture.get('model')!r} takes no colour images ({first_line(error)})") from None
    if features.ndim != 2 or not features.isfinite().all():
        raise ArtifactError(f"{architecture.get('model')!r} gives no finite feature vector of an image")
    model.num_features = features.shape[1]
    return model


def timm_family(architecture: str) -> str:
    """Family of one of timm's models: the module it is written in, such as ``resnet`` or ``vision_transformer``."""
    return timm.models.model_entrypoint(architecture).__module__.rpartition(".")[2]


def measure(model: PhotoModel) -> dict[str, Any]:
    """What a card says of size and cost, measured: ``num_params``, ``gmacs`` of one forward pass, ``num_features``."""
    from torch.utils.flop_counter import FlopCounterMode

    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        model(torch.zeros(1, 3, model.input_size, model.input_size))
    params = sum(parameter.numel() for parameter in model.parameters())
    gmacs = round(counter.get_total_flops() / 2e9, 6)
    return {"num_params": params, "gmacs": gmacs, "num_features": model.num_features}
