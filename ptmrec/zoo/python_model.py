"""Networks that are given as they stand in Python, and models of which only their registration is here."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from ptmrec.core.errors import ArtifactError, ConfigError, NoWeightsError
from ptmrec.core.log import logger
from ptmrec.zoo.card import UNKNOWN, Card
from ptmrec.zoo.feed import USUAL, Asked, FedModel, Feed, as_vectors, check_features
from ptmrec.zoo.hub import HubSnapshot

LIBRARY = "python"
HELD: "dict[str, PythonSnapshot]" = {}
"""Networks given in this process, by the hash of their weights: an answer in it can run them."""


class Layer(nn.Module):
    """A network as a module that maps images to features, on the device and in the mode it needs.

    Args:
        network: any; its mode is put back after each call.
        features: name of the submodule whose output is the features; without it timm's pooled ``forward_features``,
            ``forward_features`` where that gives vectors or maps, or the output of the network itself.

    Raises:
        ConfigError: no submodule of that name.
    """

    def __init__(self, network: nn.Module, features: str = "") -> None:
        super().__init__()
        self._own, self.features = (network,), features  # not as a part: modes that are set would be set in it
        if features and features not in dict(network.named_modules()):
            last = [name for name, _ in network.named_modules() if name][-6:]
            raise ConfigError(f"no submodule is called {features!r}; the last are {', '.join(last)}")

    @property
    def network(self) -> nn.Module:
        """The network as it was given."""
        return self._own[0]

    def forward(self, images: Tensor) -> Tensor:
        """Vectors ``(B, d)`` of images ``(B, C, H, W)``, on the processor."""
        held = next((part for part in (*self.network.parameters(), *self.network.buffers())), images)
        images = images.to(held.device)
        with evaluating(self.network):
            found = self._run(images)
        found = getattr(found, "pooler_output", found)
        return as_vectors(found, len(images)).cpu()

    def _run(self, images: Tensor) -> Any:
        network = self.network
        if self.features:
            seen: list[Any] = []
            hook = network.get_submodule(self.features).register_forward_hook(lambda *parts: seen.append(parts[2]))
            try:
                network(images)
            finally:
                hook.remove()
            if not seen:
                raise ArtifactError(f"its submodule {self.features!r} is never called; name another")
            return seen[-1]
        if not hasattr(network, "forward_features"):
            return network(images)
        found = network.forward_features(images)
        head = getattr(network, "forward_head", None)
        return head(found, pre_logits=True) if head and hasattr(network, "reset_classifier") else found


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """A network in evaluation mode; each of its modules has its own mode back afterwards."""
    before = [(module, module.training) for module in network.modules()]
    network.eval()
    try:
        yield
    finally:
        for module, training in before:
            module.training = training


@dataclass(frozen=True)
class PythonSnapshot(HubSnapshot):
    """A network of this process.

    Attributes:
        model: the network, ready to run.
    """

    model: FedModel | None = None

    def _in_memory(self) -> list[tuple[str, Tensor]]:
        return [(name, tensor.detach().cpu()) for name, tensor in self.model.body.network.state_dict().items()]

    def load(self) -> FedModel:
        """The network itself, no copy."""
        return self.model


@dataclass(frozen=True)
class SharedSnapshot(HubSnapshot):
    """A model that was registered elsewhere, or in another process: its weights are not here.

    Attributes:
        weights: their SHA-256.
    """

    weights: str = ""

    def _in_memory(self) -> list[tuple[str, Tensor]]:
        return self.load()  # which says where they are

    def digest(self) -> str:
        """SHA-256 of the weights the registration belongs to."""
        return self.weights

    def load(self) -> FedModel:
        """There is nothing to load.

        Raises:
            NoWeightsError: always.
        """
        own = self.card.architecture.get("library") == LIBRARY
        how = "give the network to ptmrec.add_model again" if own else f"get it with: ptmrec zoo add {self.source}"
        raise NoWeightsError(f"{self.name} is ranked by its registration, its weights are not here; {how}")


def open_module(
    network: nn.Module,
    transform: Callable[[Any], Tensor] | None = None,
    asked: Asked | None = None,
    licence: str = UNKNOWN,
    trained_on: str = UNKNOWN,
) -> PythonSnapshot:
    """A network with its card, checked.

    Args:
        network: any module; it is not changed.
        transform: makes the tensor ``(C, H, W)`` of a PIL image, as in training. Without it images are resized and
            centred as ``asked`` says, else as timm says of its own models, else as is usual for ImageNet.
        asked: name, size of images, layer.
        licence: of its weights.
        trained_on: image set it was trained on last.

    Raises:
        ArtifactError: its features cannot be relied on.
        ConfigError: no submodule of the name asked for.
    """
    from ptmrec.zoo.networks import measure
    from ptmrec.zoo.sources import plain_name

    asked = asked or Asked()
    kind = type(network).__name__
    feed = _feed(network).asked(asked)
    if transform is None and asked.input_size is None and not hasattr(network, "default_cfg"):
        taken = f"{feed.height} pixels, centred as for ImageNet, are taken"
        logger.warning("%s: nothing states its images; %s", kind, taken)
    model = check_features(FedModel(Layer(network, asked.features), feed, transform).eval(), kind)
    architecture = {"library": LIBRARY, "model": kind, "source": f"{LIBRARY}:{kind}", "feed": feed.to_dict()}
    shown = hashlib.sha256(repr(transform).encode()).hexdigest()[:16]  # another one gives other features
    architecture |= {key: word for key, word in (("features", asked.features), ("transform", shown)) if word}
    sets = [] if trained_on == UNKNOWN else [trained_on]
    about = {"source_dataset": trained_on, "licence": licence, "datasets": sets}
    card = Card(plain_name(asked.name or kind), kind.lower(), architecture, 1, model.input_size, **about)
    snapshot = PythonSnapshot(Path(card.name), card, model)
    counted = measure(model) if transform is None else {}
    size = sum(part.numel() for part in network.parameters())
    counted |= {"num_params": max(size, 1), "num_features": model.num_features}
    snapshot = replace(snapshot, card=replace(card, **counted))
    HELD[snapshot.digest()] = snapshot
    return snapshot


def _feed(network: nn.Module) -> Feed:
    """What timm says of its own models, else what is usual."""
    stated = getattr(network, "default_cfg", None) or {}
    _, height, width = stated.get("input_size", (3, USUAL, USUAL))
    colours = {key: tuple(stated[key]) for key in ("mean", "std") if key in stated}
    first = next((layer for layer in network.modules() if isinstance(layer, nn.Conv2d)), None)
    return Feed(height, width, 1 if first is not None and first.in_channels == 1 else 3, **colours)
