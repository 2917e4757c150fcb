"""Models that are one file: ONNX, an exported program of torch, or a torchvision architecture with its safetensors."""

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ptmrec.core.errors import ArtifactError, first_line
from ptmrec.core.files import file_hash
from ptmrec.core.log import logger
from ptmrec.core.words import suggest
from ptmrec.zoo.card import Card
from ptmrec.zoo.feed import Asked, FedModel, Feed, check_features, feed_of
from ptmrec.zoo.hub import HubSnapshot
from ptmrec.zoo.snapshot import PICKLES, count_held, read_tensors

if TYPE_CHECKING:
    from torch import Tensor, nn

FORMS = {".onnx": "onnx", ".pt2": "torch.export"}
"""Suffix of a file -> what its network was made with."""
TORCHVISION = "torchvision"
SAVE = (
    "where you trust it, load it and save the whole network, "
    "torch.export.save(torch.export.export(network.eval(), (images,)), 'model.pt2') or as ONNX, "
    "or give it to ptmrec.add_model(network, transform)"
)


@dataclass(frozen=True)
class FileSnapshot(HubSnapshot):
    """A model whose ``folder`` is the one file it lies in."""

    def _in_memory(self) -> "list[tuple[str, Tensor]] | None":
        stored = self.card.architecture.get("library") == TORCHVISION and not self.untrained
        return None if stored else list(_body(self).state_dict().items())

    def _files(self) -> list[Path]:
        return [self.folder]

    def digest(self) -> str:
        """SHA-256 of the file."""
        return super().digest() if self.untrained else file_hash(self.folder)

    def load(self) -> FedModel:
        """The model, checked.

        Raises:
            ArtifactError: the file is gone or damaged, or its features cannot be relied on.
        """
        if not self.untrained and not self.folder.is_file():
            raise ArtifactError(f"{self.folder}: the file of {self.name} is gone")
        return check_features(FedModel(_body(self), feed_of(self.card.architecture.get("feed"))).eval(), self.source)


def _body(snapshot: FileSnapshot) -> "nn.Module":
    architecture, path = snapshot.card.architecture, snapshot.folder
    if architecture["library"] == TORCHVISION:
        return _torchvision(str(architecture.get("model")), None if snapshot.untrained else path)
    feed, features = feed_of(architecture.get("feed")), str(architecture.get("features", ""))
    return _network(architecture["library"], path, Asked(features=features, input_size=(feed.height, feed.width)))


def _network(library: str, path: Path, asked: Asked) -> Any:
    """The network in a file, as far as its features."""
    if library == "onnx":
        from ptmrec.zoo.onnx_network import OnnxNetwork

        return OnnxNetwork(path, asked)
    from ptmrec.zoo.exported import Program

    return Program(path, asked.features)


def open_file(path: Path, asked: Asked) -> FileSnapshot:
    """The model of one file.

    Raises:
        ArtifactError: it is of a form that is not read, damaged, or its features cannot be relied on.
    """
    library = FORMS.get(path.suffix.lower())
    if library is None:
        raise ArtifactError(f"{path}: {refusal(path)}")
    body = _network(library, path, asked)
    fixed = (body.feed.height, body.feed.width)
    if asked.input_size not in (None, fixed) and not body.open_size:
        raise ArtifactError(f"{path}: it takes images of {fixed[0]} x {fixed[1]} pixels only; leave out the size")
    if asked.mean is None and body.feed.kind != "uint8":
        logger.info("%s: nothing states how its colours are centred; ImageNet's mean and std are taken", path)
    more = {"features": body.features} if body.features else {}
    return _measured(path, asked.name or path.stem, library, path.name, body.feed.asked(asked), more)


