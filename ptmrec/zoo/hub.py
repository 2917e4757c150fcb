"""Models of timm and open_clip that lie in a Hub-style folder, or have random weights: card, weights, rebuilding."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ptmrec.core.errors import ArtifactError, first_line, reading
from ptmrec.core.files import read_json
from ptmrec.core.log import logger
from ptmrec.zoo.card import CARD_NAME, CLIP_CONFIG, LARGEST_IMAGE, UNKNOWN, Card
from ptmrec.zoo.hub_card import LONGEST_WORD, check_size, read_stated
from ptmrec.zoo.hub_files import count_parameters, hub_folder, model_files
from ptmrec.zoo.shaping import KEPT, is_architecture
from ptmrec.zoo.snapshot import Snapshot, count_held

if TYPE_CHECKING:
    from torch import Tensor

    from ptmrec.zoo.feed import FedModel
    from ptmrec.zoo.photo_model import PhotoModel

TRANSFORMERS = "transformers"
"""Library that cards of its models name."""
CARD_ONLY = "card_only"
"""Key of an architecture that cannot be built, with the reason."""


@dataclass(frozen=True)
class HubSnapshot(Snapshot):
    """A model whose card was made here: its folder holds what its author wrote, or nothing when it is untrained."""

    @property
    def source(self) -> str:
        """What to give ``ptmrec zoo add`` to have it again."""
        return str(self.card.architecture.get("source", self.folder))

    @property
    def untrained(self) -> bool:
        """Whether its weights are random."""
        return self.card.architecture.get("weights") == "random"

    @property
    def problem(self) -> str:
        """Why the model cannot be run; empty when it can."""
        return str(self.card.architecture.get(CARD_ONLY, ""))

    def _in_memory(self) -> "list[tuple[str, Tensor]] | None":
        """The weights of an untrained model, which are made."""
        if not self.untrained:
            return None
        from ptmrec.zoo.networks import build_network

        made = build_network(self.card.architecture, self.card.input_size, self.card.seed)
        return list(made.state_dict().items())

    def _files(self) -> list[Path]:
        return model_files(self.folder, str(self.card.architecture.get("library")))

    def load(self) -> "PhotoModel | FedModel":
        """Rebuild the model in evaluation mode, float32.

        Raises:
            ArtifactError: it is known by its card only, or its weights are missing, damaged or of another model.
        """
        from ptmrec.zoo.networks import as_photo_model, build_network, fill

        if self.problem:
            raise ArtifactError(f"{self.source}: {self.problem}")
        architecture, size = self.card.architecture, self.card.input_size
        try:
            if architecture.get("library") == TRANSFORMERS:
                return self._load_transformers()
            held = None if self.untrained else count_held(self._files())
            network = build_network(architecture, size, self.card.seed, held)
            if not self.untrained:
                fill(network, self.tensors(), architecture)
            return as_photo_model(network, architecture, size)
        except ArtifactError as error:
            text = str(error)
            raise ArtifactError(text if self.source in text else f"{self.source}: {text}") from None

    def _load_transformers(self) -> "FedModel":
        from ptmrec.zoo.feed import FedModel, check_features, feed_of
        from ptmrec.zoo.transformers_models import build_transformers

        architecture, held = self.card.architecture, count_held(self._files())
        try:
            network = build_transformers(architecture, held, self.tensors())
        except ArtifactError:
            raise
        except Exception as error:  # the library raises whatever a strange configuration brings about
            raise ArtifactError(f"transformers cannot build it ({first_line(error)})") from None
        return check_features(FedModel(network, feed_of(architecture.get("feed"))).eval(), self.source)


def _read_object(path: Path) -> dict[str, Any]:
    """The object in a JSON file, empty where there is no such file."""
    found = read_json(path) if path.is_file() else {}
    if not isinstance(found, dict):
        raise ArtifactError(f"{path}: expected a JSON object, found {type(found).__name__}")
    return found


def read_hub_folder(
    folder: Path, source: str, name: str, tag: str = "", built: Mapping[str, Any] | None = None
) -> HubSnapshot:
    """The model of a Hub-style folder with its card, everything of which is measured where it can be.

    Args:
        folder: with ``config.json`` or ``open_clip_config.json``, safetensors, and maybe ``README.md``.
        source: what to give ``ptmrec zoo add`` to have it again.
        name: of the model.
        tag: of its weights in timm or open_clip, where it is known.
        built: how to build it, when that is known from elsewhere than its ``config.json``.

    Raises:
        ArtifactError: a file is missing or damaged, or the weights do not fit the architecture.
    """
    with reading(folder, "mend its files"):
        files, config = model_files(folder), read_config(folder, needed=built is None)
        (stated, size), architecture = read_stated(folder, config, tag), built or _architecture(config, folder)
        known = {"weights": "files", "source": source, "hub_id": _hub_id(folder)}
        architecture = {**architecture, **{key: value for key, value in known.items() if value}}
        card = _first_card(name, architecture, stated, config)
        if CARD_ONLY in architecture:
            measured = count_parameters(files)
            if not measured:
                raise ArtifactError(f"{folder}: its weights hold no numbers; fetch or save them again")
            return HubSnapshot(folder, replace(card, num_params=check_size(name, size, measured)))
        return measured_snapshot(HubSnapshot(folder, card), size)


def measured_snapshot(snapshot: HubSnapshot, stated: int | None = None) -> HubSnapshot:
    """A model with what running it once shows: parameters, features, cost; ``stated`` parameters are compared.

    Raises:
        ArtifactError: the model cannot be built or run.
    """
    from ptmrec.zoo.networks import measure, timm_family

    found, architecture = measure(snapshot.load()), snapshot.card.architecture
    check_size(snapshot.name, stated, found["num_params"])
    family = "clip" if "clip" in architecture["library"] + architecture["model"] else architecture["model"]
    family = timm_family(architecture["model"]) if architecture["library"] == "timm" else family
    return replace(snapshot, card=replace(snapshot.card, family=family, **found))


def untrained(architecture: Mapping[str, Any], source: str, name: str, input_size: int) -> HubSnapshot:
    """A model with random weights; its card says so."""
    recipe = {"weights": "random: untrained, for tests and comparisons"}
    whole = {**architecture, "weights": "random", "source": source}
    card = Card(name, UNKNOWN, whole, 1, input_size, source_dataset="none", recipe=recipe)
    return measured_snapshot(HubSnapshot(Path(name), card))


def restore(folder: Path, card: Card) -> HubSnapshot:
    """A model that was read before; of one from the Hub the local cache is searched when its folder has moved.

    Raises:
        ArtifactError: its weights are gone.
    """
    snapshot = HubSnapshot(folder, card)
    if snapshot.untrained:
        return snapshot
    if not folder.is_dir():
        hub_id = card.architecture.get("hub_id")
        if not hub_id:
            raise ArtifactError(f"{folder}: the folder of {card.name} is gone")
        moved = hub_folder(str(hub_id), offline=True, library=str(card.architecture["library"]))
        snapshot = replace(snapshot, folder=moved)
    model_files(snapshot.folder)
    return snapshot


def read_config(folder: Path, needed: bool = True) -> dict[str, Any]:
    """``config.json`` of a Hub-style folder and, under ``open_clip``, what open_clip writes beside it.

    Args:
        folder: the folder.
        needed: raise when there is neither, instead of giving nothing.

    Raises:
        ArtifactError: there is neither, or one is damaged.
    """
    if needed and not any((folder / name).is_file() for name in (CARD_NAME, CLIP_CONFIG)):
        raise ArtifactError(f"{folder}: no {CARD_NAME}; a model folder needs one beside its weights")
    config, clip = _read_object(folder / CARD_NAME), _read_object(folder / CLIP_CONFIG)
    return config | ({"open_clip": clip} if clip else {})


def _architecture(config: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """How to build the model, or why it cannot be."""
    from ptmrec.zoo.transformers_models import INSTALL, is_supported, transformers_architecture

    model, clip = config.get("architecture"), config.get("open_clip")
    if is_architecture(model):
        inner, options = _part(config, "pretrained_cfg"), _part(config, "model_args")
        return timm_architecture(model, inner, config.get("num_classes"), options)
    if isinstance(clip, Mapping) and isinstance(clip.get("model_cfg"), Mapping):
        return clip_architecture("image tower", clip["model_cfg"], _part(clip, "preprocess_cfg"))
    supported = is_supported(config.get("model_type"))
    if supported and find_spec(TRANSFORMERS):
        return transformers_architecture(config, _read_object(folder / "preprocessor_config.json"))
    if supported:
        reason = f"models of transformers need the package; run: {INSTALL}"
    elif "auto_map" in config:
        reason = "its architecture is code in its repository, which is never run"
    elif isinstance(model, str):
        reason = f"timm knows no architecture {model[:LONGEST_WORD]!r}"
    else:
        kind = config.get("model_type") or config.get("library_name") or "one that is not stated"
        reason = f"its library ({str(kind)[:LONGEST_WORD]}) is none that is supported (timm, open_clip, transformers)"
    named = str(model or config.get("model_type") or UNKNOWN)[:LONGEST_WORD]
    return {"library": UNKNOWN, "model": named, CARD_ONLY: reason}


def timm_architecture(
    model: str, stated: Mapping[str, Any], num_classes: int | None = None, options: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """How to build one of timm's models.

    Args:
        model: its name in timm.
        stated: its ``pretrained_cfg``.
        num_classes: of its classifier; without it as in ``stated``.
        options: further arguments of its builder.
    """
    kept = {key: list(v) if isinstance(v, tuple) else v for key, v in stated.items() if key in KEPT and v is not None}
    classes = stated.get("num_classes") if num_classes is None else num_classes
    found = {"library": "timm", "model": model, "pretrained_cfg": kept}
    found |= {} if classes is None else {"num_classes": classes}
    return found | ({"model_args": dict(options)} if options else {})


def clip_architecture(model: str, stated: Mapping[str, Any], colours: Mapping[str, Any]) -> dict[str, Any]:
    """How to build the image tower of an open_clip model, from its ``model_cfg`` and ``preprocess_cfg``."""
    from open_clip import OPENAI_DATASET_MEAN, OPENAI_DATASET_STD

    kept = {key: stated.get(key) for key in ("embed_dim", "vision_cfg", "quick_gelu") if key in stated}
    mean, std = colours.get("mean") or OPENAI_DATASET_MEAN, colours.get("std") or OPENAI_DATASET_STD
    return {"library": "open_clip", "model": model, "model_cfg": kept, "mean": list(mean), "std": list(std)}


def input_size_of(config: Mapping[str, Any], model: str = "") -> int | None:
    """Height and width of a model's images in pixels, None where neither its configuration nor timm states it.

    Raises:
        ArtifactError: they are not square.
    """
    import timm

    vision = _part(_part(_part(config, "open_clip"), "model_cfg"), "vision_cfg")
    stated = _part(config, "pretrained_cfg").get("input_size") or config.get("image_size") or vision.get("image_size")
    if stated is None and is_architecture(model):
        stated = timm.get_pretrained_cfg(model, allow_unregistered=True).input_size
    sides = list(stated[-2:]) if isinstance(stated, list | tuple) and stated else [stated]
    if sides[0] != sides[-1]:
        raise ArtifactError(f"its images are {sides[0]} x {sides[1]} pixels, and only square ones are made")
    size = sides[0]
    return size if isinstance(size, int) and not isinstance(size, bool) and size > 0 else None


def _first_card(
    name: str, architecture: Mapping[str, Any], stated: Mapping[str, Any], config: Mapping[str, Any]
) -> Card:
    """The card before anything of the model was run."""
    clip = {"open_clip": architecture} if "model_cfg" in architecture else config
    feed = architecture.get("feed")
    try:
        size = max(feed["height"], feed["width"]) if feed else input_size_of(clip, architecture["model"])
    except ArtifactError as error:
        raise ArtifactError(f"{name}: {error}") from None
    if size is not None and size > LARGEST_IMAGE:
        if CARD_ONLY not in architecture:
            raise ArtifactError(f"{name}: its images are {size:,} pixels high, and at most {LARGEST_IMAGE:,} are made")
        size = None
    if size is None and CARD_ONLY not in architecture:
        size = 224
        logger.warning("%s: nothing states the size of its images; 224 pixels are taken", name)
    family = str(config.get("model_type") or UNKNOWN)[:LONGEST_WORD]
    return Card(name, family, architecture, 1, size, **stated)


def _part(config: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """What a configuration holds under a key, nothing when that is no object."""
    found = config.get(key)
    return found if isinstance(found, Mapping) else {}


def _hub_id(folder: Path) -> str:
    """Hub id with the revision that was read, for a folder of the Hub's cache; empty for any other."""
    found = re.search(r"models--([^/]+)/snapshots/([0-9a-f]+)$", folder.as_posix())
    return f"{found[1].replace('--', '/', 1)}@{found[2]}" if found else ""
