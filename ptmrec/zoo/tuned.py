"""A fine-tuned model on disk: a Hub-style folder that timm, this project's zoo and ``ptmrec predict`` read."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ptmrec.core.errors import ArtifactError, reading
from ptmrec.core.files import read_json, write_bytes, write_json, write_text
from ptmrec.zoo.card import CARD_NAME
from ptmrec.zoo.snapshot import WEIGHTS_NAME, Snapshot, write_snapshot

if TYPE_CHECKING:
    from torch import nn

KEY = "ptmrec"
"""Part of ``config.json`` that says what only this project asks for."""
WRITABLE = ("ptmrec", "timm")
"""Libraries whose models can be written with a classifier of their own and read again."""


@dataclass(frozen=True)
class About:
    """What is said of a fine-tuned model beside its weights.

    Attributes:
        name: of the model.
        base: the model it was made from, and its source.
        classes: names of its classes, in the order of its outputs.
        temperature: by which class scores are divided before they become probabilities.
        accuracy: on ``judged`` images that took no part in training.
        dataset: name of the images.
        licence: of the weights it was made from.
        recipe: how it was trained.
        card: text of ``README.md``, its front matter included.
    """

    name: str
    base: str
    source: str
    classes: tuple[str, ...]
    temperature: float
    accuracy: float
    judged: int
    dataset: str
    licence: str
    recipe: Mapping[str, Any]
    card: str

    def to_dict(self) -> dict[str, Any]:
        """What ``config.json`` holds of it."""
        return {key: value for key, value in asdict(self).items() if key not in ("card", "recipe")}


def is_writable(snapshot: Snapshot) -> bool:
    """Whether a model can be written once it is fine-tuned."""
    return snapshot.card.architecture.get("library") in WRITABLE


def write_tuned(folder: Path, base: Snapshot, model: "nn.Module", about: About) -> None:
    """Write weights, ``config.json`` and ``README.md`` into a folder that is being made.

    Args:
        folder: the folder.
        base: the model that was fine-tuned.
        model: with its new classifier, from :func:`ptmrec.train.fine_tuner.make_fine_tuner`.
        about: what is said of it.
    """
    if base.card.architecture["library"] == "timm":
        _write_timm(folder, base, model, about)
    else:
        _write_own(folder, base, model, about)
    write_text(folder / "README.md", about.card)


def _write_own(folder: Path, base: Snapshot, model: "nn.Module", about: About) -> None:
    card = replace(
        base.card,
        name=about.name,
        architecture={**base.card.architecture, "num_classes": len(about.classes)},
        num_params=sum(parameter.numel() for parameter in model.parameters()),
        source_dataset=about.dataset,
        source_accuracy=about.accuracy,
        datasets=[*dict.fromkeys((*base.card.datasets, about.dataset))],
        recipe=dict(about.recipe),
    )
    write_snapshot(folder, card, model, half=False)
    write_json(folder / CARD_NAME, {**card.to_dict(), KEY: about.to_dict()})


def _write_timm(folder: Path, base: Snapshot, model: "nn.Module", about: About) -> None:
    """A folder as ``timm.create_model("local-dir:FOLDER", pretrained=True)`` reads it."""
    import torch
    from safetensors.torch import save

    from ptmrec.zoo.networks import build_network

    classes = len(about.classes)
    architecture = {**base.card.architecture, "num_classes": classes}
    network = build_network(architecture, model.input_size)
    network.load_state_dict(model.body.state_dict(), strict=False)
    network.get_classifier().load_state_dict(model.classifier.state_dict())
    network.eval()
    pictures = torch.rand(2, 3, model.input_size, model.input_size, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        if not torch.allclose(network(pictures), model(pictures), atol=1e-3, rtol=1e-3):
            raise ArtifactError(f"{about.name}: timm's {architecture['model']} has another form than was trained")
    state = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    write_bytes(folder / WEIGHTS_NAME, save(state))
    write_json(folder / CARD_NAME, _timm_config(network, model, architecture, about))


def _timm_config(
    network: "nn.Module", model: "nn.Module", architecture: Mapping[str, Any], about: About
) -> dict[str, Any]:
    stated = {
        "input_size": [3, model.input_size, model.input_size],
        "interpolation": "bicubic",
        "crop_pct": 1.0,
        "crop_mode": "squash",
        "mean": model.mean.flatten().tolist(),
        "std": model.std.flatten().tolist(),
        "num_classes": len(about.classes),
        "label_names": list(about.classes),
        "license": about.licence,
        **{key: network.default_cfg[key] for key in ("first_conv", "classifier", "pool_size")},
    }
    return {
        "architecture": architecture["model"],
        "num_classes": len(about.classes),
        "num_features": model.num_features,
        "model_args": dict(architecture.get("model_args", {})),
        "pretrained_cfg": stated,
        KEY: about.to_dict(),
    }


@dataclass(frozen=True)
class Classifier:
    """A fine-tuned model, ready to classify.

    Attributes:
        model: in evaluation mode, with its classifier.
        classes: names of the classes.
        temperature: see :class:`About`.
    """

    model: "nn.Module"
    classes: tuple[str, ...]
    temperature: float

    @property
    def side(self) -> int:
        """Height and width of the images it takes, in pixels."""
        return getattr(self.model, "input_size", 32)

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        """Probability ``(n, C)`` of each class, calibrated, of images ``(n, H, W, 3)`` uint8."""
        from ptmrec.zoo.features import extract_outputs

        return sharpen(extract_outputs(self.model, images)[1], self.temperature)


def sharpen(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Probabilities ``(n, C)`` as if class scores had been divided by a temperature."""
    from scipy.special import log_softmax, softmax

    return softmax(log_softmax(np.log(np.maximum(probabilities, 1e-30)), axis=1) / temperature, axis=1)


def read_classifier(folder: Path | str) -> Classifier:
    """The model in a folder that ``ptmrec tune`` wrote.

    Raises:
        ArtifactError: it is none, or damaged.
    """
    from ptmrec.zoo.sources import open_folder

    folder = Path(folder).expanduser()
    path, make, again = folder / CARD_NAME, f"ptmrec tune IMAGES -o {folder}", "write the model again with ptmrec tune"
    if not path.is_file():
        raise ArtifactError(f"{folder}: no fine-tuned model there; make one with: {make}")
    with reading(path, again):
        config = read_json(path)
        about = config.get(KEY) if isinstance(config, dict) else None
        if not isinstance(about, dict):
            raise ArtifactError(f"{folder}: a model without classes of yours; make one with: {make}")
        classes, temperature = about.get("classes"), about.get("temperature")
        named = isinstance(classes, list) and len(classes) > 1 and all(isinstance(name, str) for name in classes)
        if not named or isinstance(temperature, bool) or not isinstance(temperature, int | float) or temperature <= 0:
            raise ArtifactError(f"{path}: its classes or temperature are damaged; {again}")
    model = open_folder(folder).load()
    outputs = getattr(model.classifier, "out_features", 0)
    if outputs != len(classes):
        raise ArtifactError(f"{path}: {len(classes)} classes, but the weights are of {outputs}; write it again")
    return Classifier(model, tuple(classes), float(temperature))