def refusal(path: Path) -> str:
    """Why a file is not read, and the way round it."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            if any("/code/" in name for name in archive.namelist()):
                return f"TorchScript, which holds code and is never run; {SAVE}"
    if path.suffix in PICKLES:
        return f"a pickle, which is never read; {SAVE}, or its weights as safetensors beside their config.json"
    if path.suffix == ".safetensors":
        return "weights alone; give the folder that holds their config.json, or torchvision:NAME --weights FILE"
    return f"no network in a form that is read ({', '.join(FORMS)}, or a folder with config.json and safetensors)"


def open_torchvision(name: str, asked: Asked, random_weights: bool) -> FileSnapshot:
    """A model of torchvision with weights in safetensors, or random ones; its own are pickles.

    Raises:
        ArtifactError: torchvision knows no such model, or it has no weights that are read.
    """
    from torchvision import models

    known = models.list_models(module=models)
    if name not in known:
        raise ArtifactError(f"{TORCHVISION}:{name}: torchvision knows no model {name!r}{suggest(name, known)}")
    if not asked.weights and not random_weights:
        raise ArtifactError(
            f"{TORCHVISION}:{name}: its weights are a pickle, which is never read; save them once, safetensors.torch."
            f"save_file(torchvision.models.{name}(weights='DEFAULT').state_dict(), FILE), and add --weights FILE"
        )
    path = Path(asked.weights or f"{TORCHVISION}:{name}")
    if asked.weights and not path.is_file():
        raise ArtifactError(f"{path}: no such file of weights")
    stated = models.get_model_weights(name).DEFAULT.transforms()
    size = stated.crop_size[0]
    feed = Feed(size, size, mean=tuple(stated.mean), std=tuple(stated.std)).asked(asked)
    more = {"weights": "random", "source": f"{TORCHVISION}:{name}?random"} if random_weights else {}
    called = asked.name or (f"{name}-random" if random_weights else name)
    return _measured(path, called, TORCHVISION, name, feed, more)


def _torchvision(name: str, path: Path | None) -> "nn.Module":
    """An architecture of torchvision without its last linear layer; random weights, always the same, without a file."""
    import torch
    from torch import nn
    from torchvision import models

    from ptmrec.zoo.shaping import bounded

    held = None if path is None else count_held([path])
    try:
        with torch.random.fork_rng(devices=[]), bounded(held):
            torch.manual_seed(0)
            network = models.get_model(name, weights=None)
        layers = [key for key, layer in network.named_modules() if isinstance(layer, nn.Linear)]
        for key in layers[-1:]:  # SqueezeNet has none, its classifier is its last map
            parent, _, own = key.rpartition(".")
            setattr(network.get_submodule(parent), own, nn.Identity())
        if path is not None:
            last = tuple(f"{key}." for key in layers[-1:])
            state = {key: tensor for key, tensor in read_tensors(path) if not key.startswith(last)}
            network.load_state_dict(state)
    except ArtifactError:
        raise
    except Exception as error:  # torchvision raises whatever does not fit
        raise ArtifactError(f"{path or name}: the weights do not fit {name} ({first_line(error)})") from None
    return network.eval()


def _measured(path: Path, name: str, library: str, model: str, feed: Feed, more: Mapping[str, str]) -> FileSnapshot:
    """A model with what running it once shows: parameters, features and, where torch counts them, operations."""
    from ptmrec.zoo.networks import measure
    from ptmrec.zoo.sources import plain_name

    architecture = {"library": library, "model": model, "source": str(path.absolute()), "feed": feed.to_dict(), **more}
    snapshot = FileSnapshot(path, Card(plain_name(name), library, architecture, 1, max(feed.height, feed.width)))
    loaded = snapshot.load()
    counted = measure(loaded)
    size = getattr(loaded.body, "num_params", None)  # of ONNX: torch counts neither its weights nor its operations
    if size is not None:
        counted |= {"num_params": max(size, 1), "gmacs": None}
    counted["num_params"] = counted["num_params"] or sum(b.numel() for b in loaded.body.buffers()) or 1
    return replace(snapshot, card=replace(snapshot.card, **counted))
