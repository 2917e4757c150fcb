"""What ``ptmrec zoo add SOURCE`` takes: folders, files, Hub ids, ``timm:NAME``, ``open_clip:NAME/TAG``, and others."""

import os
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ptmrec.config.sections import PathsConfig
from ptmrec.core.errors import ArtifactError
from ptmrec.core.files import read_json
from ptmrec.core.words import suggest
from ptmrec.zoo.card import CARD_NAME, CLIP_CONFIG, LONGEST_NAME, card_from, read_card
from ptmrec.zoo.hub import (
    HubSnapshot,
    clip_architecture,
    input_size_of,
    read_hub_folder,
    restore,
    timm_architecture,
    untrained,
)
from ptmrec.zoo.hub_card import check_size
from ptmrec.zoo.hub_files import HUB_ID, count_parameters, hub_folder
from ptmrec.zoo.real import RealSnapshot, read_real
from ptmrec.zoo.snapshot import PICKLES, Snapshot, check_links, holds_model, read_snapshot, weight_files

if TYPE_CHECKING:
    from timm.models import PretrainedCfg

    from ptmrec.zoo.feed import Asked

TIMM, OPEN_CLIP, TORCHVISION, RANDOM = "timm:", "open_clip:", "torchvision:", "?random"
KINDS = "a folder, an .onnx or .pt2 file, a Hub id owner/name, timm:NAME, open_clip:NAME/TAG or torchvision:NAME"

FILES = ("onnx", "torch.export", "torchvision")
"""Libraries whose models are one file each."""
ONLY_FILES = "--name, --input-size, --features, --mean, --std and --weights are for files and torchvision models"


def list_sources(source: str) -> list[str]:
    """The sources of one model each that a source stands for: the folders in a folder of models, else itself.

    Raises:
        ArtifactError: a folder that holds no models.
    """
    folder = Path(source)
    if source.startswith((TIMM, OPEN_CLIP, TORCHVISION)) or not os.path.isdir(source):
        return [source]
    if holds_model(folder) or (folder / CLIP_CONFIG).is_file():
        return [source]
    parts = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    if not parts:
        raise ArtifactError(f"{source}: no model there; a model folder holds {CARD_NAME} and model.safetensors")
    return [str(path) for path in parts]


def open_source(
    source: str, paths: PathsConfig, random_weights: bool = False, asked: "Asked | None" = None
) -> Snapshot:
    """The model of a source of one model.

    Args:
        source: see :func:`list_sources`; ``?random`` at the end of a name asks for random weights.
        paths: where the cards of real models in packages lie.
        random_weights: take random weights, of timm, open_clip and torchvision.
        asked: what a person says of a file, or of a torchvision model, that it does not say itself.

    Raises:
        ArtifactError: nothing such is known.
        ArtifactError: files are missing, damaged, pickled only or of another model, or cannot be fetched.
    """
    name, untrained_too = source.removesuffix(RANDOM), random_weights or source.endswith(RANDOM)
    if name.startswith(TORCHVISION) or (os.path.isfile(source) and not untrained_too):
        from ptmrec.zoo.feed import Asked
        from ptmrec.zoo.file_model import open_file, open_torchvision

        if name.startswith(TORCHVISION):
            return open_torchvision(name.removeprefix(TORCHVISION), asked or Asked(), untrained_too)
        return open_file(Path(source), asked or Asked())
    if asked is not None:
        raise ArtifactError(f"{source}: states its name, images, features and weights itself; {ONLY_FILES}")
    if name.startswith(TIMM):
        return _open_timm(name.removeprefix(TIMM), paths, untrained_too)
    if name.startswith(OPEN_CLIP):
        return _open_clip(name.removeprefix(OPEN_CLIP), untrained_too)
    if untrained_too:
        raise ArtifactError(f"{source}: random weights are for {TIMM}NAME, {OPEN_CLIP}NAME and {TORCHVISION}NAME only")
    if os.path.isdir(source):  # unlike a path's own method it takes any name, however long
        return open_folder(Path(source))
    if Path(source).suffix in (".onnx", ".pt2", ".safetensors", *PICKLES):
        raise ArtifactError(f"{source}: no such file; check its path")
    if os.path.exists(source) or not HUB_ID.fullmatch(source):
        raise ArtifactError(f"{source}: no model folder of that name; give {KINDS}")
    return read_hub_folder(hub_folder(source), source, plain_name(source.replace("/", "--", 1)))


def open_folder(folder: Path) -> Snapshot:
    """The model of a local folder, of this project's format or Hub-style.

    Raises:
        ArtifactError: the folder is gone, or its files are missing or damaged.
    """
    if not folder.is_dir():
        raise ArtifactError(f"{folder}: the folder is gone")
    check_links(folder)
    config = read_json(folder / CARD_NAME) if (folder / CARD_NAME).is_file() else None
    own = config.get("architecture") if isinstance(config, Mapping) else None
    if not isinstance(own, Mapping):
        return read_hub_folder(folder, str(folder.absolute()), plain_name(folder.absolute().name))
    if "package" in own:
        snapshot = RealSnapshot(folder, read_card(folder))
        snapshot.check_origin()
        snapshot._read()  # one line now, when the package is missing
        return snapshot
    snapshot = read_snapshot(folder)
    size = check_size(snapshot.name, snapshot.card.num_params, count_parameters(weight_files(folder)))
    return replace(snapshot, card=replace(snapshot.card, num_params=size))  # what the tensors hold counts


def record_of(snapshot: Snapshot) -> dict[str, Any]:
    """What to write down of a model to have it again without network: its folder, and the card that was made here."""
    if not isinstance(snapshot, HubSnapshot):
        return {"folder": str(snapshot.folder.absolute())}
    gone = snapshot.untrained or snapshot.card.architecture.get("library") == "python"
    folder = snapshot.folder if gone else snapshot.folder.absolute()
    return {"folder": str(folder), "card": snapshot.card.to_dict()}


def from_record(record: Mapping[str, Any]) -> Snapshot:
    """The model that :func:`record_of` wrote down.

    Raises:
        ArtifactError: its files are gone or damaged.
    """
    folder, stated = Path(record["folder"]), record.get("card")
    if stated is None:
        return open_folder(folder)
    card = card_from(stated, folder, gaps=True)
    library = card.architecture.get("library")
    if record.get("imported") or library == "python":
        from ptmrec.zoo.python_model import HELD, SharedSnapshot

        weights = str(record.get("weights"))
        held = HELD.get(weights)
        return held if held is not None and held.card == card else SharedSnapshot(folder, card, weights)
    if library in FILES:
        from ptmrec.zoo.file_model import FileSnapshot

        snapshot = FileSnapshot(folder, card)
        if not snapshot.untrained and not folder.is_file():
            raise ArtifactError(f"{folder}: the file of {card.name} is gone")
        return snapshot
    return restore(folder, card)


def repository_of(source: str, paths: PathsConfig) -> tuple[str, str]:
    """Hub id of the weights of a published model and the library that knows it; an empty id where a package has them.

    Args:
        source: ``timm:NAME``, ``open_clip:NAME/TAG`` or a Hub id.
        paths: where the cards of real models in packages lie.

    Raises:
        ArtifactError: nothing such is known, or its weights are pickles.
    """
    if source.startswith(TIMM):
        found = _find_timm(source.removeprefix(TIMM), paths)
        return ("" if isinstance(found, RealSnapshot) else str(found.hf_hub_id)), TIMM[:-1]
    if source.startswith(OPEN_CLIP):
        name = source.removeprefix(OPEN_CLIP)
        return _clip_id(name, _find_clip(name)[1]), OPEN_CLIP[:-1]
    if not HUB_ID.fullmatch(source):
        raise ArtifactError(f"{source}: no Hub id, so nobody knows where its weights are")
    return source, ""


def _find_timm(name: str, paths: PathsConfig) -> "RealSnapshot | PretrainedCfg":
    """The model in an installed package, or what timm states of the weights of that name."""
    model, stated = _known_timm(name)
    for packaged in read_real(paths.real):
        if "." not in name and packaged.card.architecture.get("model") == model:
            return packaged
    if not stated or not stated.hf_hub_id:
        what = "timm names no repository with safetensors for it"
        raise ArtifactError(f"{TIMM}{name}: {what}; {_random_too(TIMM, model)}")
    return stated


def _known_timm(name: str) -> "tuple[str, PretrainedCfg | None]":
    """A model of timm and what it states of the weights of that name."""
    import timm

    model, _, tag = name.partition(".")
    if not timm.is_model(model):
        raise ArtifactError(f"{TIMM}{name}: timm knows no model {model!r}{suggest(model, timm.list_models())}")
    tags = [entry for entry in timm.list_pretrained(f"{model}.*") if entry.partition(".")[0] == model]
    if tag and name not in tags:
        raise ArtifactError(f"{TIMM}{name}: timm knows no weights {tag!r} of {model}{suggest(name, tags)}")
    return model, timm.get_pretrained_cfg(name, allow_unregistered=True)


def _open_timm(name: str, paths: PathsConfig, random_weights: bool) -> Snapshot:
    if random_weights:
        from timm.models import PretrainedCfg

        model, stated = _known_timm(name)
        inner = (stated or PretrainedCfg()).to_dict()
        architecture, size = timm_architecture(model, inner), input_size_of({"pretrained_cfg": inner})
        return untrained(architecture, f"{TIMM}{model}{RANDOM}", f"{model}-random", size)
    found, model = _find_timm(name, paths), name.partition(".")[0]
    if isinstance(found, RealSnapshot):
        return found
    whole = f"{model}.{found.tag}" if found.tag else model
    folder = _fetched(f"{TIMM}{name}", found.hf_hub_id, TIMM, model)
    own = None if (folder / CARD_NAME).is_file() else timm_architecture(model, found.to_dict())  # timm fetches none
    return read_hub_folder(folder, f"{TIMM}{whole}", plain_name(whole), found.tag or "", own)


def _find_clip(name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """How open_clip builds the model of a name, and what it states of its weights."""
    import open_clip

    model, _, tag = name.partition("/")
    stated = None if ":" in model else open_clip.get_model_config(model)  # a colon would name another source
    if stated is None:
        like = suggest(model, open_clip.list_models())
        raise ArtifactError(f"{OPEN_CLIP}{name}: open_clip knows no model {model!r}{like}")
    return stated, open_clip.get_pretrained_cfg(model, tag) if tag else {}


def _clip_id(name: str, colours: Mapping[str, Any]) -> str:
    """Hub id of weights that open_clip knows."""
    import open_clip

    model = name.partition("/")[0]
    if not colours:
        tags = open_clip.list_pretrained_tags_by_model(model)
        raise ArtifactError(f"{OPEN_CLIP}{name}: name its weights, one of {', '.join(tags) or 'none that is known'}")
    hub_id = str(colours.get("hf_hub") or "").rstrip("/")
    if not HUB_ID.fullmatch(hub_id):
        what = (
            f"{hub_id.rpartition('/')[2]} is a pickle" if Path(hub_id).suffix in PICKLES else "they are not on the Hub"
        )
        raise ArtifactError(f"{OPEN_CLIP}{name}: {what}, which is never read; {_random_too(OPEN_CLIP, model)}")
    return hub_id


def _open_clip(name: str, random_weights: bool) -> Snapshot:
    stated, colours = _find_clip(name)
    model, _, tag = name.partition("/")
    gelu = {"quick_gelu": True} if colours.get("quick_gelu") else {}
    architecture = clip_architecture(model, {**stated, **gelu}, colours)
    if random_weights:
        size = input_size_of({"open_clip": architecture})
        return untrained(architecture, f"{OPEN_CLIP}{model}{RANDOM}", f"{model}-random", size)
    folder = _fetched(f"{OPEN_CLIP}{name}", _clip_id(name, colours), OPEN_CLIP, model)
    return read_hub_folder(folder, f"{OPEN_CLIP}{name}", plain_name(name.replace("/", "--")), tag, architecture)


def _fetched(source: str, hub_id: str, kind: str, model: str) -> Path:
    """The folder of a repository's files; an error names the source."""
    try:
        return hub_folder(hub_id, library=kind[:-1])
    except ArtifactError as error:
        raise type(error)(f"{source}: {error}, or {_random_too(kind, model)}") from None


def plain_name(name: str) -> str:
    """A name without what a card's name may not hold."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).lstrip("._-")[:LONGEST_NAME] or "model"


def _random_too(kind: str, model: str) -> str:
    return f"try untrained weights: {kind}{model}{RANDOM}"
